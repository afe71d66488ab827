"""The two protocols of this folder: an interpreter (text to meaning) and a dialogue (state to action).

Pure: no database, no customer. Each has an embedded engine here and may have a remote one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

from crm_store.messages import Understanding

LISTEN = "action_listen"


class Interpreter(Protocol):
    """From text to meaning."""

    @property
    def remote(self) -> bool:
        """True: asked per conversation (it may be slow); False: asked in batches, in a thread."""

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """One understanding a text, in order. Any text: empty, noise, ten thousand characters."""


@dataclass(slots=True)
class State:
    """Where a dialogue stands. Plain JSON values only: it is a row between two turns."""

    slots: dict[str, Any] = field(default_factory=dict)
    active_loop: str | None = None  # the form that is being filled
    requested_slot: str | None = None
    loop_rejected: bool = False
    loop_interrupted: bool = False
    done: list[str] = field(default_factory=list)  # actions since the last user message
    started: bool = False  # the first user message has been heard
    misses: int = 0  # messages in a row that were not understood
    asked_back: list[str] = field(default_factory=list)  # choices that were offered last
    user: dict[str, Any] = field(default_factory=dict)  # intent and entities as rules see them
    filled: list[str] = field(default_factory=list)  # slots that the last message filled
    decided_by: str = ""  # `Decision.by` of the last action
    history: list[dict[str, Any]] = field(default_factory=list)  # snapshots, oldest first; see snapshots.py

    def but(self, **changes: Any) -> State:
        """The same but for these."""
        return State(**{**self.to_json(), **changes})

    def to_json(self) -> dict[str, Any]:
        """The state as a JSON object: what `State` takes."""
        return dict(zip(_PARTS, _parts(self), strict=True))


_PARTS = tuple(State.__dataclass_fields__)
_parts = attrgetter(*_PARTS)  # `dataclasses.replace` takes thrice as long, and turns do little else


@dataclass(frozen=True, slots=True)
class Decision:
    """The next action and why: the explanation that the console shows."""

    action: str
    by: str  # "exact", "form", "rule", "story", "faq", "ask_back", "hand_over", "listen", …
    name: str = ""  # the rule's, story's, form's or entry's name
    confidence: float = 0.0
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Dialogue(Protocol):
    """From dialogue state to the next action's name. `hear` once a message, then `decide` until LISTEN."""

    def hear(self, state: State, heard: Understanding) -> State:
        """The state after a user message: slots are filled from it as their mappings say."""

    def decide(self, state: State, heard: Understanding) -> Decision:
        """The next action, or LISTEN when it is the customer's turn."""

    def after(self, state: State, decision: Decision, slots: Mapping[str, Any]) -> State:
        """The state after an action has run; `slots` are those it set."""
