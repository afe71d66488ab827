"""What happened, in words and values that a page can draw: changes by field, whoever made them, data."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from console.visits import Visit
from crm_store import masking
from crm_store.audit import AuditEntry
from crm_store.timeline import Entry

LONGEST = 200  # characters of one value


@dataclass(frozen=True, slots=True)
class Change:
    """One field that was changed."""

    name: str
    before: str
    after: str


def changes_of(row: AuditEntry) -> Iterator[Change]:
    """The fields that an entry of the audit names; numbers and addresses hide a part of themselves."""
    for field, value in row.changes.items():
        name = field.removeprefix("attributes.")
        if isinstance(value, dict) and {"from", "to"} <= set(value):
            yield Change(name, _shown(name, value["from"]), _shown(name, value["to"]))
        elif isinstance(value, dict) and {"added", "removed"} <= set(value):
            yield Change(name, ", ".join(value["removed"]), ", ".join(value["added"]))
        elif field == "seen":
            yield Change(str(value), "", "")


def plainly(value: Any) -> str:
    """A JSON value as people read it."""
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        text = ", ".join(map(str, value))
    elif isinstance(value, dict | list | bool) or value is None:
        text = json.dumps(value, ensure_ascii=False)
    else:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def namer(visit: Visit) -> Callable[[str], str]:
    """A function that says who an actor of the audit is."""

    def by(actor: str) -> str:
        kind, _, name = actor.partition(":")
        if kind == "staff":
            return name
        return visit.word(f"timeline.by_{kind}") or actor

    return by


def channel_of(entry: Entry) -> str:
    """On which channel a message was said; empty for a note."""
    return str(getattr(entry.row, "channel", ""))


def _shown(name: str, value: Any) -> str:
    return "" if value in (None, "") else plainly(masking.mask(name, value))
