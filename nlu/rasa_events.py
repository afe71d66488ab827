"""The events that Rasa's action servers return, as a dialogue takes them in: see tracker.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nlu.moves import Event


def read_events(written: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events that change a dialogue, in their order. What is said, and what only notes, is left out."""
    return [event for item in written for event in _read(item)]


def _read(item: Mapping[str, Any]) -> list[Event]:
    name = item.get("name")
    match item.get("event"):
        case "slot" if name:
            return [["slot", str(name), item.get("value")]]
        case "active_loop" | "form":
            return [["loop", str(name) if name else None]]
        case "followup" if name:
            return [["followup", str(name)]]
        case "action_execution_rejected" if name:
            return [["rejected", str(name)]]
        case "action" if name:
            return [["act", str(name)]]
        case "reset_slots":
            return [["reset"]]
        case "session_started":
            return [["session"]]
        case "rewind" | "undo" | "restart" | "pause" | "resume" as kind:
            return [[str(kind)]]
    return []
