"""Entities written into example texts: `[Berlin](city)`, `[上海]{"entity": "city", "role": "from"}`."""

from __future__ import annotations

import json
import re
from typing import Any

from crm_store.messages import Entity

_ANNOTATION = re.compile(
    r"\[(?P<text>[^\]]+?)\]"
    r"(?:\((?P<entity>[^:)]+?)(?::(?P<value>[^)]+))?\)|(?P<one>\{[^}]+?\})|(?P<many>\[\s*\{.*?\}\s*\]))"
)


def read_annotations(line: str) -> tuple[str, tuple[Entity, ...]]:
    """The bare text and its entities; ValueError says what an annotation should have been."""
    pieces: list[str] = []
    entities: list[Entity] = []
    length = last = 0
    for found in _ANNOTATION.finditer(line):
        before = line[last : found.start()]
        text = found["text"]
        start = length + len(before)
        length = start + len(text)
        last = found.end()
        pieces += [before, text]
        entities += [_entity(fields, text, start) for fields in _fields(found)]
    pieces.append(line[last:])
    return _stripped("".join(pieces), entities)


def _stripped(text: str, entities: list[Entity]) -> tuple[str, tuple[Entity, ...]]:
    # Annotations may touch the ends of the line; only the blanks outside of them go.
    left = len(text) - len(text.lstrip())
    bare = text.strip()
    moved = (
        Entity(e.entity, e.value, max(0, e.start - left), min(len(bare), e.end - left), e.role, e.group)
        for e in entities
    )
    return bare, tuple(moved)


def _fields(found: re.Match[str]) -> list[dict[str, Any]]:
    if found["entity"]:
        return [{"entity": found["entity"], "value": found["value"]}]
    written = found["one"] or found["many"]
    try:
        value = json.loads(written)
    except ValueError:
        raise ValueError(f"expected JSON after [{found['text']}], got {written}") from None
    fields = value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) and isinstance(item.get("entity"), str) for item in fields):
        raise ValueError(f'expected {{"entity": "…"}} after [{found["text"]}], got {written}')
    return fields


def _entity(fields: dict[str, Any], text: str, start: int) -> Entity:
    value = fields.get("value")
    role, group = fields.get("role"), fields.get("group")
    return Entity(
        entity=fields["entity"].strip(),
        value=text if value is None else value,
        start=start,
        end=start + len(text),
        role=None if role is None else str(role),
        group=None if group is None else str(group),
    )
