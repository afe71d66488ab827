"""Moments and stretches of time in what people write: 明天十点, from 3 to 5 pm tomorrow, 다음 주 화요일.

Days (`nlu/dates.py`) and times of day (`nlu/clocks.py`) that stand together are one expression, seen from a
`now` in the zone of whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from crm_store.messages import Moment
from nlu import clocks, dates
from nlu.clocks import AFTERNOON, EVENING, MORNING, NIGHT, NOON, Clock, Clocks
from nlu.dates import ANCHORED
from nlu.days import Days
from nlu.scan import Pattern, Scanner
from nlu.spans import fold

# At these hours people mean to be reached when they do not say which half of a day.
_EARLIEST, _LATEST = 7, 22
_GLUE = re.compile(
    r"[\s,、的@]{0,3}(?:t|(?:in|at|on|the|around|about|by|from|between|before|after) )?|에 ?"
)
_TO = re.compile(r" ?(?:-|~|～|–|—|到|至|直到|to|until|till|through|thru|부터|에서)(?: ?(?:the|on))? ?")
_AND = re.compile(r" ?(?:and|和|与|跟) ?")
_BETWEEN = re.compile(r"(?:between|从|在) ?\Z")
Match = tuple[Pattern[Any], re.Match[str]]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A day, a time or a part of the day, where it stands."""

    start: int
    end: int
    kind: str  # "day", "month", …, "clock", "span", "part"
    value: Any
    source: Match

    @property
    def is_day(self) -> bool:
        return self.kind not in ("clock", "span", "part")


@dataclass(slots=True)
class Expression:
    """Pieces that stand together: what is said before a "to", and what behind it."""

    first: list[_Piece] = field(default_factory=list)
    last: list[_Piece] = field(default_factory=list)
    has_to: bool = False

    @property
    def pieces(self) -> list[_Piece]:
        """All of them, in order."""
        return [*self.first, *self.last]


def _one(pieces: Iterable[_Piece], kind: str) -> _Piece | None:
    return next((p for p in pieces if (p.is_day if kind == "day" else p.kind == kind)), None)


def find_expressions(folded: str, matches: Iterable[Match], today: date) -> list[Expression]:
    """The expressions of a folded text, in order, from what patterns of days and times matched in it."""
    found: list[_Piece] = []
    for pattern, match in matches:
        value = pattern.read(match, today) if pattern.kind in _DAYS else pattern.read(match)
        if value is not None:
            found.append(_Piece(match.start(), match.end(), pattern.kind, value, (pattern, match)))
    if not found:
        return []
    pieces = _without_overlaps(piece for piece in found if piece.kind != "part")
    parts = _without_overlaps(piece for piece in found if piece.kind == "part")
    grouped = _grouped(folded, sorted((*pieces, *parts), key=lambda piece: (piece.start, -piece.end)))
    return [expression for expression in grouped if not _is_vague(expression)]


_DAYS = frozenset(pattern.kind for pattern in dates.PATTERNS)


def _is_vague(expression: Expression) -> bool:
    pieces = expression.pieces
    return len(pieces) == 1 and isinstance(pieces[0].value, Clock) and pieces[0].value.weak


def _without_overlaps(pieces: Iterable[_Piece]) -> list[_Piece]:
    taken: list[_Piece] = []
    for piece in sorted(pieces, key=lambda p: (p.start, p.start - p.end)):
        if not taken or piece.start >= taken[-1].end:
            taken.append(piece)
        elif piece.end - piece.start > taken[-1].end - taken[-1].start:
            taken[-1] = piece
    return taken


def _grouped(folded: str, pieces: Sequence[_Piece]) -> list[Expression]:
    expressions: list[Expression] = []
    end = 0
    for piece in pieces:
        current = expressions[-1] if expressions else None
        if current is None or not _joins(folded, current, end, piece):
            current = Expression([piece])
            expressions.append(current)
        else:
            (current.last if current.has_to else current.first).append(piece)
        end = max(end, piece.end)
    return expressions


def _joins(folded: str, current: Expression, end: int, piece: _Piece) -> bool:
    """Whether a piece goes on with what stands before it; a "to" between them is noted."""
    gap = folded[end : piece.start]
    if len(gap) > 12:
        return False
    side = current.last if current.has_to else current.first
    if _GLUE.fullmatch(gap):
        # A second day, or a second time, begins something new.
        return not any(p.kind == piece.kind or (p.is_day and piece.is_day) for p in side)
    begins = current.first[0].start
    is_to = _TO.fullmatch(gap) or (
        _AND.fullmatch(gap) and _BETWEEN.search(folded[max(0, begins - 8) : begins])
    )
    if not is_to or current.has_to or piece.kind == "span" or _one(current.first, "span"):
        return False
    current.has_to = True
    return True


def days_of(expression: Expression, today: date) -> Days | None:
    """The days that an expression names: the first and the last."""
    first, last = _one(expression.first, "day"), _one(expression.last, "day")
    if first is None or last is None:
        only = first or last
        days: Days | None = only.value if only else None
        return days
    begin: date = first.value[0]
    pattern, match = last.source
    until = pattern.read(match, begin) if pattern in ANCHORED else last.value
    return (begin, until[1]) if until and until[1] >= begin else (begin, first.value[1])


