"""Conditions of a segment as rows of a form, and back. What rows cannot say is kept as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.visits import Visit

KINDS = (
    "tag", "no_tag", "written", "not_written", "created", "event", "no_event", "attribute", "contains",
    "known", "unknown", "language", "channel",
)  # fmt: skip
EMPTY_ROWS = 1
MOST_ROWS = 20
_DAYS = {
    "written": "written_within_days",
    "not_written": "not_written_within_days",
    "created": "created_within_days",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One condition: `name` is an attribute or an event, `value` what it is compared with."""

    kind: str = ""
    name: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """All conditions: `match` is all or any. `raw`: a definition that rows cannot say."""

    match: str = "all"
    rows: tuple[Row, ...] = ()
    raw: str = ""

    def definition(self) -> dict[str, Any]:
        """The definition that they say. ValueError for a raw one that is no JSON."""
        if self.raw:
            found = json.loads(self.raw)
            if not isinstance(found, dict):
                raise ValueError("expected an object")
            return found
        conditions = [_condition(row) for row in self.rows if row.kind]
        return {self.match: conditions} if conditions else {}

    def shown(self) -> tuple[Row, ...]:
        """The rows of the form, with room for more."""
        return (*self.rows, *([Row()] * EMPTY_ROWS))


def rows_of(definition: Mapping[str, Any]) -> Rows:
    """A definition as rows."""
    if not definition:
        return Rows()
    match = next(iter(definition)) if set(definition) <= {"all", "any"} and len(definition) == 1 else ""
    conditions = definition[match] if match else [definition]
    rows = [_row(condition) for condition in conditions]
    if all(rows) and len(rows) <= MOST_ROWS:
        return Rows(match or "all", tuple(row for row in rows if row))
    return Rows(raw=json.dumps(definition, ensure_ascii=False))


def read_rows(visit: Visit) -> Rows:
    """The rows of a form that was sent."""
    if visit.text("raw"):
        return Rows(raw=visit.text("raw"))
    fields = zip(visit.texts("kind"), visit.texts("name_of"), visit.texts("value_of"), strict=False)
    rows = [Row(kind, name.strip(), value.strip()) for kind, name, value in fields if kind in KINDS]
    return Rows("any" if visit.text("match") == "any" else "all", tuple(rows[:MOST_ROWS]))


def _condition(row: Row) -> dict[str, Any]:
    if row.kind in _DAYS:
        return {_DAYS[row.kind]: _number(row.value)}
    if row.kind in ("no_tag", "no_event"):
        return {"not": _condition(Row(row.kind.removeprefix("no_"), row.name, row.value))}
    if row.kind == "event":
        within = {"within_days": _number(row.value)} if row.value else {}
        return {"event": row.name, **within}
    match row.kind:
        case "attribute":
            return {"attribute": row.name, "is": row.value}
        case "contains":
            return {"attribute": row.name, "contains": row.value}
        case "known" | "unknown":
            return {"attribute": row.name, "known": row.kind == "known"}
    return {row.kind: row.value}


def _number(value: str) -> int | str:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else value


def _row(condition: Mapping[str, Any]) -> Row | None:
    """The row that says a condition; None if there is none."""
    names = set(condition)
    for kind, name in _DAYS.items():
        if names == {name}:
            return Row(kind, "", str(condition[name]))
    if names == {"not"}:
        return _turned(_row(condition["not"]))
    if names in ({"event"}, {"event", "within_days"}):
        return Row("event", condition["event"], str(condition.get("within_days", "")))
    if names == {"attribute", "known"}:
        return Row("known" if condition["known"] else "unknown", condition["attribute"])
    if names == {"attribute", "contains"}:
        return Row("contains", condition["attribute"], condition["contains"])
    if names == {"attribute", "is"} and isinstance(condition["is"], str):
        return Row("attribute", condition["attribute"], condition["is"])
    simple: Sequence[str] = ("tag", "language", "channel")
    return next((Row(k, "", condition[k]) for k in simple if names == {k}), None)


def _turned(row: Row | None) -> Row | None:
    if row is None or row.kind not in ("tag", "event"):
        return None
    return Row(f"no_{row.kind}", row.name, row.value)
