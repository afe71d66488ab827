"""A customer wants no marketing any more."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store import consents
from crm_store.messages import Content


@action("action_opt_out", always=True)
def opt_out(turn: Turn) -> Iterable[Content]:
    """Withdraw the consent to marketing, with this message as the proof; ask first if unsure."""
    if not turn.is_sure:
        return turn.say("utter_confirm_opt_out")
    consents.withdraw(turn.session, turn.customer_id, "marketing", source_id=turn.message_id, now=turn.now)
    turn.note("consent", "marketing", False)
    return turn.say("utter_opted_out")
