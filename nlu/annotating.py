"""What a customer wrote as a line of a test story: with its entities, and stand-ins for a person's own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

from crm_store.messages import Entity, Understanding
from nlu.story_writing import on_one_line

_ANNOTATES = re.compile(r"\[(?=[^\]]+\](?:\(|\{|\[))")


class Replacing(Protocol):
    """What stands for a person's own names and numbers: see `crm_store/stand_ins.py`."""

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and words of each, none overlapping."""

    def replace_all(self, value: Any) -> Any:
        """A JSON value with all of them replaced."""


def annotated(heard: Understanding, replacing: Replacing) -> str:
    """The text with its entities and its stand-ins, on one line."""
    text = on_one_line(heard.text)
    if heard.engine == "payload":
        return _payload(heard, replacing)
    places = replacing.places(text)
    spans = _spans(heard.entities, places, len(text))
    # Brackets of the customer's own must not be read as those of an annotation.
    is_bare = not spans and not _ANNOTATES.search(text)

    def piece(start: int, end: int) -> str:
        said = _replaced(text[start:end], _within(places, start, end))
        return said if is_bare else said.replace("[", "［").replace("]", "］")

    pieces, last = [], 0
    for entities in spans:
        start, end = entities[0].start, entities[0].end
        pieces += [piece(last, start), _marked(piece(start, end), entities, replacing)]
        last = end
    return "".join([*pieces, piece(last, len(text))])


def _payload(heard: Understanding, replacing: Replacing) -> str:
    values: dict[str, Any] = {}
    for entity in heard.entities:
        value = replacing.replace_all(entity.value)
        if entity.entity in values:
            known = values[entity.entity]
            value = [*(known if isinstance(known, list) else [known]), value]
        values[entity.entity] = value
    return f"/{heard.intent}{json.dumps(values, ensure_ascii=False) if values else ''}"


def _marked(said: str, entities: Sequence[Entity], replacing: Replacing) -> str:
    marks = [_mark(said, entity, replacing) for entity in entities]
    if len(marks) == 1 and set(marks[0]) == {"entity"} and not set(":)") & set(marks[0]["entity"]):
        return f"[{said}]({marks[0]['entity']})"
    return f"[{said}]{json.dumps(marks if len(marks) > 1 else marks[0], ensure_ascii=False)}"


def _mark(said: str, entity: Entity, replacing: Replacing) -> dict[str, Any]:
    value = replacing.replace_all(entity.value)
    more = {"value": value, "role": entity.role, "group": entity.group}
    kept = {name: one for name, one in more.items() if one is not None and (name != "value" or one != said)}
    return {"entity": entity.entity, **kept}


def _replaced(text: str, places: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in reversed(places):
        text = text[:start] + new + text[end:]
    return text


def _within(places: Sequence[tuple[int, int, str]], start: int, end: int) -> list[tuple[int, int, str]]:
    return [(a - start, b - start, new) for a, b, new in places if start <= a and b <= end]


def _spans(
    entities: Sequence[Entity], places: Sequence[tuple[int, int, str]], length: int
) -> list[list[Entity]]:
    """The entities by their place, in order; without those that cross another one or a stand-in."""
    found: list[list[Entity]] = []
    for entity in sorted(entities, key=lambda one: (one.start, -one.end)):
        start, end = entity.start, entity.end
        if not 0 <= start < end <= length or any(
            a < end and start < b and not (start <= a and b <= end) for a, b, _ in places
        ):
            continue
        if found and (found[-1][0].start, found[-1][0].end) == (start, end):
            found[-1].append(entity)
        elif not found or found[-1][0].end <= start:
            found.append([entity])
    return found
