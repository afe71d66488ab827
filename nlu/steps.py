"""Rules and stories as they are written: lists of steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from crm_store.messages import Entity
from nlu.annotations import read_annotations
from nlu.payload import read_payload
from nlu.reading import Node, Problems


@dataclass(frozen=True, slots=True)
class Heard:
    """The customer says something."""

    intent: str = ""
    entities: tuple[Entity, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Does:
    """The bot acts: an action, a form or a response by name, or (end to end) words."""

    action: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Sets:
    """Slots have these values. `named_only`: of these the story says just that they are set."""

    values: Mapping[str, Any]
    named_only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loop:
    """This form is active from here on; None: none."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a story goes on with, or goes on from, another one: `only` where slots have these values."""

    name: str
    only: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Either:
    """Any one of these steps."""

    steps: tuple[Step, ...]


Step = Heard | Does | Sets | Loop | Checkpoint | Either


@dataclass(frozen=True, slots=True)
class Story:
    """A rule (`is_rule`) or a story. A rule's conditions stand before its steps."""

    name: str
    steps: tuple[Step, ...]
    file: str
    line: int
    lines: tuple[int, ...] = ()  # of each step
    is_rule: bool = False
    conditions: tuple[Step, ...] = ()
    conversation_start: bool = False
    wait_for_user_input: bool = True
    is_open: bool = False  # it ends with a checkpoint that nothing begins with

    @property
    def turns(self) -> int:
        """How many messages of the customer it speaks of."""
        first = [step.steps[0] if isinstance(step, Either) else step for step in self.steps]
        return sum(isinstance(step, Heard) for step in first)

    def alternatives(self) -> Iterator[Story]:
        """The story without `or`: one for each way to choose."""
        ways = [step.steps if isinstance(step, Either) else (step,) for step in self.steps]
        for steps in product(*ways):
            yield replace(self, steps=steps)


def read_stories(node: Node, kind: str, problems: Problems) -> list[Story]:
    """The items of a `rules:` (kind "rule") or `stories:` (kind "story") section."""
    found = []
    for item in problems.sequence(node, f"{kind}s"):
        fields = problems.mapping(item, f"a {kind}")
        name = problems.text(fields.get(kind), kind)
        if kind not in fields:
            problems.add(item, f"expected {kind}: and a name")
        if "steps" not in fields:
            problems.add(item, f"expected steps: in the {kind} {name!r}")
        nodes = problems.sequence(fields.get("steps"), "steps")
        read = [(step, node.line) for node in nodes for step in _read_step(node, problems)]
        conditions = problems.sequence(fields.get("condition"), "condition")
        story = Story(
            name=name,
            steps=tuple(step for step, _ in read),
            lines=tuple(line for _, line in read),
            file=item.file,
            line=item.line,
            is_rule=kind == "rule",
            conditions=tuple(step for node in conditions for step in _read_step(node, problems)),
            conversation_start=problems.truth(
                fields.get("conversation_start"), "conversation_start", default=False
            ),
            wait_for_user_input=problems.truth(
                fields.get("wait_for_user_input"), "wait_for_user_input", default=True
            ),
        )
        if story.is_rule and any(isinstance(s, Does) and s.words for s in story.steps):
            problems.add(item, f"expected action: instead of bot: in the rule {name!r}")
        found.append(story)
    return found


def _read_step(node: Node, problems: Problems) -> list[Step]:
    if node.value == "...":
        problems.warn(node, "has no effect: a rule begins anywhere unless it has conversation_start: true")
        return []
    fields = problems.mapping(node, "a step")
    if "or" in fields:
        alternatives = problems.sequence(fields["or"], "or")
        steps = tuple(step for item in alternatives for step in _read_step(item, problems))
        return [Either(steps)] if steps else []
    if "intent" in fields or "user" in fields:
        return [_read_heard(fields, node, problems)]
    if "action" in fields:
        return [Does(action=problems.text(fields["action"], "action").strip())]
    if "bot" in fields:
        return [Does(words=problems.text(fields["bot"], "bot").strip())]
    if "checkpoint" in fields:
        only = _read_sets(fields["slot_was_set"], problems).values if "slot_was_set" in fields else {}
        return [Checkpoint(problems.text(fields["checkpoint"], "checkpoint"), only)]
    if "slot_was_set" in fields:
        return [_read_sets(fields["slot_was_set"], problems)]
    if "active_loop" in fields:
        return [Loop(problems.text(fields["active_loop"], "active_loop") or None)]
    if set(fields) - {"metadata"}:
        expected = "intent, user, action, bot, slot_was_set, active_loop, checkpoint or or"
        problems.add(node, f"expected a step of {expected}")
    return []


def _read_heard(fields: dict[str, Node], node: Node, problems: Problems) -> Heard:
    intent = problems.text(fields.get("intent"), "intent").strip().removeprefix("/")
    listed = fields.get("entities")
    entities = [_read_entity(item, problems) for item in problems.sequence(listed, "entities")]
    text = ""
    if "user" in fields:
        line = problems.text(fields["user"], "user").strip()
        payload = read_payload(line, [line[1:].partition("{")[0].partition("@")[0].strip()])
        if payload:
            return Heard(intent or payload.intent or "", payload.entities, line)
        try:
            text, annotated = read_annotations(line)
        except ValueError as error:
            problems.add(node, str(error))
        else:
            entities += annotated
    return Heard(intent, tuple(entities), text)


def _read_entity(item: Node, problems: Problems) -> Entity:
    if not isinstance(item.value, dict):
        return Entity(problems.text(item, "an entity"), "", 0, 0)
    values = {key: value.plain() for key, value in item.value.items()}
    role, group = values.pop("role", None), values.pop("group", None)
    if "entity" in values:
        name, value = str(values["entity"]), values.get("value")
    elif values:
        name, value = next(iter(values.items()))
    else:
        problems.add(item, "expected the entity's name")
        name, value = "", None
    return Entity(name, value, 0, 0, role=role and str(role), group=group and str(group))


def _read_sets(node: Node, problems: Problems) -> Sets:
    values: dict[str, Any] = {}
    named: set[str] = set()
    items = node.value if isinstance(node.value, list) else [node]
    for item in items:
        if isinstance(item.value, dict):
            values |= {key: value.plain() for key, value in item.value.items()}
        else:
            name = problems.text(item, "a slot's name")
            values[name] = True
            named.add(name)
    return Sets(values, frozenset(named))
