"""What happens in a dialogue, as Rasa writes it: events for action servers. `rasa_events.py` reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crm_store.messages import Content
from nlu import forms
from nlu.base import Decision
from nlu.moves import Event

RasaEvent = dict[str, Any]


def user_event(parsed: Mapping[str, Any], channel: str, at: float) -> RasaEvent:
    """Words of the customer with what was made of them."""
    return {
        "event": "user",
        "timestamp": at,
        "text": parsed.get("text", ""),
        "parse_data": dict(parsed),
        "input_channel": channel,
        "metadata": {},
    }


def action_event(name: str, at: float) -> RasaEvent:
    """An action was run."""
    return {"event": "action", "timestamp": at, "name": name, "policy": None, "confidence": None}


def bot_event(content: Content, at: float) -> RasaEvent:
    """Something was said to the customer."""
    buttons = [{"title": button.title, "payload": button.payload} for button in content.buttons]
    media = content.media.url if content.media else ""
    shown = {"image": media} if content.kind == "image" else {"attachment": media or None}
    data = {"elements": None, "quick_replies": None, "buttons": buttons or None, "custom": None, **shown}
    return {"event": "bot", "timestamp": at, "text": content.text or None, "data": data, "metadata": {}}


def done_events(decision: Decision, brought: Iterable[RasaEvent], at: float) -> list[RasaEvent]:
    """What a decision that was carried out has led to: its action, and what that brought."""
    if {"run", "asked"} & set(decision.arguments):
        return [dict(event) for event in brought]
    name = decision.name if decision.by == forms.BY else decision.action
    own = [*decision.arguments.get("events", ()), *decision.arguments.get("then", ())]
    return [
        action_event(name, at),
        *(written(event, at) for event in own if event[0] in WRITTEN),
        *brought,
    ]


def slot_events(values: Mapping[str, Any], at: float) -> list[RasaEvent]:
    """Slots that were set."""
    return [
        {"event": "slot", "timestamp": at, "name": name, "value": value} for name, value in values.items()
    ]


WRITTEN = {"slot", "loop", "reset", "rejected", "followup", "restart", "rewind"}


def written(event: Event, at: float) -> RasaEvent:
    """One of our events as Rasa writes it."""
    kind, *rest = event
    match kind:
        case "slot":
            return {"event": "slot", "timestamp": at, "name": rest[0], "value": rest[1]}
        case "loop":
            return {"event": "active_loop", "timestamp": at, "name": rest[0]}
        case "rejected":
            return {"event": "action_execution_rejected", "timestamp": at, "name": rest[0], "policy": None}
        case "followup":
            return {"event": "followup", "timestamp": at, "name": rest[0]}
        case "reset":
            return {"event": "reset_slots", "timestamp": at}
    return {"event": kind, "timestamp": at}
