"""What rules and stories compare: snapshots of a dialogue, each taken before an action is predicted.

A snapshot has at most four parts: `user` (intent, entities), `prev_action`, `active_loop`, `slots` (as
features). An empty one is the start of a conversation. They have Rasa's shape, so that of several rules
the one wins that wins in Rasa.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_store.messages import Entity
from nlu.base import LISTEN, State
from nlu.domain import Domain
from nlu.steps import Checkpoint, Does, Heard, Loop, Sets, Step, Story

Snapshot = dict[str, Any]
UNSET = "should_not_be_set"
SNIPPET = "..."  # stands for whatever was before a rule, or comes after it


def snapshot(state: State, domain: Domain) -> Snapshot:
    """The dialogue as it stands now."""
    previous = state.done[-1].partition("/")[0] if state.done else LISTEN
    found: Snapshot = {"prev_action": {"action_name": previous}}
    if state.user:
        found["user"] = state.user
    if state.active_loop:
        found["active_loop"] = {"name": state.active_loop}
    features = {}
    slots = domain.slots
    for name, known in state.slots.items():
        value = slots[name].features(known) if known is not None and name in slots else ()
        if any(value):
            features[name] = list(value)
    if features:
        found["slots"] = features
    return found


def heard_part(domain: Domain, intent: str, entities: Iterable[Entity]) -> dict[str, Any]:
    """The `user` part for an intent (a retrieval intent by its base name) and entities."""
    base = intent.partition("/")[0]
    names: set[str] = set()
    for entity in entities:
        if domain.influences(base, entity.entity) and (
            not domain.entities or entity.entity in domain.entities
        ):
            names.add(entity.entity)
            names |= {f"{entity.entity}#{part}" for part in (entity.role, entity.group) if part}
    found: dict[str, Any] = {"intent": base} if base else {}
    return found | ({"entities": sorted(names)} if names else {})


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
                if current:
                    return False
            elif current != value:
                return False
    return True


@dataclass(slots=True)
class Unrolled:
    """A rule or story as snapshots, each with the action that follows it."""

    story: Story
    snapshots: list[Snapshot] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    ends_loop: list[bool] = field(default_factory=list)  # behind this action no loop is active any more

    def prefixes(self) -> Iterator[tuple[list[Snapshot], str, bool]]:
        """Each action with the snapshots before it."""
        for number, action in enumerate(self.actions):
            yield self.snapshots[: number + 1], action, self.ends_loop[number]


def unroll(story: Story, domain: Domain) -> Unrolled:
    """A rule or story (without `or`) as snapshots and actions."""
    walk = _Walk(Unrolled(story), domain)
    for step in story.conditions:
        walk.step(step)
    if story.is_rule and not story.conversation_start:
        walk.act(SNIPPET)
    elif not story.is_rule or story.conversation_start:
        walk.act(LISTEN)
    for step in story.steps:
        walk.step(step)
    if not walk.listening:
        walk.act(LISTEN if story.wait_for_user_input else SNIPPET)
    return walk.found


@dataclass(slots=True)
class _Walk:
    found: Unrolled
    domain: Domain
    now: Snapshot = field(default_factory=dict)
    listening: bool = False

    def act(self, action: str) -> None:
        self.found.snapshots.append({part: dict(value) for part, value in self.now.items() if value})
        self.found.actions.append(action)
        self.found.ends_loop.append(False)
        self.now = {**self.now, "prev_action": {"action_name": action}}
        self.listening = action == LISTEN

    def step(self, step: Step) -> None:
        match step:
            case Heard():
                if not self.listening:
                    self.act(LISTEN)
                self.now["user"] = heard_part(self.domain, step.intent, step.entities)
                self.listening = False
            case Does():
                self.act(step.action.partition("/")[0] if step.action else f"bot: {step.words}")
            case Sets():
                self._set(step)
            case Loop():
                self._loop(step.name)
            case Checkpoint():
                pass

    def _set(self, step: Sets) -> None:
        slots = dict(self.now.get("slots", {}))
        for name, value in step.values.items():
            slot = self.domain.slots.get(name)
            features = slot.features(value) if slot else ()
            if any(features):
                slots[name] = list(features)
            elif value is None and self.found.story.is_rule and slot and slot.influences:
                slots[name] = UNSET
            else:
                slots.pop(name, None)
        self.now["slots"] = slots

    def _loop(self, name: str | None) -> None:
        if name is None and self.found.ends_loop:
            self.found.ends_loop[-1] = True
        if name is None and not self.found.story.is_rule:
            self.now.pop("active_loop", None)
        else:
            self.now["active_loop"] = {"name": name or UNSET}


def since_snippet(snapshots: Sequence[Snapshot]) -> list[Snapshot]:
    """The snapshots behind the last `...`: what a rule really says."""
    for number in range(len(snapshots) - 1, -1, -1):
        if snapshots[number].get("prev_action", {}).get("action_name") == SNIPPET:
            return list(snapshots[number + 1 :])
    return list(snapshots)
