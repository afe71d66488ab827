"""Places for the nodes of a graph without circles: from left to right, what hangs together side by side.

The same graph always gets the same picture. A node stands in the column behind all that lead to it, and
level with the middle of what it leads to; every end has a row of its own, so nothing lies on anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

Edge = tuple[int, int]
ASPECT = 1.7  # width of the picture by its height, if that can be had
MOST_STRIPS = 12


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the picture, in its own units."""

    width: int = 212  # of a node
    height: int = 48
    across: int = 48  # between two columns
    down: int = 14  # between two rows
    apart: int = 84  # between two strips


@dataclass(frozen=True, slots=True)
class Line:
    """One edge as a path; `extra`: a way that leads to where another one leads already."""

    start: int
    end: int
    path: str
    extra: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """Where everything stands: the upper left corner of each node, and the edges between them."""

    width: int
    height: int
    places: Mapping[int, tuple[int, int]]
    lines: Sequence[Line]


def lay_out(nodes: Sequence[int], edges: Sequence[Edge], sizes: Sizes = Sizes()) -> Picture:
    """The picture of a graph. `nodes` and `edges` are in the order in which they are to be drawn."""
    drawing = _Drawing(nodes, edges)
    grid = drawing.packed(sizes)
    places = {node: (round(x), round(y)) for node, (x, y) in grid.items()}
    width = max((x for x, _ in places.values()), default=0) + sizes.width
    height = max((y for _, y in places.values()), default=0) + sizes.height
    lines = [drawing.line(edge, places, sizes) for edge in drawing.edges]
    return Picture(width, height, places, lines)


class _Drawing:
    def __init__(self, nodes: Sequence[int], edges: Sequence[Edge]) -> None:
        self.nodes = nodes
        known = set(nodes)
        self.edges = [edge for edge in edges if known.issuperset(edge)]
        self.after: dict[int, list[int]] = defaultdict(list)
        self.before: dict[int, list[int]] = defaultdict(list)
        for start, end in self.edges:
            self.after[start].append(end)
            self.before[end].append(start)
        self.columns = self._columns()
        # Of several that lead to a node the nearest one has it on its own twig.
        self.parents = {
            node: max(self.before[node], key=lambda one: self.columns[one])
            for node in nodes
            if self.before[node]
        }
        self.twigs: dict[int, list[int]] = defaultdict(list)
        for node in nodes:
            if node in self.parents:
                self.twigs[self.parents[node]].append(node)

    def _columns(self) -> dict[int, int]:
        """The longest way to each node."""
        columns = dict.fromkeys(self.nodes, 0)
        left = {node: len(self.before[node]) for node in self.nodes}
        ready = [node for node in self.nodes if not left[node]]
        while ready:
            node = ready.pop()
            for after in self.after[node]:
                columns[after] = max(columns[after], columns[node] + 1)
                left[after] -= 1
                if not left[after]:
                    ready.append(after)
        return columns

    def _parts(self) -> Iterator[list[int]]:
        """The nodes that hang together, in order."""
        part: dict[int, int] = {}
        for first in self.nodes:
            if first in part:
                continue
            part[first], waiting = first, [first]
            while waiting:
                node = waiting.pop()
                for near in (*self.after[node], *self.before[node]):
                    if near not in part:
                        part[near] = first
                        waiting.append(near)
        members: dict[int, list[int]] = defaultdict(list)
        for node in self.nodes:
            members[part[node]].append(node)
        yield from members.values()

    def _rows(self, part: Sequence[int]) -> tuple[dict[int, float], int]:
        """The row of each node of a part, and how many there are."""
        rows: dict[int, float] = {}
        free = 0
        for root in part:
            if root in self.parents:
                continue
            waiting = [(root, False)]
            while waiting:
                node, seen = waiting.pop()
                twigs = self.twigs[node]
                if not twigs:
                    rows[node], free = float(free), free + 1
                elif seen:
                    rows[node] = (rows[twigs[0]] + rows[twigs[-1]]) / 2
                else:
                    waiting += [(node, True), *((twig, False) for twig in reversed(twigs))]
        return rows, free

    def packed(self, sizes: Sizes) -> dict[int, tuple[float, float]]:
        """All parts in strips beside each other, so that the whole is about as wide as a screen."""
        parts = [(part, *self._rows(part)) for part in self._parts()]
        across, down = sizes.width + sizes.across, sizes.height + sizes.down
        shapes = [(max(self.columns[node] for node in part) + 1, count) for part, _, count in parts]
        tallest = max((count for _, count in shapes), default=1)
        total = sum(count for _, count in shapes)
        best: tuple[float, list[int]] = (inf, [])
        for strips in range(1, MOST_STRIPS + 1):
            which = _in_strips(shapes, max(tallest, -(-total // strips)))
            width, height = _extent(shapes, which)
            wide = width * across + which[-1] * (sizes.apart - sizes.across) if which else 1
            best = min(best, (abs(log(wide / (height * down) / ASPECT)) if height else 0.0, which))
        found: dict[int, tuple[float, float]] = {}
        x, y, strip, widest = 0.0, 0.0, 0, 0
        for (part, rows, count), (columns, _), at in zip(parts, shapes, best[1], strict=True):
            if at != strip:
                x, y, strip, widest = x + widest * across - sizes.across + sizes.apart, 0.0, at, 0
            widest = max(widest, columns)
            found |= {node: (x + self.columns[node] * across, y + rows[node] * down) for node in part}
            y += count * down
        return found

    def line(self, edge: Edge, places: Mapping[int, tuple[int, int]], sizes: Sizes) -> Line:
        """An edge: level, but for a bend in the gap behind its start, or before its end."""
        start, end = edge
        extra = self.parents[end] != start
        x, y = places[start][0] + sizes.width, places[start][1] + sizes.height // 2
        to_x, to_y = places[end][0], places[end][1] + sizes.height // 2
        if y == to_y:
            return Line(start, end, f"M{x} {y}H{to_x}", extra)
        half = sizes.across // 2
        if extra and not self.twigs[start]:
            bend = to_x - sizes.across
            curve = f"C{bend + half} {y} {to_x - half} {to_y} {to_x} {to_y}"
            return Line(start, end, f"M{x} {y}H{bend}{curve}", extra)
        bend = x + sizes.across
        curve = f"C{x + half} {y} {bend - half} {to_y} {bend} {to_y}"
        return Line(start, end, f"M{x} {y}{curve}H{to_x}", extra)


def _in_strips(shapes: Sequence[tuple[int, int]], height: int) -> list[int]:
    """In which strip each part stands, if none is higher than so many rows."""
    found: list[int] = []
    strip = used = 0
    for _, count in shapes:
        if used and used + count > height:
            strip, used = strip + 1, 0
        used += count
        found.append(strip)
    return found


def _extent(shapes: Sequence[tuple[int, int]], which: Sequence[int]) -> tuple[int, int]:
    """Columns and rows of all strips together."""
    widths: dict[int, int] = defaultdict(int)
    heights: dict[int, int] = defaultdict(int)
    for (columns, count), strip in zip(shapes, which, strict=True):
        widths[strip] = max(widths[strip], columns)
        heights[strip] += count
    return sum(widths.values()), max(heights.values(), default=0)
