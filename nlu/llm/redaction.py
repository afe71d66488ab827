"""Personal data do not leave the house: placeholders go out, and are filled in on their way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from nlu.llm.names import pattern_of
from nlu.spans import fold
from nlu.system_entities import find_all

LONGEST_TEXT = 4000  # characters of one text; the rest stays in the house
LEAST_DIGITS = 7  # a run of so many is somebody's number, whatever it is
_MARKS = {
    "phone": "PHONE", "email": "EMAIL", "order_number": "ORDER", "person": "NAME", "address": "ADDRESS",
}  # fmt: skip
# Finds of which nothing may be left standing beside them, in the order in which they are believed.
_OURS = re.compile(r"\[(?:PHONE|EMAIL|ORDER|NAME|ADDRESS|NUMBER|TEXT)_\d+\]", re.IGNORECASE)
_SIGN = r"\s@<>()\[\]{}\"',;:!?，。；：、！？"
# Each run is tried from its beginning alone: from every place in it takes its square.
_EMAIL = re.compile(rf"(?<![^{_SIGN}])[^{_SIGN}]+\s?@\s?(?:[^{_SIGN}]*[^{_SIGN}.])")
_BETWEEN = (
    "\\s\\-.·_()/\u200b-\u200d\u2060\ufeff"  # what people, and those who hide something, put between digits
)
_DIGITS = re.compile(rf"\d(?:[{_BETWEEN}]{{0,2}}\d){{{LEAST_DIGITS - 1},}}")
_CODE = re.compile(r"[a-z0-9-]{12,}")  # with a digit in it, as ids are


class Redaction:
    """Placeholders of one exchange with a model: the same thing always gets the same one."""

    def __init__(self, names: Iterable[Any] = ()) -> None:
        """`names`: names and values of the person's record; whatever is no text is left out."""
        self._names = pattern_of(names)
        self._hidden: dict[str, str] = {}  # placeholder: what it stands for
        self._given: dict[tuple[str, str], str] = {}

    def hide(self, text: str) -> str:
        """The text with placeholders; what is longer than `LONGEST_TEXT` is cut."""
        text = text[:LONGEST_TEXT]
        parts, end = [], 0
        for start, stop, mark in _without_overlaps(self._finds(text)):
            parts += [text[end:start], self._placeholder(mark, text[start:stop])]
            end = stop
        return "".join([*parts, text[end:]])

    def show(self, text: str) -> str:
        """A text of the model with everything back in its place; placeholders never given stay."""
        return _OURS.sub(lambda found: self._hidden.get(found.group().upper(), found.group()), text)

    def _placeholder(self, mark: str, said: str) -> str:
        known = self._given.get((mark, said))
        if known is None:
            number = sum(1 for one, _ in self._given if one == mark) + 1
            known = self._given[mark, said] = f"[{mark}_{number}]"
            self._hidden[known] = said
        return known

    def _finds(self, text: str) -> Iterator[tuple[int, int, str]]:
        folded = fold(text)
        # What looks like a placeholder and is none would be mistaken for one on its way back.
        yield from ((*found.span(), "TEXT") for found in _OURS.finditer(text))
        for entity in find_all(text, folded=folded):
            if mark := _MARKS.get(entity.entity):
                yield entity.start, entity.end, mark
        if self._names is not None:
            yield from ((*span, "NAME") for span in _find_names(self._names, folded))
        yield from ((*found.span(), "EMAIL") for found in _EMAIL.finditer(folded))
        yield from ((*found.span(), "NUMBER") for found in _DIGITS.finditer(folded))
        for found in _CODE.finditer(folded):
            if any(character.isdigit() for character in found.group()):
                yield *found.span(), "NUMBER"


def _find_names(names: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where names stand; one that another is written to stands alone as soon as that one is hidden."""
    while found := [one.span() for one in names.finditer(text)]:
        yield from found
        text = names.sub(lambda one: "#" * len(one.group()), text)


def _without_overlaps(finds: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Finds that touch become one, named after the longest: half of an address is no less personal."""
    merged: list[tuple[int, int, str, int]] = []
    for start, end, mark in sorted(finds):
        if merged and start < merged[-1][1]:
            first, last, named, size = merged[-1]
            better = end - start > size or (end - start == size and named == "NUMBER")
            merged[-1] = first, max(last, end), mark if better else named, max(size, end - start)
        elif end > start:
            merged.append((start, end, mark, end - start))
    return [(start, end, mark) for start, end, mark, _ in merged]
