"""Answer a question that has a ready answer."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store.messages import Content


@action("action_answer_faq")
def answer_faq(turn: Turn) -> Iterable[Content]:
    """Say the answer of the FAQ entry in `arguments["entry"]`, such as `faq/opening_hours`."""
    entry = str(turn.arguments.get("entry", ""))
    answer = turn.say(f"utter_{entry}")
    if not answer:
        # The entry was removed after the model had learned it.
        return turn.say("utter_offer_help")
    turn.note("faq", "entry", entry)
    return answer
