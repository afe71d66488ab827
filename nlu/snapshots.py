"""What rules and stories compare: snapshots of a dialogue, each taken before an action is predicted.

A snapshot has at most four parts: `user` (intent, entities), `prev_action`, `active_loop`, `slots` (as
features). One without `prev_action` is the start of a conversation. They have Rasa's shape, so that of
several rules the one wins that wins in Rasa.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_store.messages import Entity
from nlu.base import LISTEN
from nlu.built_in import WORDS
from nlu.domain import UNSET, Domain
from nlu.moves import Event, Move

Snapshot = dict[str, Any]
SNIPPET = "..."  # stands for whatever was before a rule, or comes after it


@dataclass(slots=True)
class Standing:
    """Where a dialogue stood at some point: what the next snapshot is made of. Plain JSON values."""

    slots: dict[str, Any] = field(default_factory=dict)  # as features
    user: dict[str, Any] = field(default_factory=dict)
    loop: str | None = None
    action: str = ""
    called: bool = True  # the next action was named, not predicted
    hidden: bool = False  # what stories do not see goes on
    told: str = ""  # the last action that stories know
    seen: bool = False  # there is a snapshot that stories see
    said: dict[str, Any] | None = None  # the message of that snapshot

    def snapshot(self) -> Snapshot:
        """The dialogue as it stands."""
        found: Snapshot = {"prev_action": previous(self.action)} if self.action else {}
        if self.user:
            found["user"] = self.user
        if self.loop:
            found["active_loop"] = {"name": self.loop}
        if self.slots:
            found["slots"] = self.slots
        return found

    def to_json(self) -> dict[str, Any]:
        """What `Standing` takes."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def move(self, move: Move, domain: Domain) -> None:
        """Go on behind one move."""
        self.action, self.called = move["action"], False
        self.happen(move["events"], domain)

    def happen(self, events: Iterable[Event], domain: Domain) -> None:
        """Go on behind these events. Snapshots that were taken keep what they hold."""
        for event in events:
            kind = event[0]
            if kind == "slot":
                self._set(event[1], event[2], domain)
            elif kind == "user":
                self.user, self.called = event[1], False
            elif kind == "loop":
                self.loop = event[1]
            elif kind == "followup":
                self.called = True
            elif kind == "reset":
                self.slots = domain.initial_features()

    def _set(self, name: str, value: Any, domain: Domain) -> None:
        slot = domain.slots.get(name)
        features = slot.compared(value) if slot else None
        if features:
            self.slots = {**self.slots, name: features}
        elif name in self.slots:
            self.slots = {key: known for key, known in self.slots.items() if key != name}


def start_of(base: Mapping[str, Any], domain: Domain) -> Standing:
    """Where the first move of a dialogue began, as stories see it."""
    return Standing(**base["at"]) if base.get("at") else Standing(slots=domain.initial_features())


def moved(found: Snapshot, action: str) -> Snapshot:
    """The snapshot behind an action."""
    return {**found, "prev_action": previous(action)}


def happened(found: Snapshot, events: Iterable[Event], domain: Domain) -> Snapshot:
    """The snapshot behind these events."""
    now = Standing(found.get("slots", {}), found.get("user", {}), found.get("active_loop", {}).get("name"))
    now.happen(events, domain)
    after = now.snapshot()
    return {**after, "prev_action": found["prev_action"]} if "prev_action" in found else after


def previous(action: str) -> dict[str, str]:
    """The `prev_action` of a snapshot."""
    if action.startswith(WORDS):
        return {"action_text": action.removeprefix(WORDS)}
    return {"action_name": action}


def action_of(found: Snapshot) -> str:
    """The name of the action before a snapshot; empty at the start."""
    before: dict[str, str] = found.get("prev_action", {})
    words = before.get("action_text")
    return before.get("action_name", "") if words is None else WORDS + words


def snapshots(start: Standing, moves: Iterable[Move], domain: Domain) -> list[Snapshot]:
    """Before each move, and behind the last: as rules see it. `start` goes along."""
    now = start
    found = [now.snapshot()]
    for move in moves:
        now.move(move, domain)
        found.append(now.snapshot())
    return found


@dataclass(frozen=True, slots=True)
class Untold:
    """Slots and forms of which only rules speak: stories do not see them."""

    slots: frozenset[str] = frozenset()
    loops: frozenset[str] = frozenset()

    def taken_from(self, found: Snapshot) -> Snapshot:
        """The snapshot without them."""
        slots = found.get("slots")
        if slots and not self.slots.isdisjoint(slots):
            slots = {name: value for name, value in slots.items() if name not in self.slots}
            found = {**found, "slots": slots} if slots else _without(found, "slots")
        if found.get("active_loop", {}).get("name") in self.loops:
            found = _without(found, "active_loop")
        return found


def story_snapshots(
    start: Standing, moves: Sequence[Move], domain: Domain, untold: Untold
) -> list[Snapshot]:
    """The same as stories see it: without the turns of which only rules speak."""
    now = start
    found: list[Snapshot] = []
    for move in moves:
        _look(now, bool(move.get("hidden")), untold, found)
        now.move(move, domain)
    _look(now, False, untold, found)
    return found


def look_past(now: Standing, move: Move, domain: Domain, untold: Untold) -> None:
    """Go on behind one move, for snapshots and story snapshots that begin there."""
    _look(now, bool(move.get("hidden")), untold, [])
    now.move(move, domain)


def _look(now: Standing, hides: bool, untold: Untold, found: list[Snapshot]) -> None:
    """One step of a story's view. `hides`: the action that comes now is hidden."""
    if not now.hidden:
        now.told = now.action
    if not now.called and now.action != (now.loop if now.loop != UNSET else None):
        now.hidden = hides
    if now.hidden:
        return
    seen = untold.taken_from(now.snapshot())
    if now.seen and now.action != LISTEN:
        if now.said:
            seen["user"] = now.said
        else:
            seen.pop("user", None)
    if now.told:
        seen["prev_action"] = previous(now.told)
    now.seen, now.said = True, seen.get("user")
    found.append(seen)


def _without(found: Snapshot, part: str) -> Snapshot:
    return {name: value for name, value in found.items() if name != part}


def heard_part(domain: Domain, intent: str, entities: Iterable[Entity]) -> dict[str, Any]:
    """The `user` part for an intent (a retrieval intent by its base name) and entities."""
    base = intent.partition("/")[0]
    names = domain.seen_entities(base, entities)
    found: dict[str, Any] = {"intent": base} if base else {}
    return found | ({"entities": names} if names else {})


def matches(pattern: Snapshot, found: Snapshot) -> bool:
    """True: a rule's snapshot holds in one of the dialogue; only what the rule names is compared."""
    starts, started = "prev_action" not in pattern, "prev_action" not in found
    if starts or started:
        return starts and started
    for part, wanted in pattern.items():
        have: Mapping[str, Any] = found.get(part, {})
        for name, value in wanted.items():
            current = have.get(name)
            if value == UNSET:
                if current and current != UNSET:
                    return False
            elif value and current != value:
                return False
    return True


def since_snippet(found: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots behind the last `...`: what a rule really says."""
    for number in range(len(found) - 1, -1, -1):
        if action_of(found[number]) == SNIPPET:
            return list(found[number + 1 :])
    return list(found)


def named(part: str, examples: Iterable[Sequence[Snapshot]]) -> set[str]:
    """The names under a part of any of these snapshots, for `active_loop` the form's."""
    every: Collection[Snapshot] = [item for states in examples for item in states]
    if part == "active_loop":
        return {item[part]["name"] for item in every if part in item}
    return {name for item in every for name in item.get(part, {})}
