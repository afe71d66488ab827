"""Rules and stories as dialogues: the moves that they tell, and what policies learn from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_store.messages import Entity
from nlu.base import LISTEN
from nlu.built_in import WORDS
from nlu.domain import UNSET, Domain, Slot
from nlu.moves import Event, Move, act, happen
from nlu.snapshots import SNIPPET, Snapshot, Standing, heard_part, snapshots
from nlu.steps import Does, Heard, Loop, Sets, Step, Story


@dataclass(slots=True)
class Unrolled:
    """A rule or story without `or` and checkpoints, as a dialogue would have gone."""

    story: Story
    head: list[Event] = field(default_factory=list)  # before the first action
    moves: list[Move] = field(default_factory=list)
    plain: list[Move] = field(default_factory=list)  # the same with every single run of a form
    turns: int = 0
    begins_with_action: bool = False  # nothing can be learnt for that one

    def start(self, domain: Domain, *, bare: bool = False) -> Standing:
        """Before the first action. `bare`: without the slots that are set from the start."""
        now = Standing(slots={} if bare else domain.initial_features())
        now.happen(self.head, domain)
        return now

    def examples(self, domain: Domain) -> Iterator[tuple[list[Snapshot], str]]:
        """Each action with the snapshots before it.

        A rule says nothing of slots that are set from the start. A story tells every single run of a form,
        but its actions are counted without those that only went on: so does Rasa, and so its stories match.
        """
        rule = self.story.is_rule
        states = snapshots(self.start(domain, bare=rule), self.moves if rule else self.plain, domain)
        for number, move in enumerate(self.moves):
            if number or not self.begins_with_action:
                yield states[: number + 1], move["action"]


def unroll(story: Story, domain: Domain) -> Unrolled:
    """A rule or story (without `or`) as a dialogue."""
    walk = _Walk(Unrolled(story), domain)
    for step in story.conditions:
        walk.step(step)
    if story.is_rule and not story.conversation_start:
        walk.act(SNIPPET)
    for step in story.steps:
        walk.step(step)
    if not story.wait_for_user_input and story.is_rule:
        walk.act(SNIPPET)
    if not walk.listens and not story.is_open:
        walk.act(LISTEN)
    return walk.closed()


@dataclass(slots=True)
class _Walk:
    found: Unrolled
    domain: Domain
    listens: bool = False
    loops: set[str] = field(default_factory=set)

    def act(self, action: str) -> None:
        if not self.found.plain and not self.found.turns and action != LISTEN:
            self.found.begins_with_action = True
        act(self.found.plain, action)
        self.listens = action == LISTEN

    def happen(self, event: Event) -> None:
        self.listens = False
        if self.found.plain:
            happen(self.found.plain, [event])
        else:
            self.found.head.append(event)

    def step(self, step: Step) -> None:
        match step:
            case Heard():
                self._hear(step)
            case Does():
                self.act(step.action.partition("/")[0] if step.action else WORDS + step.words)
            case Sets():
                for name, value in step.values.items():
                    slot = self.domain.slots.get(name)
                    self.set(name, _filled(slot) if name in step.named_only else value)
            case Loop():
                self.loops |= {step.name} if step.name else set()
                self.happen(["loop", step.name or (UNSET if self.found.story.is_rule else None)])

    def set(self, name: str, value: Any) -> None:
        if name in self.domain.slots:
            self.happen(["slot", name, UNSET if value is None and self.found.story.is_rule else value])

    def _hear(self, step: Heard) -> None:
        if not self.listens:
            self.act(LISTEN)
        self.found.turns += 1
        text = {"text": step.text} if step.text and not step.intent else {}
        self.happen(["user", text or heard_part(self.domain, step.intent, step.entities)])
        for slot in self.domain.slots.values():
            values = list(_from_entities(slot, step.entities))
            if values:
                self.set(slot.name, values if slot.type == "list" else values[-1])

    def closed(self) -> Unrolled:
        """With the runs of forms that only went on taken together."""
        for move in self.found.plain:
            act(self.found.moves, move["action"], self.loops)
            happen(self.found.moves, move["events"])
        return self.found


def _filled(slot: Slot | None) -> Any:
    """What a slot holds of which a story just says that it is set."""
    known: dict[str, Any] = {"text": "filled", "list": ["filled"]}
    return known.get(slot.type) if slot else None


def _from_entities(slot: Slot, entities: Sequence[Entity]) -> Iterator[Any]:
    """What a story's message sets: mappings that hold outside of forms."""
    for mapping in slot.mappings:
        if mapping.type != "from_entity":
            continue
        if mapping.conditions and mapping.conditions[0].active_loop is not None:
            continue
        for entity in entities:
            if (entity.entity, entity.role, entity.group) == (mapping.entity, mapping.role, mapping.group):
                yield entity.value
