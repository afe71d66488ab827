"""YAML files as nodes that know their line. However they are written, time and memory are bounded.

Plain scalars are read as YAML 1.2 does: `yes` and `no` are texts, so they may name intents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from nlu.reading import Node, Problem, Problems

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LOADER = yaml.CLoader if hasattr(yaml, "CLoader") else yaml.SafeLoader
_DEEPEST = 60
_LARGEST = 10_000_000  # bytes
_MOST_NODES = 500_000  # of one file: aliases of aliases may stand for billions


def read_yaml(path: Path, name: str, problems: Problems) -> Node | None:
    """The file's root node; None if it is empty or broken (then there is a problem more)."""
    try:
        with path.open("rb") as file:
            written = file.read(_LARGEST)
    except OSError as error:
        problems.errors.append(Problem(name, 1, f"expected a file that can be read: {error.strerror}"))
        return None
    if len(written) == _LARGEST:
        said = f"expected a file of less than {_LARGEST // 1_000_000} MB: split it over several"
        problems.errors.append(Problem(name, 1, said))
        return None
    try:
        # The parser's events come one by one: what is too deep or too much is never built.
        return _Builder(yaml.parse(written.decode("utf-8-sig"), Loader=_LOADER), name, problems).root()
    except _Unusable as error:
        problems.errors.append(Problem(name, error.line, error.expected))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.errors.append(Problem(name, line, f"expected valid YAML: {error.problem}"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        problems.errors.append(Problem(name, 1, f"expected valid YAML in UTF-8: {said}"))
    return None


def yaml_files(folder: Path) -> Iterator[Path]:
    """Every YAML file under a folder in a fixed order; hidden files and folders are left out.

    A link that leads nowhere is one of them, so that it is named.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix not in {".yml", ".yaml"} or hidden:
            continue
        if path.is_file() or (path.is_symlink() and not path.exists()):
            yield path


class _Unusable(Exception):
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


class _Builder:
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
                    raise _Unusable(_line(event), "expected valid YAML: one document in the file")
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
            value = _scalar(event.value, plain=not event.style)
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
            raise _Unusable(_line(event), said)
        self._count(event, part.nodes, depth + part.levels)
        return part

    def _count(self, event: Any, nodes: int, depth: int) -> None:
        self.nodes += nodes
        if depth > _DEEPEST:
            raise _Unusable(_line(event), f"expected at most {_DEEPEST} levels")
        if self.nodes > _MOST_NODES:
            raise _Unusable(_line(event), f"expected at most {_MOST_NODES:,} values in a file")

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


def _scalar(text: str, *, plain: bool) -> Any:
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text) if len(text) < 300 else text
    return float(text) if _FLOAT.match(text) else text
