"""A dialogue's state, being changed: each event as Rasa's tracker takes it in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nlu.base import LISTEN, REQUESTED, State
from nlu.domain import TWO_STAGE, Domain
from nlu.moves import Event, Move, act, happen, rewind
from nlu.snapshots import Snapshot, Standing, Untold, happened, look_past, moved, start_of

KEPT_TURNS = 2  # so many are put aside, so that messages can be taken back
_LATELY = 3
_KEPT = ("language",)  # what the house knows of a customer outlives a restart


class Tracker:
    """Take the result from `state`; the state that was given stays as it was."""

    def __init__(self, state: State, domain: Domain) -> None:
        self.domain = domain
        # Moves and slots are changed in place, all else is replaced.
        self.state = state.but(moves=[*state.moves], slots={**state.slots})

    def begin(self) -> None:
        """Set the slots that are set from the start."""
        self.state.slots = {**self.domain.initial_slots(), **self.state.slots}
        self.state.started = True
        self.state.now = self._first_snapshot()

    def act(self, action: str, *, hidden: bool = False) -> None:
        """An action has been done."""
        state = self.state
        more: dict[str, Any] = {"seen": state.now, "hidden": True} if hidden else {"seen": state.now}
        goes_on = action in self.domain.forms or action == TWO_STAGE
        if act(state.moves, action, [action] if goes_on else (), **more):
            state.now = self._behind(state.moves[-1])
        else:
            state.now = moved(state.now, action)
        state.followup = state.refused = ""
        state.done = [] if action == LISTEN else [*state.done, action]
        if action == state.active_loop:
            state.loop_rejected = False

    def hear(self, user: dict[str, Any], intent: str, slots: Mapping[str, Any] | None = None) -> None:
        """The customer has said something, and that sets these slots."""
        self.state.filled, self.state.text = [], ""
        self.state.lately = [*self.state.lately[1 - _LATELY :], intent]
        self._happen([["user", user], *(["slot", *pair] for pair in (slots or {}).items())])

    def happen(self, events: Iterable[Event]) -> None:
        """Events of any kind, in their order; see moves.py, and those below."""
        plain: list[Event] = []
        for event in events:
            special = _SPECIAL.get(event[0])
            if special:
                self._happen(plain)
                plain = []
                special(self, *event[1:])
            else:
                plain.append(event)
        self._happen(plain)

    def _happen(self, events: list[Event]) -> None:
        if not events:
            return
        if self.state.moves:
            happen(self.state.moves, events)
        self.state.now = happened(self.state.now, events, self.domain)
        for event in events:
            self._apply(event)

    def fill(self, values: dict[str, Any]) -> None:
        """Set slots; what the domain does not know is kept beside the dialogue."""
        known = [
            ["slot", *pair]
            for pair in values.items()
            if pair[0] in self.domain.slots or pair[0] == REQUESTED
        ]
        self._happen(known)
        if len(known) < len(values):
            self.state.slots |= {
                name: value for name, value in values.items() if name not in self.domain.slots
            }

    def rewind(self) -> None:
        """Take back the newest message and all since."""
        self._recall()
        state = self.state
        state.lately = [*state.lately, ""][-_LATELY:]
        self._back_to(rewind(state.moves))

    def undo(self) -> None:
        """Take back the newest action and all since."""
        self._recall()
        self._back_to(self.state.moves.pop() if self.state.moves else None)

    def restart(self) -> None:
        """Begin anew: nothing is known but what the house knows."""
        kept = {name: self.state.slots[name] for name in _KEPT if name in self.state.slots}
        self.state = State(slots=kept, done=self.state.done, heard_at=self.state.heard_at)
        self.begin()

    def renew(self) -> None:
        """Begin another session. Slots are taken along, if the domain says so."""
        self._recall()
        known = _set_by(self.state.moves, self.state.base.get("known", {}))
        done, lately = self.state.done, self.state.lately
        self.restart()
        self.state.done, self.state.lately = done, lately
        if self.domain.carry_over_slots:
            events = [["slot", *pair] for pair in known.items()]
            self._happen(events)
            at = Standing(slots=self.state.now.get("slots", {}))
            self.state.base = {"at": at.to_json(), "known": known}
        self.state.filled = []

    def trim(self, depth: int, untold: Untold | None, turns_kept: int = KEPT_TURNS) -> None:
        """Put aside moves that neither rules nor stories look back to, and forget the oldest of them.

        `untold`: None where there are no stories. `turns_kept`: what is put aside so often is kept.
        """
        state = self.state
        first = len(state.moves) - depth if untold is None else _first_kept(state.moves, depth)
        if first <= 0:
            return
        aside = state.moves[:first]
        earlier = state.earlier or {"base": state.base, "turns": []}
        state.base = self._base_behind(state.base, aside, untold)
        state.moves = state.moves[first:]
        # Of what was put aside together only the first keeps its snapshot: the others follow from it.
        turns = [*earlier["turns"], [aside[0], *map(_unseen, aside[1:])]]
        base = earlier["base"]
        if len(turns) > turns_kept:
            known = _set_by(turns[0], base.get("known", {}))
            base = {**self._base_behind(base, turns[0], untold), "known": known}
            turns = turns[1:]
        state.earlier = {"base": base, "turns": turns}

    def _base_behind(
        self, base: dict[str, Any], moves: list[Move], untold: Untold | None
    ) -> dict[str, Any]:
        if untold is None:
            return {}
        now = start_of(base, self.domain)
        for move in moves:
            look_past(now, move, self.domain, untold)
        return {"at": now.to_json()}

    def _first_snapshot(self) -> Snapshot:
        return Standing(slots=self.domain.initial_features()).snapshot()

    def _behind(self, move: Move) -> Snapshot:
        return happened(moved(move["seen"], move["action"]), move["events"], self.domain)

    def _recall(self) -> None:
        """Take back what was put aside."""
        state, earlier = self.state, self.state.earlier
        if not earlier:
            return
        state.base, state.earlier = earlier["base"], {}
        moves: list[Move] = []
        for move in (move for turn in earlier["turns"] for move in turn):
            moves.append(move if "seen" in move else {**move, "seen": self._behind(moves[-1])})
        state.moves = [*moves, *state.moves]

    def _apply(self, event: Event) -> None:
        state, kind = self.state, event[0]
        if kind == "slot":
            self._set(event[1], event[2])
        elif kind == "user":
            state.user, state.followup = event[1], ""
        elif kind == "loop":
            state.active_loop, state.loop_rejected = event[1], False
        elif kind == "rejected":
            state.loop_rejected = state.loop_rejected or event[1] == state.active_loop
        elif kind == "followup":
            state.followup = event[1]
        elif kind == "reset":
            self._reset_slots()

    def _set(self, name: str, value: Any) -> None:
        state, slot = self.state, self.domain.slots.get(name)
        if slot and slot.type == "list" and value and not isinstance(value, list):
            value = [value]
        if name != REQUESTED and name not in state.filled:
            state.filled = [*state.filled, name]
        if value is None:
            state.slots.pop(name, None)
        else:
            state.slots[name] = value

    def _reset_slots(self) -> None:
        beside = {n: v for n, v in self.state.slots.items() if n in _KEPT or n not in self.domain.slots}
        beside.pop(REQUESTED, None)
        self.state.slots = {**self.domain.initial_slots(), **beside}

    def _back_to(self, taken: Move | None) -> None:
        """Everything anew from the moves that are left, in front of the one that was taken back."""
        state = self.state
        if taken is None:
            state.base, state.now = {}, self._first_snapshot()
        else:
            state.now = taken["seen"]
        # For Rasa's forms, what was taken back has still been said since the message that is now the last.
        since = state.filled
        self._reset_slots()
        state.active_loop, state.loop_rejected, state.followup, state.user = None, False, "", {}
        state.paused, state.text = False, ""
        base = state.base
        if base:
            before = state.moves[0]["seen"] if state.moves else state.now
            state.active_loop = before.get("active_loop", {}).get("name")
            state.user = before.get("user", {})
            for name, value in base.get("known", {}).items():
                self._set(name, value)
        state.filled = []
        for move in state.moves:
            state.followup = ""
            if move["action"] == state.active_loop:
                state.loop_rejected = False
            for event in move["events"]:
                if event[0] == "user":
                    state.filled = []
                self._apply(event)
        state.filled = list(dict.fromkeys([*state.filled, *since]))

    def _pause(self) -> None:
        self.state.paused = True

    def _resume(self) -> None:
        self.state.paused = False


_SPECIAL: dict[str, Any] = {
    "rewind": Tracker.rewind,
    "undo": Tracker.undo,
    "restart": Tracker.restart,
    "session": Tracker.renew,
    "act": Tracker.act,
    "hear": Tracker.hear,
    "pause": Tracker._pause,
    "resume": Tracker._resume,
}


def _unseen(move: Move) -> Move:
    return {name: part for name, part in move.items() if name != "seen"}


def _first_kept(moves: list[Move], depth: int) -> int:
    """The number of the first move that is still looked at."""
    seen = 0
    for number in range(len(moves) - 1, -1, -1):
        if seen >= depth:
            return number + 1
        seen += not moves[number].get("hidden")
    return 0


def _set_by(moves: list[Move], known: dict[str, Any]) -> dict[str, Any]:
    """Slots with the values that these moves set."""
    sets = {event[1]: event[2] for move in moves for event in move["events"] if event[0] == "slot"}
    return {**known, **sets}
