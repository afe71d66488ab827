"""Ask which of a few things was meant, with a button each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from actions.base import Turn, action
from crm_store.messages import Button, Content


@action("action_ask_back")
def ask_back(turn: Turn) -> Iterable[Content]:
    """Offer `arguments["choices"]` (`[{"kind": "faq", "name": "faq/address"}]`) and, last, a person."""
    choices = turn.arguments.get("choices") or ()
    buttons = [button for choice in choices if (button := _button(turn, choice))]
    question = turn.say("utter_ask_back")
    if not buttons or not question:
        return turn.say("utter_offer_help")
    person = _label(turn, "none_of_these")
    if person:
        buttons.append(Button(person, "/ask_for_person"))
    return [*question[:-1], replace(question[-1], buttons=tuple(buttons))]


def _button(turn: Turn, choice: Mapping[str, Any]) -> Button | None:
    # An entry that was added in the console has no label response: its own title serves.
    name = str(choice.get("name", ""))
    title = _label(turn, name) or str(choice.get("title", ""))
    return Button(title, f"/{name}") if name and title else None


def _label(turn: Turn, name: str) -> str:
    label = turn.say(f"utter_label/{name}")
    return label[0].text if label else ""