def times_of(expression: Expression, now: datetime) -> tuple[datetime, datetime | None] | None:
    """The moment that an expression names, or the two between which a stretch of time lies."""
    span = _one(expression.first, "span")
    if span is not None:
        return now + span.value, None
    first, last = _one(expression.first, "clock"), _one(expression.last, "clock")
    if first is None:
        first, last = last, None
    if first is None:
        return None
    days = days_of(expression, now.date())
    day = days[0] if days else None
    before, behind = _part(expression.first), _part(expression.last)
    if isinstance(first.value, Clocks):
        part = before or behind
        return _between(first.value.first, first.value.last, part, part, day, now)
    if last is None or isinstance(last.value, Clocks):
        return at(first.value, first.value.part or before or behind, day, now), None
    return _between(first.value, last.value, before, behind or before, day, now)


def _part(pieces: Iterable[_Piece]) -> str:
    part = _one(pieces, "part")
    return part.value if part else ""


def find_moment(text: str, now: datetime) -> Moment | None:
    """What moment a text names, on the clock on the wall where `now` is; None if it names none."""
    folded = fold(text)
    expressions = find_expressions(folded, _SCANNER.scan(folded), now.date())
    timed = next((e for e in expressions if times_of(e, now)), None)
    dated = next((e for e in expressions if days_of(e, now.date())), None)
    if timed is None:
        if dated is None:
            return None
        return Moment(at=None, day=_first_day(dated, now), clock=None, places=_places(dated.pieces))
    pieces = timed.pieces
    if _one(pieces, "span") is None:
        # What is said elsewhere in the text belongs to the time that is named: "tomorrow, I mean, at ten".
        if dated is not None and dated is not timed and _one(pieces, "day") is None:
            pieces = [*pieces, *(p for p in dated.pieces if p.kind != "clock")]
        if _one(pieces, "part") is None:
            pieces = [*pieces, *[p for e in expressions for p in e.pieces if p.kind == "part"][:1]]
    whole = timed if len(pieces) == len(timed.pieces) else _joined(timed, pieces)
    found = times_of(whole, now)
    if found is None:
        return None
    moment = found[0]
    if _one(pieces, "span"):
        return Moment(at=moment, day=None, clock=None, places=_places(pieces))
    clock = moment.timetz().replace(tzinfo=None)
    day = _first_day(whole, now) if _one(pieces, "day") else None
    return Moment(at=moment, day=day, clock=clock, places=_places(pieces))


def _joined(timed: Expression, pieces: Sequence[_Piece]) -> Expression:
    others = [piece for piece in pieces if piece not in timed.pieces]
    return Expression([*timed.first, *others], timed.last, timed.has_to)


def _first_day(expression: Expression, now: datetime) -> date | None:
    days = days_of(expression, now.date())
    return days[0] if days else None


def _places(pieces: Iterable[_Piece]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted({(piece.start, piece.end) for piece in pieces}))


def at(clock: Clock, part: str, day: date | None, now: datetime) -> datetime:
    """The moment: on the day that is named, else the next time that the clock shows this."""
    base = day or now.date()
    options = [_moment(base, hour, clock.minute, now) for hour in _hours(clock, part)]
    if day is None:
        options += [option + timedelta(days=1) for option in options]
    ahead = [option for option in options if option > now]
    likely = [option for option in ahead if _EARLIEST <= option.hour <= _LATEST]
    return (likely or ahead or options)[0]


def _between(
    first: Clock, last: Clock, before: str, behind: str, day: date | None, now: datetime
) -> tuple[datetime, datetime]:
    """The next stretch of time, and the shortest, of which the clocks may tell."""
    hours = [
        (earlier, later)
        for earlier in _hours(first, first.part or before)
        for later in _hours(last, last.part or behind)
        if (earlier, first.minute) < (later, last.minute)
    ]
    if not hours:
        begin = at(first, first.part or before, day, now)
        end = at(last, last.part or behind, begin.date(), now)
        return begin, end if end > begin else end + timedelta(days=1)
    hours.sort(key=lambda pair: (pair[0] < _EARLIEST, pair[1] - pair[0]))
    base = day or now.date()
    for ahead in (0, 1) if day is None else (0,):
        for begin_hour, end_hour in hours:
            begin = _moment(base + timedelta(days=ahead), begin_hour, first.minute, now)
            if begin > now:
                return begin, _moment(base + timedelta(days=ahead), end_hour, last.minute, now)
    begin_hour, end_hour = hours[0]
    return _moment(base, begin_hour, first.minute, now), _moment(base, end_hour, last.minute, now)


def _hours(clock: Clock, part: str) -> list[int]:
    """Which hours of a day are meant, the likeliest first; 24 is the end of the day."""
    hour = clock.hour
    if clock.exact:
        return [hour]
    if part == MORNING:
        return [0 if hour == 12 else hour]
    if part == NOON:
        return [hour + 12 if hour < 10 else hour]
    if part == AFTERNOON:
        return [12 if hour == 12 else hour + 12]
    if part == EVENING:
        return [24 if hour == 12 else hour + 12 if hour > 4 else hour]
    if part == NIGHT:
        return [0 if hour == 12 else hour]
    if hour == 12:
        return [12]
    return [hour, hour + 12] if hour >= _EARLIEST else [hour + 12, hour]


def _moment(day: date, hour: int, minute: int, now: datetime) -> datetime:
    later = day + timedelta(days=hour // 24)
    return datetime.combine(later, time(hour % 24, minute), now.tzinfo)


PATTERNS: tuple[Pattern[Any], ...] = (*dates.PATTERNS, *clocks.PATTERNS)
_SCANNER = Scanner(PATTERNS)
