"""What a dialogue is made of: moves, each an action and the events behind it. Plain JSON, pure functions.

A move is `{"action": name, "events": [...]}`, with `"hidden": true` where only rules speak of it. Events,
in their order: `["user", part]`, `["slot", name, value]`, `["loop", name or null]`, `["rejected", action]`,
`["followup", action]`, `["reset"]`. A dialogue that goes on keeps `"seen"`, the snapshot before the action.
The functions change the list that they are given, never a move in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Move = dict[str, Any]
Event = list[Any]


def act(moves: list[Move], action: str, loops: Collection[str] = (), **more: Any) -> bool:
    """Add an action. A form that goes on as it should is one move: what was said in between is dropped.

    True: it was so. `more` is kept in the new move.
    """
    if action in loops and _goes_on(moves, action):
        _close_up(moves, action)
        return True
    moves.append({"action": action, "events": [], **more})
    return False


def happen(moves: list[Move], events: Sequence[Event]) -> None:
    """Add what happened since the last action."""
    last = moves[-1]
    moves[-1] = {**last, "events": [*last["events"], *events]}


def rewind(moves: list[Move]) -> Move | None:
    """Take back the newest message and all since: the move that it was in; None if there was none."""
    while moves:
        last = moves.pop()
        if any(event[0] == "user" for event in last["events"]):
            return last
    return None


def _goes_on(moves: Sequence[Move], loop: str) -> bool:
    """True: the form has run before, was not left since, and nothing else was answered in between."""
    later = ""
    for move in reversed(moves):
        for event in reversed(move["events"]):
            kind = event[0]
            if kind == "loop" and event[1] is None:
                return False
            if kind == "rejected" and event[1] == loop:
                return False
            if kind == "user" and later and later != loop:
                return False
        if move["action"] == loop:
            return True
        later = move["action"]
    return False


def _close_up(moves: list[Move], loop: str) -> None:
    kept: list[Event] = []
    while moves[-1]["action"] != loop:
        kept = [event for event in moves.pop()["events"] if event[0] != "user"] + kept
    happen(moves, kept)
