"""The graph of a bot's rules and stories as values, and what its names stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nlu.domain import TWO_STAGE, Domain
from nlu.steps import Either, Step

BACK = "back"  # leads to a form or checkpoint that this very way has come from
NOWHERE = -1


@dataclass(slots=True)
class Node:
    """`notes` is what else has to hold before it: slots, `+form` (inside it), `-form` (it is over)."""

    id: int
    kind: str  # "intent", "text", "response", "action", "form", "question", "checkpoint", BACK
    names: tuple[str, ...]  # several: any one of them
    notes: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    begins: str = ""  # nothing is before it: "rule", "story", "form", "checkpoint"
    to: int = NOWHERE  # of a BACK: the node that it stands for
    stories: list[str] = field(default_factory=list)  # ids
    places: list[tuple[str, int]] = field(default_factory=list)  # file and line of each time it is written


@dataclass(slots=True)
class Told:
    """One rule or story, and its way through the graph."""

    id: str  # "r0", "s0"
    name: str
    kind: str  # "rule", "story", "form"
    file: str
    line: int
    way: list[int] = field(default_factory=list)  # of nodes


@dataclass(slots=True)
class Graph:
    """All of it. `edges` never run in a circle: where a way comes back, a BACK node stands."""

    nodes: list[Node] = field(default_factory=list)
    edges: dict[tuple[int, int], None] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The graph as plain values."""
        return {
            "nodes": [
                {name: getattr(node, name) for name in Node.__dataclass_fields__} for node in self.nodes
            ],
            "edges": list(self.edges),
            "stories": [
                {name: getattr(one, name) for name in Told.__dataclass_fields__} for one in self.told
            ],
        }


def question_of(domain: Domain, form: str, slot: str) -> str:
    """What a form asks for a slot with; empty if nothing."""
    known = {*domain.actions, *domain.responses}
    candidates = (f"{kind}_ask_{name}" for name in (f"{form}_{slot}", slot) for kind in ("action", "utter"))
    return next((name for name in candidates if name in known), "")


def steps_within(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps, and those inside of `or`."""
    for step in steps:
        if isinstance(step, Either):
            yield from steps_within(step.steps)
        else:
            yield step


def kind_of(domain: Domain, action: str) -> str:
    """Of an action by its name: "form", "response" or "action"."""
    if action in domain.forms or action == TWO_STAGE:
        return "form"
    return "response" if action.startswith("utter_") else "action"
