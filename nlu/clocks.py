"""Times of day as people write them: 十点半, 15:45, half past nine, 오후 3시; spans from now: 半小时后."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from nlu.numerals import CHARACTERS, DIGIT_CHARACTERS, ENGLISH, KOREAN, one_of, read_number
from nlu.scan import Pattern, pattern

MORNING, NOON, AFTERNOON, EVENING, NIGHT = "morning", "noon", "afternoon", "evening", "night"


@dataclass(frozen=True, slots=True)
class Clock:
    """What a clock shows. `exact`: which half of the day is told, by the hour or by how it is written."""

    hour: int
    minute: int
    exact: bool
    part: str = ""
    weak: bool = False  # 一点 also means "a bit": to be believed only beside a day or a part of one


@dataclass(frozen=True, slots=True)
class Clocks:
    """From one time to another."""

    first: Clock
    last: Clock


Time = Clock | Clocks | timedelta | str  # a text: the part of a day, no time of its own
Read = Callable[[re.Match[str]], Time | None]

PARTS = {
    "早上": MORNING, "上午": MORNING, "早晨": MORNING, "清晨": MORNING, "明早": MORNING, "今早": MORNING,
    "中午": NOON, "下午": AFTERNOON, "傍晚": AFTERNOON, "午后": AFTERNOON, "晚上": EVENING, "今晚": EVENING,
    "明晚": EVENING, "昨晚": EVENING, "夜里": EVENING, "晚间": EVENING, "凌晨": NIGHT, "半夜": NIGHT,
    "오전": MORNING, "아침": MORNING, "오후": AFTERNOON, "저녁": EVENING, "밤": EVENING, "새벽": NIGHT,
    "in the morning": MORNING, "in the afternoon": AFTERNOON, "in the evening": EVENING, "morning": MORNING,
    "afternoon": AFTERNOON, "evening": EVENING, "at night": EVENING, "tonight": EVENING, "am": MORNING,
    "a.m.": MORNING, "a.m": MORNING, "pm": AFTERNOON, "p.m.": AFTERNOON, "p.m": AFTERNOON,
}  # fmt: skip
_N = f"[0-9]{{1,2}}|[{DIGIT_CHARACTERS}]?十?[{DIGIT_CHARACTERS}]|十"
_N3 = f"[0-9]{{1,3}}|[{CHARACTERS}]{{1,3}}"
_ALNUM = "[0-9a-z]"
_LEFT, _RIGHT = f"(?<!{_ALNUM})", f"(?!{_ALNUM})"
_HOURS = [word for word, number in ENGLISH.items() if 1 <= number <= 12]
_E = one_of(_HOURS)
_MINUTES = one_of(["five", "ten", "twenty", "twenty-five", "twenty five", "a quarter", "quarter", "half"])
_K = one_of(word for word, number in KOREAN.items() if number <= 12 and word[-1] not in "나둘셋넷석넉")
_HALF_DAY = r"[ap]\.?m\b\.?"


def _number(said: str) -> int:
    return int(read_number(said) or 0)


def _clock(hour: int, minute: int = 0, *, exact: bool = False, part: str = "") -> Clock | None:
    if not (0 <= hour <= 24 and 0 <= minute < 60):
        return None
    return Clock(hour, minute, exact or hour > 12 or hour == 0, part)


def _colon(found: re.Match[str]) -> Clock | None:
    return _clock(int(found["hour"]), int(found["minute"]), exact=found["hour"].startswith("0"))


def _spoken(found: re.Match[str]) -> Clock | None:
    """三点, 三点半, 三点一刻, 三点二十; 3시 반, 3시 20분."""
    groups = found.groupdict()
    minute = 30 if groups["half"] else _number(groups.get("minute") or groups.get("more") or "0")
    if groups.get("quarter"):
        minute = 15 * _number(groups["quarter"])
    clock = _clock(_number(groups["hour"]), minute)
    return replace(clock, weak=True) if clock and found.group() in ("一点", "一點") else clock


def _before(found: re.Match[str]) -> Clock | None:
    """差五分六点, twenty to five."""
    return _less(found["hour"], _minutes(found["minute"]))


def _less(hour: str, minute: int) -> Clock | None:
    return _clock(_number(hour) - 1, 60 - minute) if 0 < minute < 60 else None


def _past(found: re.Match[str]) -> Clock | None:
    return _clock(_number(found["hour"]), _minutes(found["minute"]))


def _minutes(said: str) -> int:
    if "half" in said or "半" in said:
        return 30
    return (
        15
        if "quarter" in said or "刻" in said
        else _number(said.removesuffix("分").removesuffix(" minutes"))
    )


def _hour(found: re.Match[str]) -> Clock | None:
    groups = found.groupdict()
    part = groups.get("part")
    minute = _number(groups.get("minute") or "0")
    return _clock(_number(groups["hour"]), minute, part=PARTS[f"{part[0]}m"] if part else "")


def _noon(found: re.Match[str]) -> Clock | None:
    return _clock(12, exact=True)


def _midnight(found: re.Match[str]) -> Clock | None:
    return _clock(24, exact=True)


def _range(found: re.Match[str]) -> Clocks | None:
    """3-5pm, 3到5点, 3~5시: both hours before the word that makes them hours."""
    part = found.groupdict().get("part")
    named = PARTS[f"{part[0]}m"] if part else ""
    first, last = (
        _clock(_number(found[hour]), _number(found.groupdict().get(minute) or "0"), part=named)
        for hour, minute in (("from", "from_minute"), ("to", "to_minute"))
    )
    if first is None or last is None:
        return None
    # 11-1pm begins in the morning.
    if named and first.hour > last.hour and first.hour != 12:
        first = Clock(first.hour, first.minute, first.exact, MORNING)
    return Clocks(first, last)


def _part(found: re.Match[str]) -> str:
    return PARTS[found.group()]


def _span(found: re.Match[str]) -> timedelta | None:
    groups = found.groupdict()
    minutes = 0.0
    for name, length in (("hours", 60), ("quarters", 15), ("minutes", 1)):
        said = groups.get(name)
        if said:
            minutes += length * _count(said)
    minutes += 30 if groups.get("half") or groups.get("more") else 0
    back = groups.get("way") in ("前", "ago", "전")
    return timedelta(minutes=-minutes if back else minutes) if minutes else None


def _count(said: str) -> float:
    if said in ("半", "half", "half an", "반"):
        return 0.5
    if said == "a couple of":
        return 2
    return 1 if said in ("a", "an") else read_number(said) or 0


_NOT_CLOCK = "[间候不也都儿点击评建意要小心赞原问看]"
_WAY = r"(?:之|以)?(?P<way>[后後前])(?![台门])"
_EN = rf"[0-9]{{1,2}}|{_E}"
_COUNT_EN = rf"[0-9]{{1,3}}|{one_of(word for word in ENGLISH if word != 'zero')}|half an|an?|a couple of"
_TO = r" ?(?:-|~|–|—|to|until|till|and) ?"
_AT = (
    r"(?!:| ?(?:percent|people|persons|days?|weeks?|months?|dollars?|yuan|usd|%|[€$¥]|years?|st\b|street"
    r"|road|rd\b|avenue))"
)
PATTERNS: tuple[Pattern[Read], ...] = (
    pattern(
        "clock",
        r"(?<![0-9:.])(?P<hour>[01]?[0-9]|2[0-4]):(?P<minute>[0-5][0-9])(?::[0-5][0-9])?(?![0-9:])",
        _colon,
        ":",
    ),
    pattern(
        "clock",
        rf"(?<![第{CHARACTERS}0-9])(?P<hour>{_N})[点點时時](?!{_NOT_CLOCK})(?:(?P<half>半)|"
        rf"(?P<quarter>[一三])刻"
        rf"|过?(?P<minute>{_N})分|(?P<more>[二三四五零]?十[{DIGIT_CHARACTERS}]?|零[一-九]|[0-5][0-9])"
        rf"(?![0-9个人块元万千百]))?(?:[钟整])?",
        _spoken,
        *"点點时時",
    ),
    pattern("clock", rf"差(?P<minute>(?:{_N})分|一刻)钟?(?:到|就)?(?P<hour>{_N})[点點]", _before),
    pattern(
        "clock",
        rf"(?<!{_ALNUM})(?P<hour>[0-9]{{1,2}}|{_K}) ?시(?![간작기도장내계험음켜킬스즌그중판범설애인골절"
        rf"])(?: ?(?P<half>반)"
        rf"|[ ,]?(?P<minute>[0-9]{{1,2}}) ?분)?",
        _spoken,
    ),
    pattern(
        "clock",
        rf"{_LEFT}(?P<minute>{_MINUTES}|[0-9]{{1,2}})(?: minutes?)? past (?P<hour>{_EN}){_RIGHT}",
        _past,
    ),
    pattern(
        "clock",
        rf"{_LEFT}(?P<minute>{_MINUTES}|[0-9]{{1,2}} minutes) to (?P<hour>{_EN}){_RIGHT}",
        _before,
        " to ",
    ),
    pattern("clock", rf"{_LEFT}(?P<hour>{_EN}) ?o['’]?clock{_RIGHT}", _hour),
    pattern(
        "clock",
        rf"{_LEFT}(?P<hour>[0-9]{{1,2}})(?:[.:](?P<minute>[0-5][0-9]))? ?(?P<part>[ap])\.?m\b\.?",
        _hour,
        *(f"{before}{half}" for before in "0123456789 " for half in ("am", "pm", "a.m", "p.m")),
    ),
    pattern("clock", rf"{_LEFT}at (?P<hour>{_EN})(?!{_ALNUM}|[.,]?[0-9%:]){_AT}", _hour, "at "),
    pattern("clock", r"中午(?! ?[0-9一两十])|正午|정오|(?<![a-z])(?:noon|midday)(?![a-z])", _noon),
    pattern("clock", r"午夜|자정|(?<![a-z])midnight(?![a-z])", _midnight),
    pattern(
        "clock",
        rf"(?:{_LEFT}(?:from|between) )?(?<![0-9:.a-z-])(?P<from>{_EN})(?::"
        rf"(?P<from_minute>[0-5][0-9]))?{_TO}(?P<to>{_EN})(?::(?P<to_minute>[0-5][0-9]))? ?"
        rf"(?P<part>[ap])\.?m\b\.?",
        _range,
        *(f"{before}{half}" for before in "0123456789e nrtx" for half in ("am", "pm", "a.m", "p.m")),
    ),
    pattern(
        "clock",
        rf"(?<![0-9:.a-z{CHARACTERS}-])(?P<from>{_N})(?:-|~|到|至)(?P<to>{_N})[点點](?!{_NOT_CLOCK})",
        _range,
    ),
    pattern("clock", r"(?<![0-9:.a-z-])(?P<from>[0-9]{1,2}) ?[-~] ?(?P<to>[0-9]{1,2}) ?시(?!간)", _range),
    pattern("part", one_of(word for word in PARTS if not word.isascii()), _part),
    pattern(
        "part",
        rf"(?<![a-z])(?:{one_of(word for word in PARTS if word.isascii() and len(word) > 4)})(?![a-z])",
        _part,
    ),
    pattern(
        "span", rf"(?P<hours>半|{_N3})[个個]?(?P<half>半)?(?:小时|小時|钟头)(?P<more>半)?{_WAY}", _span
    ),
    pattern("span", rf"(?P<minutes>{_N3})分钟?{_WAY}", _span),
    pattern("span", rf"(?P<quarters>[一三])刻钟{_WAY}", _span),
    pattern("span", rf"(?<![超经通])过(?P<hours>{_N3}|半)[个個]?小时", _span),
    pattern("span", rf"(?<![超经通])过(?P<minutes>{_N3})分钟", _span),
    pattern("span", rf"{_LEFT}in (?P<hours>{_COUNT_EN})(?P<half> and a half)? hours?{_RIGHT}", _span),
    pattern("span", rf"{_LEFT}in (?P<minutes>{_COUNT_EN}) (?:minutes?|mins?){_RIGHT}", _span),
    pattern("span", rf"{_LEFT}(?P<hours>{_COUNT_EN}) hours? (?P<way>from now|later|ago){_RIGHT}", _span),
    pattern(
        "span",
        rf"{_LEFT}(?P<minutes>{_COUNT_EN}) (?:minutes?|mins?) (?P<way>from now|later|ago){_RIGHT}",
        _span,
    ),
    pattern("span", rf"(?P<hours>[0-9]{{1,3}}|{_K}) ?시간(?P<half> ?반)? ?(?P<way>뒤|후|전)", _span),
    pattern("span", r"(?P<minutes>[0-9]{1,3}) ?분 ?(?P<way>뒤|후|전)", _span),
)
