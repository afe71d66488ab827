"""A customer has their own data erased, in the chat: asked once more, then done."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store import erasures
from crm_store.messages import Content


@action("action_erase_my_data")
def erase_my_data(turn: Turn) -> Iterable[Content]:
    """Ask whether really to erase everything."""
    return turn.say("utter_erase_my_data")


@action("action_erase_my_data_now")
def erase_my_data_now(turn: Turn) -> Iterable[Content]:
    """Have everything erased as soon as this last word, which names nobody, has reached the customer."""
    erasures.ask(turn.session, turn.customer_id, turn.now, answers=turn.message_id)
    turn.note("erasure", "customer", True)
    return turn.say("utter_data_erased")


@action("action_keep_my_data")
def keep_my_data(turn: Turn) -> Iterable[Content]:
    """Keep everything after all."""
    return turn.say("utter_data_kept")
