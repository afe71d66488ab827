"""Rules, stories and forms as one graph, merged where they begin alike. Nothing here is drawn.

A node is what somebody says or does: an intent, an action, a form, a checkpoint. Forms and checkpoints are
one node each, whoever leads to them; all else is merged only with what has the same steps before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlu.base import REQUESTED
from nlu.domain import Domain
from nlu.steps import Checkpoint, Does, Either, Heard, Loop, Sets, Step, Story
from nlu.story_nodes import BACK, NOWHERE, Graph, Node, Told, kind_of, question_of


def weave(domain: Domain, rules: Sequence[Story], stories: Sequence[Story]) -> Graph:
    """The graph of a project."""
    weaving = _Weaving(domain)
    for form in domain.forms.values():
        weaving.form(
            form.name, [(slot, question_of(domain, form.name, slot)) for slot in form.required_slots]
        )
    for number, rule in enumerate(rules):
        weaving.tell(rule, f"r{number}")
    for number, story in enumerate(stories):
        weaving.tell(story, f"s{number}")
    return weaving.finished()


class _Weaving:
    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self.graph = Graph()
        self._known: dict[Any, int] = {}
        self._after: dict[int, list[int]] = {}

    def form(self, name: str, asked: Sequence[tuple[str, str]]) -> None:
        """A form with its questions."""
        told = Told(f"f{len(self.graph.told)}", name, "form", "", 0)
        self.graph.told.append(told)
        at = self._shared("form", name)
        told.way.append(at)
        for slot, question in asked:
            node = self._node(("question", name, slot), "question", (question or slot,), (slot,))
            self._join(at, node)
            told.way.append(node)
            at = node
        for node in told.way:
            self.graph.nodes[node].stories.append(told.id)

    def tell(self, story: Story, id_: str) -> None:
        """Add a rule or story."""
        told = Told(id_, story.name, "rule" if story.is_rule else "story", story.file, story.line)
        self.graph.told.append(told)
        _Way(self, story, told).walk()

    def finished(self) -> Graph:
        """The graph; what begins knows it."""
        inward = {to for _, to in self.graph.edges}
        kinds = {told.id: told.kind for told in self.graph.told}
        for node in self.graph.nodes:
            if node.id not in inward:
                own = node.kind if node.kind in ("form", "checkpoint") else ""
                node.begins = own or kinds[node.stories[0]]
        return self.graph

    def step(
        self,
        before: int,
        kind: str,
        names: tuple[str, ...],
        notes: tuple[str, ...],
        more: tuple[str, ...],
        root: str,
    ) -> int:
        """The node of a step behind another one; the same for all that have come the same way."""
        key = (before if before != NOWHERE else root, kind, names, notes, more)
        node = self._node(key, kind, names, notes, more)
        self._join(before, node)
        return node

    def shared(self, before: int, kind: str, name: str) -> int:
        """The one node of a form or checkpoint, or what stands for it on a way that comes from there."""
        target = self._shared(kind, name)
        if before == NOWHERE or not self._leads(target, before):
            self._join(before, target)
            return target
        node = self._node((before, BACK, target), BACK, (name,))
        self.graph.nodes[node].to = target
        self._join(before, node)
        return node

    def _shared(self, kind: str, name: str) -> int:
        return self._node((kind, name), kind, (name,))

    def _node(
        self,
        key: Any,
        kind: str,
        names: tuple[str, ...],
        notes: tuple[str, ...] = (),
        entities: tuple[str, ...] = (),
    ) -> int:
        if key not in self._known:
            self._known[key] = len(self.graph.nodes)
            self.graph.nodes.append(Node(self._known[key], kind, names, notes, entities))
        return self._known[key]

    def _join(self, before: int, after: int) -> None:
        if before != NOWHERE and (before, after) not in self.graph.edges:
            self.graph.edges[before, after] = None
            self._after.setdefault(before, []).append(after)

    def _leads(self, start: int, end: int) -> bool:
        seen, waiting = {start}, [start]
        while waiting:
            node = waiting.pop()
            if node == end:
                return True
            fresh = [after for after in self._after.get(node, ()) if after not in seen]
            seen.update(fresh)
            waiting += fresh
        return False


class _Way:
    """One rule or story on its way through the graph."""

    def __init__(self, weaving: _Weaving, story: Story, told: Told) -> None:
        self._weaving = weaving
        self._story = story
        self._told = told
        self._at = NOWHERE
        self._loop: str | None = None
        self._notes: list[str] = ["^"] if story.conversation_start else []

    def walk(self) -> None:
        for step in self._story.conditions:
            self._condition(step)
        for step, line in zip(self._story.steps, self._lines(), strict=True):
            self._step(step, line)
        for node in self._told.way:
            stories = self._weaving.graph.nodes[node].stories
            if self._told.id not in stories:
                stories.append(self._told.id)

    def _lines(self) -> Sequence[int]:
        return self._story.lines or [self._story.line] * len(self._story.steps)

    def _condition(self, step: Step) -> None:
        if isinstance(step, Loop) and step.name:
            self._loop = step.name
            self._go(self._weaving.shared(NOWHERE, "form", step.name), self._story.line)
        elif isinstance(step, Loop):
            self._notes.append("-form")
        elif isinstance(step, Sets):
            self._notes += _said(step)

    def _step(self, step: Step, line: int) -> None:
        match step:
            case Heard():
                self._hear((step,), line)
            case Either() if all(isinstance(one, Heard) for one in step.steps):
                self._hear([one for one in step.steps if isinstance(one, Heard)], line)
            case Either():
                self._notes.append(" | ".join(note for one in step.steps for note in _said(one)))
            case Does():
                self._do(step, line)
            case Sets():
                self._notes += _said(step)
            case Loop():
                self._turn(step)
            case Checkpoint():
                self._go(self._weaving.shared(self._at, "checkpoint", step.name), line)
                self._notes += _said(Sets(step.only))

    def _hear(self, steps: Sequence[Heard], line: int) -> None:
        names = tuple(dict.fromkeys(step.intent or step.text for step in steps))
        entities = tuple(dict.fromkeys(e.entity for step in steps for e in step.entities))
        self._put("intent" if steps[0].intent else "text", names, entities, line)

    def _do(self, step: Does, line: int) -> None:
        kind = kind_of(self._weaving.domain, step.action) if step.action else "text"
        if kind != "form" or not self._story.is_rule:
            self._put(kind, (step.action or step.words,), (), line)
        elif self._at != NOWHERE and self._is_at(step.action):
            self._place(self._at, line)
        else:
            # A rule that opens a form, or comes back to it, leads to all that the form does.
            self._go(self._weaving.shared(self._at, "form", step.action), line)

    def _is_at(self, form: str) -> bool:
        node = self._weaving.graph.nodes[self._at]
        return node.kind == "form" and node.names == (form,)

    def _turn(self, step: Loop) -> None:
        if step.name != self._loop:
            at = self._weaving.graph.nodes[self._at] if self._at != NOWHERE else None
            opened = at is not None and at.kind in ("form", BACK) and at.names == (step.name,)
            if not opened:
                self._notes.append(f"+{step.name}" if step.name else "-form")
        self._loop = step.name

    def _put(self, kind: str, names: tuple[str, ...], entities: tuple[str, ...], line: int) -> None:
        notes, self._notes = tuple(dict.fromkeys(self._notes)), []
        self._go(self._weaving.step(self._at, kind, names, notes, entities, self._told.kind), line)

    def _go(self, node: int, line: int) -> None:
        self._at = node
        self._told.way.append(node)
        self._place(node, line)

    def _place(self, node: int, line: int) -> None:
        places = self._weaving.graph.nodes[node].places
        if (self._story.file, line) not in places:
            places.append((self._story.file, line))


def _said(step: Step) -> list[str]:
    """Slots and their values in words; what a form has asked for is only of interest while it asks."""
    if not isinstance(step, Sets):
        return []
    return [
        name if name in step.named_only else f"{name} = {'—' if value is None else value}"
        for name, value in step.values.items()
        if name != REQUESTED or value is not None
    ]
