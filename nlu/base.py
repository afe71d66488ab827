"""The two protocols of this folder: an interpreter (text to meaning) and a dialogue (state to action).

Pure: no database, no customer. Each has an embedded engine here and may have a remote one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol

from crm_store.messages import Understanding
from nlu.moves import Event

LISTEN = "action_listen"
REQUESTED = "requested_slot"
EMBEDDED = "embedded"  # the name of our own engine, in what it has understood


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
    loop_rejected: bool = False
    followup: str = ""  # the next action, named by the last one
    paused: bool = False
    moves: list[dict[str, Any]] = field(default_factory=list)  # what was done; see moves.py
    now: dict[str, Any] = field(default_factory=dict)  # the snapshot of this moment; see snapshots.py
    base: dict[str, Any] = field(default_factory=dict)  # where the first move began
    earlier: dict[str, Any] = field(default_factory=dict)  # what came before, to go back to; see tracker.py
    pending: dict[str, Any] = field(default_factory=dict)  # a form that waits for an action to run
    lately: list[str] = field(default_factory=list)  # the last intents; empty for one that was taken back
    done: list[str] = field(default_factory=list)  # actions since the last user message
    started: bool = False  # the first user message has been heard
    heard_at: float = 0.0  # when the last message was; seconds since 1970
    misses: int = 0  # messages in a row that were not understood
    asked_back: list[str] = field(default_factory=list)  # choices that were offered last
    text: str = ""  # the last message, where rules go by words
    user: dict[str, Any] = field(default_factory=dict)  # intent and entities as rules see them
    filled: list[str] = field(default_factory=list)  # slots that were set since the last message
    decided_by: str = ""  # `Decision.by` of the last action
    refused: str = ""  # the action that has just refused to run
    recorded: dict[str, Any] = field(default_factory=dict)  # bound slots, as the record last had them

    @property
    def requested_slot(self) -> str | None:
        """What the form has asked for."""
        asked = self.slots.get(REQUESTED)
        return asked if isinstance(asked, str) else None

    def but(self, **changes: Any) -> State:
        """The same but for these."""
        found = State(*_parts(self))
        for name, value in changes.items():
            setattr(found, name, value)
        return found

    def to_json(self) -> dict[str, Any]:
        """The state as a JSON object without its empty parts: what `State` takes."""
        return {name: part for name, part in zip(_PARTS, _parts(self), strict=True) if part}


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

    def after(
        self, state: State, decision: Decision, slots: Mapping[str, Any], events: Sequence[Event] = ()
    ) -> State:
        """The state after an action has run; `slots` are those it set, `events` what else it brought."""

    def refused(self, state: State, decision: Decision) -> State:
        """The state after an action would not run: something else is decided then."""

    def know(self, state: State, slots: Mapping[str, Any]) -> State:
        """The state with slots that were learnt elsewhere, as from the customer's record."""

    def leave(self, state: State) -> State:
        """The state without the form that was open, if one was."""

    def ask_again(self, state: State, heard: Understanding) -> Decision | None:
        """What the open form asks for, once more; None where none is open or an action has to run first."""
