"""Moments in what people write: 明天十点, 下周三下午两点半, 半小时后, in two hours, 내일 10시.

A day may stand alone, and a time of day; `find_moment` makes of them what it can, seen from a `now`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from crm_store.messages import Moment
from nlu.dates import find_dates
from nlu.numerals import CHARACTERS, read_number
from nlu.spans import fold

_N = f"[0-9]{{1,3}}|[{CHARACTERS}]{{1,3}}"
_ALNUM = "[0-9a-z]"
_ENGLISH = (
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
_KOREAN = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두")
_WORDS = {word: number + 1 for words in (_ENGLISH, _KOREAN) for number, word in enumerate(words)}
_WORDS |= {"a": 1, "an": 1, "a couple of": 2}
_E = "|".join(_ENGLISH)


def _one_of(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_K = _one_of(_KOREAN)

_MORNING, _NOON, _AFTERNOON, _EVENING, _NIGHT = "morning", "noon", "afternoon", "evening", "night"
_PARTS = {
    "早上": _MORNING, "上午": _MORNING, "早晨": _MORNING, "清晨": _MORNING, "明早": _MORNING,
    "今早": _MORNING,
    "中午": _NOON, "下午": _AFTERNOON, "傍晚": _AFTERNOON, "午后": _AFTERNOON, "晚上": _EVENING,
    "今晚": _EVENING, "明晚": _EVENING, "夜里": _EVENING, "凌晨": _NIGHT, "半夜": _NIGHT,
    "오전": _MORNING, "아침": _MORNING, "오후": _AFTERNOON, "저녁": _EVENING, "밤": _EVENING,
    "새벽": _NIGHT,
    "in the morning": _MORNING, "in the afternoon": _AFTERNOON, "in the evening": _EVENING,
    "at night": _EVENING, "tonight": _EVENING, "this evening": _EVENING, "this afternoon": _AFTERNOON,
    "this morning": _MORNING, "tomorrow morning": _MORNING, "tomorrow afternoon": _AFTERNOON,
    "tomorrow evening": _EVENING, "am": _MORNING, "a.m.": _MORNING, "pm": _AFTERNOON, "p.m.": _AFTERNOON,
}  # fmt: skip
_PART = re.compile(
    _one_of(w for w in _PARTS if not w.isascii())
    + rf"|(?<![a-z])(?:{_one_of(w for w in _PARTS if w.isascii())})(?![a-z])"
)
_CLOCKS = (
    re.compile(r"(?<![0-9:.])(?P<hour>[01]?[0-9]|2[0-4])[:：](?P<minute>[0-5][0-9])(?![0-9:])"),
    re.compile(
        rf"(?P<hour>{_N})[点时](?!间|候|不)"
        rf"(?:(?P<half>半)|(?P<quarter>[一三])刻|过?(?P<minute>{_N})分?|[钟整])?"
    ),
    re.compile(
        rf"(?P<hour>[0-9]{{1,2}}|{_K}) ?시(?!간)(?: ?(?P<half>반)|[ ,]?(?P<minute>[0-9]{{1,2}}) ?분)?"
    ),
    re.compile(rf"(?<!{_ALNUM})half past (?P<half>)(?P<hour>[0-9]{{1,2}}|{_E})(?!{_ALNUM})"),
    re.compile(rf"(?<!{_ALNUM})(?:a )?quarter past (?P<past>)(?P<hour>[0-9]{{1,2}}|{_E})(?!{_ALNUM})"),
    re.compile(rf"(?<!{_ALNUM})(?:a )?quarter to (?P<to>)(?P<hour>[0-9]{{1,2}}|{_E})(?!{_ALNUM})"),
    re.compile(rf"(?<!{_ALNUM})(?P<hour>[0-9]{{1,2}}|{_E}) ?o'?clock(?!{_ALNUM})"),
    re.compile(rf"(?<!{_ALNUM})(?P<hour>[0-9]{{1,2}})(?:[.](?P<minute>[0-5][0-9]))? ?(?=[ap]\.?m\b)"),
    re.compile(
        rf"(?<!{_ALNUM})at (?P<hour>[0-9]{{1,2}}|{_E})(?!{_ALNUM}|[.,]?[0-9%]| (?:percent|people|days))"
    ),
    re.compile(r"(?P<noon>中午(?! ?[0-9一两])|正午|정오|(?<![a-z])(?:noon|midday)(?![a-z]))"),
    re.compile(r"(?P<midnight>午夜|자정|(?<![a-z])midnight(?![a-z]))"),
)
_SPANS = (
    re.compile(r"(?P<hours>半)个?(?:小时|钟头)(?:之后|以后|后)"),
    re.compile(rf"(?P<hours>{_N})个?(?P<half>半)?(?:小时|钟头)(?P<more>半)?(?:之后|以后|后)"),
    re.compile(rf"(?P<minutes>{_N})分钟?(?:之后|以后|后)"),
    re.compile(r"(?P<quarters>[一三])刻钟(?:之后|以后|后)"),
    re.compile(rf"过(?P<hours>{_N}|半)个?小时"),
    re.compile(rf"过(?P<minutes>{_N})分钟"),
    re.compile(rf"(?<!{_ALNUM})in (?P<hours>half) an hour(?!{_ALNUM})"),
    re.compile(
        rf"(?<!{_ALNUM})in (?P<hours>[0-9]{{1,3}}|{_E}|an?|a couple of)(?P<half> and a half)? hours?"
        rf"(?!{_ALNUM})"
    ),
    re.compile(rf"(?<!{_ALNUM})in (?P<minutes>[0-9]{{1,3}}|{_E}|a) (?:minutes?|mins?)(?!{_ALNUM})"),
    re.compile(rf"(?<!{_ALNUM})(?P<hours>[0-9]{{1,3}}|{_E}|an) hours? (?:from now|later)(?!{_ALNUM})"),
    re.compile(rf"(?P<hours>[0-9]{{1,3}}|{_K}) ?시간(?P<half> ?반)? ?(?:뒤|후)"),
    re.compile(r"(?P<minutes>[0-9]{1,3}) ?분 ?(?:뒤|후)"),
)  # fmt: skip
# At these hours people mean to be reached when they do not say which half of a day.
_EARLIEST, _LATEST = 7, 22
# Most messages name no time; one look for what any time needs saves two dozen.
_NEEDED = re.compile(
    r"[点时刻钟半后시분후뒤夜午정:：]|hour|min|clock|past|noon|midday|quarter|at |[0-9] ?[ap]\.?m"
)


@dataclass(frozen=True, slots=True)
class _Clock:
    start: int
    end: int
    hour: int
    minute: int
    exact: bool  # which half of the day is told, by the hour itself or by how it is written


def find_moment(text: str, now: datetime) -> Moment | None:
    """What moment a text names, on the clock on the wall where `now` is; None if it names none."""
    folded = fold(text)
    span = min(_spans(folded), key=lambda s: (s[0], -s[1]), default=None)
    if span is not None:
        start, end, later = span
        return Moment(at=now + later, day=None, clock=None, places=((start, end),))
    clock = min(_clocks(folded), key=lambda c: (c.start, -c.end), default=None)
    dates = [d for d in find_dates(folded, now.date()) if clock is None or not _inside(d, clock)]
    part = _PART.search(folded)
    if clock is None and not dates:
        return None
    day = dates[0][2] if dates else None
    places = [(found.start, found.end) for found in (clock,) if found] + [d[:2] for d in dates[:1]]
    if part:
        places.append(part.span())
    if clock is None:
        return Moment(at=None, day=day, clock=None, places=tuple(places))
    at = _at(clock, _PARTS[part.group()] if part else "", day, now)
    return Moment(at=at, day=day, clock=at.timetz().replace(tzinfo=None), places=tuple(places))


def find_times(folded: str) -> Iterator[tuple[int, int]]:
    """Where a folded text names a time of day or a span from now on."""
    if not re.search("[0-9点时刻半后分시정자夜]|hour|min|clock|past|noon|quarter|at ", folded):
        return
    yield from ((start, end) for start, end, _ in _spans(folded))
    yield from ((clock.start, clock.end) for clock in _clocks(folded))


def _inside(found: tuple[int, int, date | None], clock: _Clock) -> bool:
    return clock.start <= found[0] and found[1] <= clock.end


def _spans(folded: str) -> Iterator[tuple[int, int, timedelta]]:
    for pattern in _SPANS:
        for found in pattern.finditer(folded):
            groups = found.groupdict()
            half = 0.5 if groups.get("half") or groups.get("more") else 0.0
            hours = (_number(groups["hours"]) + half) if groups.get("hours") else 0.0
            minutes = _number(groups["minutes"]) if groups.get("minutes") else 0.0
            minutes += 15 * _number(groups["quarters"]) if groups.get("quarters") else 0.0
            if hours or minutes:
                yield found.start(), found.end(), timedelta(hours=hours, minutes=minutes)


def _clocks(folded: str) -> Iterator[_Clock]:
    for pattern in _CLOCKS:
        for found in pattern.finditer(folded):
            clock = _clock(found)
            if clock is not None:
                yield clock


def _clock(found: re.Match[str]) -> _Clock | None:
    groups = found.groupdict()
    if groups.get("noon") or groups.get("midnight"):
        return _Clock(found.start(), found.end(), 12 if groups.get("noon") else 24, 0, exact=True)
    hour, minute = int(_number(groups["hour"])), 0
    if groups.get("minute"):
        minute = int(_number(groups["minute"]))
    elif groups.get("half") is not None:
        minute = 30
    elif groups.get("quarter"):
        minute = 15 * int(_number(groups["quarter"]))
    elif groups.get("past") is not None:
        minute = 15
    elif groups.get("to") is not None:
        hour, minute = hour - 1, 45
    if not (0 <= hour <= 24 and 0 <= minute < 60):
        return None
    exact = hour > 12 or hour == 0 or groups["hour"].startswith("0")
    return _Clock(found.start(), found.end(), hour, minute, exact)


def _number(written: str) -> float:
    if written in ("half", "半"):
        return 0.5
    return float(_WORDS.get(written) or read_number(written) or 0)


def _at(clock: _Clock, part: str, day: date | None, now: datetime) -> datetime:
    """The moment: on the day that is named, else the next time that the clock shows this."""
    base = day or now.date()
    options = [_moment(base, hour, clock.minute, now) for hour in _hours(clock, part)]
    if day is None:
        options += [option + timedelta(days=1) for option in options]
    ahead = [option for option in options if option > now]
    likely = [option for option in ahead if _EARLIEST <= option.hour <= _LATEST]
    return (likely or ahead or options)[0]


def _hours(clock: _Clock, part: str) -> list[int]:
    """Which hours of a day are meant, the likeliest first; 24 is the end of the day."""
    hour = clock.hour
    if clock.exact:
        return [hour]
    if part == _MORNING:
        return [0 if hour == 12 else hour]
    if part == _NOON:
        return [hour + 12 if hour < 10 else hour]
    if part == _AFTERNOON:
        return [12 if hour == 12 else hour + 12]
    if part == _EVENING:
        return [24 if hour == 12 else hour + 12 if hour > 4 else hour]
    if part == _NIGHT:
        return [0 if hour == 12 else hour]
    if hour == 12:
        return [12]
    return [hour, hour + 12] if hour >= _EARLIEST else [hour + 12, hour]


def _moment(day: date, hour: int, minute: int, now: datetime) -> datetime:
    later = day + timedelta(days=hour // 24)
    return datetime.combine(later, time(hour % 24, minute), now.tzinfo)
