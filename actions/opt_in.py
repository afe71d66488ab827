"""A customer wants to hear from us."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store import consents
from crm_store.messages import Content


@action("action_opt_in", always=True)
def opt_in(turn: Turn) -> Iterable[Content]:
    """Grant the consent to marketing, with this message as the proof; ask first if unsure."""
    if not turn.is_sure:
        return turn.say("utter_confirm_opt_in")
    consents.grant(turn.session, turn.customer_id, "marketing", source_id=turn.message_id, now=turn.now)
    turn.note("consent", "marketing", True)
    return turn.say("utter_opted_in")
