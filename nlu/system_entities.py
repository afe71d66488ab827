"""What any customer may mention, in three languages: contacts, times, amounts, people, places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from crm_store.messages import Entity, Understanding
from nlu import addresses, amounts, contacts, people
from nlu.moments import PATTERNS as TIMES
from nlu.moments import Expression, Match, days_of, find_expressions, times_of
from nlu.scan import Pattern, Scanner
from nlu.spans import fold, without_overlaps

# Equally long finds: the earlier in this list is believed.
TYPES = ("url", "email", "phone", "order_number", "money", "time", "date", "quantity", "number")
NAMES = ("person", "address")
EXTRACTOR = "system"
_TIME_KINDS = frozenset(pattern.kind for pattern in TIMES)
_PLACES = {
    **dict.fromkeys(("url", "email", "phone", "order_number"), contacts.place),
    **dict.fromkeys(("money", "quantity", "number"), amounts.place),
    "person": people.place,
    "address": addresses.place,
}
_PATTERNS: tuple[Pattern[Any], ...] = (
    *contacts.PATTERNS,
    *amounts.PATTERNS,
    *people.PATTERNS,
    *addresses.PATTERNS,
    *TIMES,
)
SCANNER = Scanner(_PATTERNS)
_RANK = {kind: rank for rank, kind in enumerate((*TYPES, *NAMES))}
_SOME_DAY = date(2000, 1, 1)


def find_system_entities(
    text: str, now: date | None = None, folded: str | None = None
) -> tuple[Entity, ...]:
    """All finds, none overlapping; see `find_all`."""
    found = find_all(text, now, folded)
    return without_overlaps(found) if found else ()


def find_all(text: str, now: date | None = None, folded: str | None = None) -> list[Entity]:
    """All finds, also those that overlap. `folded`: the text as `fold` has it, where the caller knows it.

    Values: a date as ISO text, a time as ISO text with its offset where `now` is a moment, both as
    `{"from", "to"}` where they last; what cannot be told, for want of a `now`, in its words. Money as
    `{"amount", "currency"}`, a quantity as `{"amount", "unit"}`, a phone as digits (+ and the
    country before them where they are said).
    """
    folded = fold(text) if folded is None else folded
    found: list[Entity] = []
    times: list[Match] = []
    for pattern, match in SCANNER.scan(folded):
        kind = pattern.kind
        if kind in _TIME_KINDS:
            times.append((pattern, match))
            continue
        value = pattern.read(match)
        if value is not None and (kind != "person" or people.is_name(match, text)):
            start, end = _PLACES[kind](kind, match)
            said = text[start:end] if kind in ("url", "person", "address") else value
            found.append(Entity(kind, said, start, end, extractor=EXTRACTOR))
    if times:
        found += _times(folded, times, now)
    found.sort(key=lambda entity: _RANK[entity.entity])
    return found


def seen_from(heard: Understanding, now: datetime) -> Understanding:
    """The understanding, its dates and times as they are seen from another clock."""
    found = {(e.entity, e.start, e.end): e.value for e in find_all(heard.text, now)}

    def retold(entities: Iterable[Entity]) -> tuple[Entity, ...]:
        return tuple(
            replace(e, value=found.get((e.entity, e.start, e.end), e.value))
            if e.extractor == EXTRACTOR
            else e
            for e in entities
        )

    return replace(heard, entities=retold(heard.entities), system_entities=retold(heard.system_entities))


def _times(folded: str, matches: Iterable[Match], now: date | None) -> Iterator[Entity]:
    today = now.date() if isinstance(now, datetime) else now
    for expression in find_expressions(folded, matches, today or _SOME_DAY):
        yield from _days(folded, expression, today)
        pieces = expression.pieces
        if any(piece.kind in ("clock", "span") for piece in pieces):
            if isinstance(now, datetime):
                start, end = min(piece.start for piece in pieces), max(piece.end for piece in pieces)
                value = _time(expression, now)
                yield Entity("time", value, start, end, extractor=EXTRACTOR)
            else:
                for piece in pieces:
                    if piece.kind in ("clock", "span"):
                        words = folded[piece.start : piece.end]
                        yield Entity("time", words, piece.start, piece.end, extractor=EXTRACTOR)


def _time(expression: Expression, now: datetime) -> Any:
    found = times_of(expression, now)
    if found is None:
        return None
    first, last = found
    begin = first.isoformat(timespec="minutes")
    return begin if last is None else {"from": begin, "to": last.isoformat(timespec="minutes")}


def _days(folded: str, expression: Expression, today: date | None) -> Iterator[Entity]:
    named = [piece for piece in expression.pieces if piece.is_day]
    if not named:
        return
    start, end = named[0].start, named[-1].end
    dated = today is not None or all((p.source[1].groupdict().get("year") or "").isdecimal() for p in named)
    days = days_of(expression, today or _SOME_DAY) if dated else None
    value: Any = folded[start:end]
    if days is not None:
        first, last = (day.isoformat() for day in days)
        value = first if first == last else {"from": first, "to": last}
    yield Entity("date", value, start, end, extractor=EXTRACTOR)
