"""Why the bot said something: what it heard, made of it, did and changed, in plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from console.happened import plainly


@dataclass(frozen=True, slots=True)
class Why:
    """One turn, as it is kept with the customer's message."""

    text: str
    understanding: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]

    @property
    def acted(self) -> list[Mapping[str, Any]]:
        """The steps that name an action."""
        return [step for step in self.steps if step.get("action")]

    @property
    def found(self) -> list[tuple[str, str]]:
        """What was found in the text: each kind with its value, those of the project first, none twice."""
        heard = self.understanding
        entities = (*heard.get("entities", ()), *heard.get("system_entities", ()))
        return list(dict.fromkeys((str(one["entity"]), shown(one.get("value"))) for one in entities))

    @property
    def more(self) -> list[str]:
        """FAQ entries that answer further questions of the same text."""
        return [str(entry) for entry in self.understanding.get("more", ())]

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """What the turn changed on the record: of what kind, its name where that says something, its value.

        Which FAQ entry answered stands in the steps already.
        """
        return list(self._changes())

    def _changes(self) -> Iterator[tuple[str, str, str]]:
        for step in self.steps:
            for change in step.get("changes", ()):
                what, name = str(change["what"]), str(change["name"])
                if what != "faq":
                    yield what, "" if name == what or _is_id(name) else name, shown(change["value"])


def shown(value: Any) -> str:
    """A value of an entity or a change as people read it; empty if there is none."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        if set(value) == {"from", "to"}:
            return f"{shown(value['from']) or '…'} – {shown(value['to']) or '…'}"
        for unit in ("unit", "currency"):
            if set(value) == {"amount", unit}:
                return f"{shown(value['amount'])} {value[unit] or ''}".rstrip()
        return plainly(dict(value))
    if isinstance(value, float):
        return f"{value:g}"
    return _moment(value) or plainly(value)


def _moment(value: Any) -> str:
    """A moment on the clock that it was said for."""
    if not isinstance(value, str) or "T" not in value or not value[:4].isdecimal():
        return ""
    try:
        return f"{datetime.fromisoformat(value):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""


def _is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
