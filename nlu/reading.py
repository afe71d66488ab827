"""YAML files as nodes that know their line, and the list of what is wrong with them.

Plain scalars are read as YAML 1.2 does: `yes` and `no` are texts, so they may name intents.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from crm_store.messages import ParleyError

_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DEEPEST = 60
_LARGEST = 10_000_000  # bytes
_MOST_NODES = 500_000  # of one file: aliases of aliases may stand for billions


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that a file should say otherwise."""

    file: str
    line: int  # the first line is 1
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.expected}"


class ProjectErrors(ParleyError):
    """The bot's files cannot be used. `problems` names every place."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Node:
    """A value with the place where it stands. Lists hold nodes; mappings hold nodes under text keys."""

    value: Any
    file: str
    line: int

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: item.plain() for key, item in self.value.items()}
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        return self.value


@dataclass(slots=True)
class Problems:
    """Collects what is wrong while files are read; each question returns something empty instead."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    nodes: int = 0  # of the file that is being read

    def add(self, node: Node, expected: str, line: int = 0) -> None:
        """Note what was expected at a node (or at `line` of its file)."""
        self.errors.append(Problem(node.file, line or node.line, expected))

    def warn(self, node: Node, said: str, line: int = 0) -> None:
        """Note what will be ignored."""
        self.warnings.append(Problem(node.file, line or node.line, said))

    def mapping(self, node: Node | None, what: str) -> dict[str, Node]:
        """The node's keys and values; empty if it is missing or no mapping."""
        if node is None or node.value is None:
            return {}
        if isinstance(node.value, dict):
            return node.value
        self.add(node, f"expected {what} to be a mapping (key: value)")
        return {}

    def sequence(self, node: Node | None, what: str) -> list[Node]:
        """The node's items; empty if it is missing or no list."""
        if node is None or node.value is None:
            return []
        if isinstance(node.value, list):
            return node.value
        self.add(node, f"expected {what} to be a list (- item)")
        return []

    def text(self, node: Node | None, what: str) -> str:
        """The node's text; numbers and truth values are written out; empty if it is something else."""
        if node is None or node.value is None:
            return ""
        if isinstance(node.value, str):
            return node.value
        if isinstance(node.value, bool):
            return "true" if node.value else "false"
        if isinstance(node.value, int | float):
            return str(node.value)
        self.add(node, f"expected {what} to be a text")
        return ""

    def texts(self, node: Node | None, what: str) -> list[str]:
        """A list of texts; a single text counts as a list of one."""
        if node is not None and isinstance(node.value, str):
            return [node.value]
        return [self.text(item, f"each of {what}") for item in self.sequence(node, what)]

    def truth(self, node: Node | None, what: str, default: bool) -> bool:
        """A truth value."""
        if node is None or node.value is None:
            return default
        if not isinstance(node.value, bool):
            self.add(node, f"expected {what} to be true or false")
            return default
        return node.value

    def number(self, node: Node | None, what: str, default: float) -> float:
        """A number."""
        if node is None or node.value is None:
            return default
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            self.add(node, f"expected {what} to be a number")
            return default
        return float(node.value)


def read_yaml(path: Path, name: str, problems: Problems) -> Node | None:
    """The file's root node; None if it is empty or broken (then there is a problem more)."""
    problems.nodes = 0
    try:
        if path.stat().st_size >= _LARGEST:
            said = f"expected a file of less than {_LARGEST // 1_000_000} MB: split it over several"
            problems.errors.append(Problem(name, 1, said))
            return None
        text = path.read_text(encoding="utf-8-sig")
        loader = yaml.CLoader(text) if hasattr(yaml, "CLoader") else yaml.SafeLoader(text)
        root = loader.get_single_node()
        return None if root is None else _node(root, name, problems, 0)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.errors.append(Problem(name, line, f"expected valid YAML: {error.problem}"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        problems.errors.append(Problem(name, 1, f"expected valid YAML in UTF-8: {said}"))
    return None


def yaml_files(folder: Path) -> Iterator[Path]:
    """Every YAML file under a folder in a fixed order; hidden files and folders are left out."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in {".yml", ".yaml"} and path.is_file() and not hidden:
            yield path


def _node(node: yaml.Node, file: str, problems: Problems, depth: int) -> Node:
    line = node.start_mark.line + 1
    problems.nodes += 1
    if depth > _DEEPEST:
        problems.errors.append(Problem(file, line, f"expected at most {_DEEPEST} levels"))
        return Node(None, file, line)
    if problems.nodes > _MOST_NODES:
        if problems.nodes == _MOST_NODES + 1:
            problems.errors.append(
                Problem(file, line, f"expected at most {_MOST_NODES:,} values in a file")
            )
        return Node(None, file, line)
    if isinstance(node, yaml.MappingNode):
        return Node(_keys(node, file, problems, depth), file, line)
    if isinstance(node, yaml.SequenceNode):
        return Node([_node(item, file, problems, depth + 1) for item in node.value], file, line)
    style = node.style if isinstance(node, yaml.ScalarNode) else "?"
    if style in {"|", ">"}:
        line += 1  # The words begin behind the sign, on the next line.
    return Node(_scalar(node.value, plain=not style), file, line)


def _keys(node: yaml.MappingNode, file: str, problems: Problems, depth: int) -> dict[str, Node]:
    found: dict[str, Node] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.errors.append(Problem(file, line, "expected a text as key"))
        elif key.value == "<<" and isinstance(item, yaml.MappingNode):
            found = _keys(item, file, problems, depth + 1) | found
        else:
            if key.value in found:
                problems.errors.append(
                    Problem(file, line, f"expected {key.value!r} to stand here only once")
                )
            found[key.value] = _node(item, file, problems, depth + 1)
    return found


def _scalar(text: str, *, plain: bool) -> Any:
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text) if len(text) < 300 else text
    return float(text) if _FLOAT.match(text) else text
