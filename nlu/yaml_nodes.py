"""Nodes from the events of a YAML parser: what is too deep or too much is never built."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from nlu.reading import Node, Problem, Problems
from nlu.scalars import read_scalar

_DEEPEST = 60
_MOST_NODES = 500_000  # of one file: aliases of aliases may stand for billions


class Unusable(Exception):
    """Reading a file ends here."""

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(expected)
        self.line = line
        self.expected = expected


class _Part(NamedTuple):
    """A node with what it weighs, which counts once more for each alias of it."""

    node: Node
    nodes: int
    levels: int


class Builder:
    """Puts the nodes of one document together."""

    def __init__(self, events: Iterator[Any], file: str, problems: Problems) -> None:
        self.events = events
        self.file = file
        self.problems = problems
        self.anchors: dict[str, _Part] = {}
        self.nodes = 0

    def root(self) -> Node | None:
        """The root node; None where the document is empty."""
        found: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if found is not None:
                    raise Unusable(_line(event), "expected valid YAML: one document in the file")
                found = self._part(next(self.events), 0).node
        return found

    def _part(self, event: Any, depth: int) -> _Part:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._count(event, 1, depth)
        before, line = self.nodes, _line(event)
        levels = 0
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = read_scalar(event.value, plain=not event.style)
            # The words of a block begin behind its sign, on the next line.
            line += event.style in {"|", ">"}
        elif isinstance(event, yaml.SequenceStartEvent):
            parts = list(self._items(depth))
            value = [part.node for part in parts]
            levels = 1 + max((part.levels for part in parts), default=0)
        else:
            value, levels = self._mapping(depth)
        part = _Part(Node(value, self.file, line), 1 + self.nodes - before, levels)
        if event.anchor is not None:
            self.anchors[event.anchor] = part
        return part

    def _alias(self, event: Any, depth: int) -> _Part:
        part = self.anchors.get(event.anchor)
        if part is None:
            said = f"expected valid YAML: &{event.anchor} before, and not around, *{event.anchor}"
            raise Unusable(_line(event), said)
        self._count(event, part.nodes, depth + part.levels)
        return part

    def _count(self, event: Any, nodes: int, depth: int) -> None:
        self.nodes += nodes
        if depth > _DEEPEST:
            raise Unusable(_line(event), f"expected at most {_DEEPEST} levels")
        if self.nodes > _MOST_NODES:
            raise Unusable(_line(event), f"expected at most {_MOST_NODES:,} values in a file")

    def _items(self, depth: int) -> Iterator[_Part]:
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            yield self._part(event, depth + 1)

    def _mapping(self, depth: int) -> tuple[dict[str, Node], int]:
        found: dict[str, Node] = {}
        merged: dict[str, Node] = {}  # what stands beside `<<` wins over it
        levels = 0
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._part(event, depth + 1)
                self._note(event, "expected a text as key")
            item = self._part(next(self.events), depth + 1)
            levels = max(levels, item.levels)
            if key == "<<" and isinstance(item.node.value, dict):
                merged |= item.node.value
            elif key is not None:
                if key in found:
                    self._note(event, f"expected {key!r} to stand here only once")
                found[key] = item.node
        return merged | found, levels + 1

    def _note(self, event: Any, expected: str) -> None:
        self.problems.errors.append(Problem(self.file, _line(event), expected))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
