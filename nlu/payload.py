"""Payloads of buttons: `/intent{"entity": "value"}`. Never to be read from what a customer types."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from crm_store.messages import Entity, Understanding

_PAYLOAD = re.compile(
    r"/(?P<name>[^{@\s]+)\s*(?:@(?P<confidence>[0-9.]+))?\s*(?P<fields>\{.*\})?(?P<rest>.*)\Z", re.DOTALL
)
_HEAD = re.compile(r"[\s/]+")


def typed(text: str) -> str:
    """The text so that a Rasa server takes it for words, whatever a customer has typed.

    Rasa strips blanks of every kind and takes what then begins with a slash for a payload.
    """
    found = _HEAD.match(text)
    if found is None or "/" not in found[0]:
        return text
    return text[found.end() :] or "／"  # A wide one is no payload's.


def read_payload(
    text: str, intents: Collection[str], entity_types: Collection[str] | None = None
) -> Understanding | None:
    """What a payload means; None where it is plain text or names an intent that is not known.

    Entities of a type outside `entity_types` are dropped (None: all are kept). A list gives one entity
    each. The confidence is 1 unless it is written: `/greet@0.9`.
    """
    found = _PAYLOAD.match(text)
    if not found:
        return None
    name = found["name"]
    if name not in intents and name.partition("/")[0] not in intents:
        return None
    fields = _fields(found["fields"])
    if fields is None:
        return None
    entities = tuple(
        Entity(key, item, found.start("fields"), found.end("fields"), extractor="payload")
        for key, value in fields.items()
        if entity_types is None or key in entity_types
        for item in (value if isinstance(value, list) else [value])
    )
    confidence = _confidence(found["confidence"])
    return Understanding(
        text=text,
        intent=name,
        confidence=confidence,
        ranking=((name, confidence),),
        entities=entities,
        engine="payload",
    )


def _fields(written: str | None) -> dict[str, Any] | None:
    if not written:
        return {}
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _confidence(written: str | None) -> float:
    try:
        return min(1.0, max(0.0, float(written))) if written else 1.0
    except ValueError:
        return 1.0
