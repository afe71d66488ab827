"""Say politely that something was not understood, and what the bot can do."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store.messages import Content


@action("action_unclear")
def unclear(turn: Turn) -> Iterable[Content]:
    """Offer what the bot can do."""
    return turn.say("utter_offer_help")
