"""Values that know the line where they stand, and the list of what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crm_store.messages import ParleyError


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
