"""Rows as nlu data of a Rasa project. Standard library only, as Rasa reads them, too."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def as_yaml(rows: Sequence[Mapping[str, Any]]) -> str:
    """One intent with its examples after another, entities annotated in the text."""
    by_intent: dict[str, list[str]] = {}
    for row in rows:
        by_intent.setdefault(str(row["intent"]), []).append(_annotated(row))
    listed = [{"intent": name, "examples": "".join(texts)} for name, texts in by_intent.items()]
    # JSON is YAML, and quotes whatever a text holds; only Rasa looks for `nlu:` at the beginning of a line.
    return "\n".join(
        ['version: "3.1"', "nlu:", *[f"- {json.dumps(one, ensure_ascii=False)}" for one in listed], ""]
    )


def _annotated(row: Mapping[str, Any]) -> str:
    text, pieces, last = str(row["text"]), "", 0
    for entity in sorted(row.get("entities") or (), key=lambda entity: int(entity["start"])):
        start, end = int(entity["start"]), int(entity["end"])
        if start >= last:
            pieces += f"{text[last:start]}[{text[start:end]}]({entity['entity']})"
            last = end
    return f"- {' '.join((pieces + text[last:]).split())}\n"
