"""Slots that are the customer's record: what a project's `record:` section says. See decision 0022."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from nlu.domain import Domain, Slot
from nlu.reading import Node, Problem, Problems

PROFILE = ("birthday", "email", "name", "phone", "timezone")  # attributes that the house knows and checks
PURPOSES = ("marketing",)
KINDS = ("attribute", "custom", "tag", "consent")
LONGEST = {"custom": 60, "tag": 50}  # characters
_OWN = ("language", "requested_slot")  # the house's own slots


@dataclass(frozen=True, slots=True)
class Bound:
    """A slot and what it is on the record: an attribute, a tag or a consent."""

    slot: str
    kind: str  # "attribute", "custom" (an attribute of the project's own), "tag", "consent"
    name: str
    file: str = ""
    line: int = 0

    @property
    def fact(self) -> tuple[str, str]:
        """What it is bound to; a profile attribute and one of the project's own are of the same kind."""
        return ("attribute" if self.kind == "custom" else self.kind, self.name)


def read_record(node: Node, bound: dict[str, Bound], problems: Problems) -> None:
    """Add one `record:` section: `phone: {attribute: phone}`, or `phone: phone` for short."""
    for slot, item in problems.mapping(node, "record").items():
        read = _read(slot, item, problems)
        if read is None:
            continue
        if slot in bound:
            first = bound[slot]
            problems.add(item, f"expected the slot {slot!r} once: {first.file}:{first.line} binds it, too")
        bound.setdefault(slot, read)


def check_record(bound: Mapping[str, Bound], domain: Domain, problems: Problems) -> None:
    """Slots must exist and be able to hold what they are bound to, and each fact belongs to one slot."""
    taken: dict[tuple[str, str], Bound] = {}
    for one in bound.values():
        slot = domain.slots.get(one.slot)
        if said := _fault(one, slot, taken.setdefault(one.fact, one)):
            problems.errors.append(Problem(one.file, one.line, said))


def as_slot(value: Any, slot: Slot) -> Any:
    """A value of the record as the slot holds it; None where it cannot."""
    if value is None:
        return None
    if slot.type == "bool":
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    if slot.type == "float":
        return _number(value)
    if slot.type in ("text", "categorical"):
        return value if isinstance(value, str) else str(value)
    if slot.type == "list":
        return value if isinstance(value, list) else [value]
    return value


def _number(value: Any) -> int | float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number if isfinite(number) else None


def _read(slot: str, item: Node, problems: Problems) -> Bound | None:
    if isinstance(item.value, str):
        kind, node = "attribute", item
    else:
        fields = problems.mapping(item, f"record.{slot}")
        if len(fields) != 1 or next(iter(fields)) not in KINDS:
            problems.add(item, f"expected one of {', '.join(KINDS)} for the slot {slot!r}")
            return None
        ((kind, node),) = fields.items()
    name = problems.text(node, kind).strip()
    known = {"attribute": PROFILE, "consent": PURPOSES}.get(kind)
    if known and name not in known:
        own = f"; an attribute of your own is custom: {name}" if kind == "attribute" and name else ""
        problems.add(node, f"expected {kind}: to be one of {', '.join(known)}, got {name!r}{own}")
        return None
    if kind in LONGEST and not 0 < len(name) <= LONGEST[kind]:
        problems.add(node, f"expected {kind}: to be a name of 1 to {LONGEST[kind]} characters")
        return None
    return Bound(slot, kind, name, item.file, item.line)


def _fault(one: Bound, slot: Slot | None, first: Bound) -> str:
    if one.slot in _OWN:
        return f"expected another slot than {one.slot!r}, which Parley sets itself"
    if slot is None:
        return f"expected the slot {one.slot!r} to be declared under slots:"
    if first is not one:
        return f"expected {one.name!r} to be bound to one slot: {first.file}:{first.line} binds it, too"
    if one.kind in ("tag", "consent") and slot.type not in ("bool", "any"):
        return f"expected the slot {one.slot!r} to be of type bool, as a {one.kind} is, got {slot.type}"
    return ""
