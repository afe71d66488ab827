"""What of the bot's stories is shown at once: all, one kind, one story, what is searched, or one branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("rule", "story", "form")
MOST = 220  # nodes that are drawn at once


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reader asks for; empty parts ask for nothing."""

    kind: str = ""  # one of KINDS
    story: str = ""  # an id
    words: str = ""
    at: int = -1  # a node, whose whole branch is shown


@dataclass(frozen=True, slots=True)
class Shown:
    """The nodes and edges of a view."""

    nodes: list[int]
    edges: list[tuple[int, int]]
    found: list[int] = field(default_factory=list)  # nodes that hold the words
    beyond: Mapping[int, int] = field(default_factory=dict)  # how many nodes follow that are not drawn
    story: Mapping[str, Any] | None = None


class Book:
    """The graph that the house tells (see `Host.stories`), asked from all sides."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.nodes: Sequence[Mapping[str, Any]] = told["nodes"]
        self.edges: list[tuple[int, int]] = [(start, end) for start, end in told["edges"]]
        self.stories: Mapping[str, Mapping[str, Any]] = {one["id"]: one for one in told["stories"]}
        self.findings: Sequence[Mapping[str, Any]] = told["findings"]
        self.about: Mapping[str, Mapping[str, Any]] = told["about"]
        self.after: dict[int, list[int]] = defaultdict(list)
        self.before: dict[int, list[int]] = defaultdict(list)
        for start, end in self.edges:
            self.after[start].append(end)
            self.before[end].append(start)
        self._named: dict[str, list[int]] = defaultdict(list)
        self._written_at: dict[tuple[str, int], list[int]] = defaultdict(list)
        for node in self.nodes:
            for name in _bases(node):
                self._named[name].append(node["id"])
            for file, line in node["places"]:
                self._written_at[file, line].append(node["id"])
        self._begun_at = {
            (one["file"], one["line"]): one["way"][0]
            for one in told["stories"]
            if one["way"] and one["file"]
        }
        self.marks = self._marks()

    def show(self, wanted: Wanted) -> Shown:
        """The nodes that are asked for; of too many, those that come first."""
        story = self.stories.get(wanted.story)
        found = self._holding(wanted.words) if wanted.words else []
        if story:
            chosen = set(story["way"])
        elif 0 <= wanted.at < len(self.nodes):
            chosen = {wanted.at, *self._all(self.before, [wanted.at]), *self._all(self.after, [wanted.at])}
        elif wanted.words:
            chosen = self._ways_with(wanted.words, set(found))
        elif wanted.kind in KINDS:
            chosen = {
                node for one in self.stories.values() if self._is(one, wanted.kind) for node in one["way"]
            }
        else:
            chosen = set(range(len(self.nodes)))
        return self._cut(chosen, found, wanted, story)

    def named(self, node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """What is known of the names of a node."""
        return [self.about[name] for name in node["names"] if name in self.about]

    def twins(self, node: Mapping[str, Any]) -> list[int]:
        """The other nodes of the same name."""
        alike = {other for name in _bases(node) for other in self._named[name]}
        return sorted(alike - {node["id"]})

    def _is(self, story: Mapping[str, Any], kind: str) -> bool:
        if kind != "form":
            return bool(story["kind"] == kind)
        return any(self.nodes[node]["kind"] == "form" for node in story["way"])

    def _holding(self, words: str) -> list[int]:
        wanted = words.casefold().split()
        return [node["id"] for node in self.nodes if all(word in self.written(node) for word in wanted)]

    def written(self, node: Mapping[str, Any]) -> str:
        """All words of a node, for a search; in small letters."""
        parts = [*node["names"], *node["notes"], *node["entities"]]
        for about in self.named(node):
            parts += about.get("some", ())
            for way in about.get("texts", ()):
                parts += [way["text"], *way["buttons"]]
        return "\n".join(parts).casefold()

    def _ways_with(self, words: str, found: set[int]) -> set[int]:
        wanted = words.casefold()
        return {
            node
            for one in self.stories.values()
            if wanted in one["name"].casefold() or found & set(one["way"])
            for node in one["way"]
        } | found

    def _cut(
        self, chosen: set[int], found: list[int], wanted: Wanted, story: Mapping[str, Any] | None
    ) -> Shown:
        """Of too many nodes those that are nearest to where their ways begin, and a hint to the rest."""
        kept = chosen
        if len(chosen) > MOST and not story:
            kept = self._nearest(chosen, self._all(self.before, found) | set(found[:MOST]), wanted.at)
        edges = [edge for edge in self.edges if kept.issuperset(edge)]
        left_out = chosen - kept
        ends = [node for node in kept if left_out.intersection(self.after[node])] if left_out else []
        beyond = {node: len(self._all(self.after, [node], within=left_out)) for node in ends}
        return Shown(sorted(kept), edges, [node for node in found if node in kept], beyond, story)

    def _nearest(self, chosen: set[int], first: set[int], at: int) -> set[int]:
        kept = set(sorted(first & chosen)[:MOST])
        if at >= 0:
            kept |= {at, *self._all(self.before, [at])}
        level = sorted(node for node in chosen if not chosen.intersection(self.before[node]))
        seen = set(level)
        while level and len(kept) < MOST:
            kept |= set(level[: MOST - len(kept)])
            following = [after for node in level for after in self.after[node] if after in chosen - seen]
            level = list(dict.fromkeys(following))
            seen.update(level)
        return kept

    def _all(
        self, leads: Mapping[int, list[int]], nodes: Iterable[int], within: set[int] | None = None
    ) -> set[int]:
        """All that can be reached from these nodes, in one direction."""
        seen: set[int] = set()
        waiting = list(nodes)
        while waiting:
            for near in leads.get(waiting.pop(), ()):
                if near not in seen and (within is None or near in within):
                    seen.add(near)
                    waiting.append(near)
        return seen

    def _marks(self) -> dict[int, list[int]]:
        """By node, the findings that are about it."""
        found: dict[int, list[int]] = defaultdict(list)
        for number, finding in enumerate(self.findings):
            for node in self.concerned(finding):
                found[node].append(number)
        return found

    def concerned(self, finding: Mapping[str, Any]) -> list[int]:
        """The nodes that a finding is about: by name, else by where it stands."""
        place = (finding["file"], finding["line"])
        named = self._named.get(finding["about"]) if finding["about"] else None
        if named or place not in self._begun_at:
            return named or self._written_at.get(place, [])
        return [self._begun_at[place]]


def _bases(node: Mapping[str, Any]) -> set[str]:
    names = {str(name).partition("/")[0] for name in node["names"]}
    return names if node["kind"] != "back" else set()
