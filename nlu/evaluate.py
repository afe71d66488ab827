"""How good an interpreter is on marked texts: accuracy of intents, F1 of entities, speed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from time import perf_counter
from typing import Any

from crm_store.messages import ParleyError, Understanding
from nlu.base import Interpreter
from nlu.meaning import Reader

Row = Mapping[str, Any]
Span = tuple[int, int, str, str]


class BadRows(ParleyError):
    """A line of the data is no JSON object with a text."""


def parse_lines(interpreter: Interpreter, lines: Iterable[str]) -> list[dict[str, Any]]:
    """Rasa-shaped parse results, one for each line of text."""
    texts = [line.rstrip("\r\n") for line in lines]
    return [heard.to_json() for heard in interpreter.understand(texts)]


def read_rows(lines: Iterable[str], name: str) -> list[Row]:
    """Rows `{"text", "intent", "entities"}` from JSON lines; `BadRows` names the first bad line."""
    rows: list[Row] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise BadRows(f"{name}:{number}: expected a JSON object: {error}") from None
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise BadRows(f'{name}:{number}: expected {{"text": "…", "intent": "…", "entities": […]}}')
        rows.append(row)
    return rows


def evaluate(interpreter: Interpreter, rows: Sequence[Row], reader: Reader | None = None) -> dict[str, Any]:
    """`intent_accuracy`, `entity_f1`, `texts_per_second` and what they were counted from.

    With a reader also which share is `answered`, and which share of that rightly: `answered_right`.

    An intent counts as right by its base name where the row names a base, else by the full name. An
    entity is right if start, end, type and value are; F1 is over all entities of all rows (1 where
    there are none at all).
    """
    begun = perf_counter()
    heard = interpreter.understand([row["text"] for row in rows])
    seconds = perf_counter() - begun
    right = sum(_said(found, str(row.get("intent"))) for row, found in zip(rows, heard, strict=True))
    hits = claimed = wanted = 0
    for row, found in zip(rows, heard, strict=True):
        gold = {_gold(entity) for entity in row.get("entities") or ()}
        said = {(e.start, e.end, e.entity, str(e.value)) for e in found.entities}
        hits, claimed, wanted = hits + len(gold & said), claimed + len(said), wanted + len(gold)
    return {
        "intent_accuracy": round(right / len(rows), 4) if rows else 0.0,
        "entity_f1": round(2 * hits / (claimed + wanted), 4) if claimed + wanted else 1.0,
        "entity_precision": round(hits / claimed, 4) if claimed else 1.0,
        "entity_recall": round(hits / wanted, 4) if wanted else 1.0,
        "texts_per_second": round(len(rows) / seconds, 1) if seconds else 0.0,
        "texts": len(rows),
        "entities": wanted,
        **(_answered(reader, heard, rows) if reader else {}),
    }


def _answered(reader: Reader, heard: Sequence[Understanding], rows: Sequence[Row]) -> dict[str, Any]:
    right = []
    for found, row in zip(heard, rows, strict=True):
        meaning, intent = reader.read(found), str(row.get("intent"))
        named = meaning.intent
        if meaning.answer and (meaning.is_retrieval or not named):
            named = meaning.answer.entry
        elif meaning.is_retrieval:
            continue
        if named:
            right.append(intent in (named, named.partition("/")[0]))
    return {
        "answered": round(len(right) / len(rows), 4) if rows else 0.0,
        "answered_right": round(sum(right) / len(right), 4) if right else 1.0,
    }


def _said(found: Understanding, intent: str) -> bool:
    if "/" in intent and found.intent == intent.partition("/")[0]:
        return bool(found.answers) and found.answers[0].entry == intent
    return found.intent == intent


def _gold(entity: Mapping[str, Any]) -> Span:
    start, end = int(entity["start"]), int(entity["end"])
    return start, end, str(entity["entity"]), str(entity.get("value"))
