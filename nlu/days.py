"""The calendar behind what people write: which days 下周三 or "in two weeks" are, seen from a `today`.

Always a first and a last day, the same for a single one; None where there is no such day.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta

from nlu.numerals import read_number

Days = tuple[date, date]
Read = Callable[[re.Match[str], date], Days | None]

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WORDS = {
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "昨晚": -1, "今天": 0, "今日": 0, "今晚": 0,
    "今早": 0, "明天": 1, "明日": 1, "明早": 1, "明晚": 1, "大后天": 3, "后天": 2, "后日": 2,
    "the day after tomorrow": 2, "day after tomorrow": 2, "the day before yesterday": -2, "tomorrow": 1,
    "today": 0, "tonight": 0, "yesterday": -1, "tmrw": 1, "tmr": 1,
    "오늘": 0, "내일": 1, "모레": 2, "내일모레": 2, "글피": 3, "어제": -1, "그저께": -2, "그제": -2,
}  # fmt: skip
HOLIDAYS = {
    "元旦": (1, 1), "情人节": (2, 14), "妇女节": (3, 8), "劳动节": (5, 1), "儿童节": (6, 1),
    "国庆节": (10, 1), "国庆": (10, 1), "平安夜": (12, 24), "圣诞节": (12, 25), "圣诞": (12, 25),
    "双十一": (11, 11), "双十二": (12, 12),
    "christmas eve": (12, 24), "christmas day": (12, 25), "christmas": (12, 25), "xmas": (12, 25),
    "new year's day": (1, 1), "new year's eve": (12, 31), "new years eve": (12, 31),
    "valentine's day": (2, 14),
    "valentines day": (2, 14), "halloween": (10, 31), "크리스마스 이브": (12, 24), "크리스마스": (12, 25),
    "성탄절": (12, 25), "신정": (1, 1), "어린이날": (5, 5), "광복절": (8, 15), "한글날": (10, 9),
}  # fmt: skip
_WEEKDAYS = {name: number for number, name in enumerate("一二三四五六日")} | {"天": 6}
_WEEKDAYS |= {str(number + 1): number for number in range(7)}
_WEEKDAYS |= {name: number for number, name in enumerate("월화수목금토일")}
_WEEKDAYS |= {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_AHEAD = {"": 0, "下": 1, "下下": 2, "上": -1, "上上": -2, "这": 0, "這": 0, "本": 0, "当": 0}
_AHEAD |= {"next": 1, "this": 0, "last": -1, "coming": 0, "upcoming": 0, "the coming": 0, "the": 0}
_AHEAD |= {"다음": 1, "다다음": 2, "이번": 0, "지난": -1, "저번": -1}
_YEARS = {"今": 0, "明": 1, "后": 2, "去": -1, "前": -2, "올": 0, "금": 0, "내": 1, "작": -1}
NATIVE_DAYS = {"하루": 1, "이틀": 2, "사흘": 3, "나흘": 4, "닷새": 5, "엿새": 6, "일주일": 7, "열흘": 10}
NATIVE_DAYS |= {"보름": 15}
NATIVE = {"한": 1, "두": 2, "세": 3, "네": 4, "다섯": 5, "여섯": 6}


def on_date(found: re.Match[str], today: date) -> Days | None:
    """A date by month and day, with a year or without, perhaps up to another day of its month."""
    fields = found.groupdict()
    month, day = _month_number(fields["month"]), read_number(fields["day"])
    if month is None or day is None:
        return None
    first = _on(_year(fields.get("year"), today), int(month), int(day), today)
    if first is None or not fields.get("until"):
        return _single(first)
    last = _on(first.year, first.month, int(fields["until"]), first)
    return None if last is None or last < first else (first, last)


def on_slashed_date(found: re.Match[str], today: date) -> Days | None:
    """25/12/2026, 12/25/2026, 25.12.2026."""
    first, second = int(found["a"]), int(found["b"])
    month, day = (second, first) if first > 12 or found["sep"] == "." else (first, second)
    return _single(_on(int(found["year"]), month, day, today))


def _on(year: int | None, month: int, day: int, today: date) -> date | None:
    """The date; without a year the next such day from today on; None if there is none."""
    try:
        if year is not None:
            return date(year, month, day)
        this_year = date(today.year, month, day)
        return this_year if this_year >= today else this_year.replace(year=today.year + 1)
    except (ValueError, OverflowError):
        return None


def _year(said: str | None, today: date) -> int | None:
    if not said:
        return None
    year = today.year + _YEARS[said] if said in _YEARS else read_number(said)
    return None if year is None else int(year)


def _month_number(said: str) -> float | None:
    return MONTHS.index(said[:3]) + 1 if said[:3] in MONTHS else read_number(said)


def _single(day: date | None) -> Days | None:
    return None if day is None else (day, day)


def in_month(found: re.Match[str], today: date) -> Days | None:
    """A month by its name or number, with a year or without."""
    month = _month_number(found["month"])
    if month is None or not 1 <= month <= 12:
        return None
    year = _year(found.groupdict().get("year"), today)
    if year is None:
        year = today.year + (int(month) < today.month)
    return _month(year, int(month))


def _month(year: int, month: int) -> Days | None:
    try:
        return date(year, month, 1), date(year, month, monthrange(year, month)[1])
    except (ValueError, OverflowError):
        return None


def in_month_ahead(found: re.Match[str], today: date) -> Days | None:
    """下个月, 下个月5号: a month counted from this one, or a day in it."""
    months = today.year * 12 + today.month - 1 + _AHEAD[(found["which"] or "").strip()]
    day = found.groupdict().get("day")
    if day is None:
        return _month(months // 12, months % 12 + 1)
    number = read_number(day)
    return None if number is None else _single(_on(months // 12, months % 12 + 1, int(number), today))


def on_day_of_month(found: re.Match[str], today: date) -> Days | None:
    """The next day from today on that has this number."""
    number = read_number(found["day"])
    if number is None or not 1 <= number <= 31:
        return None
    for ahead in range(3):
        months = today.year * 12 + today.month - 1 + ahead
        day = _on(months // 12, months % 12 + 1, int(number), today)
        if day is not None and day >= today:
            return day, day
    return None


def on_weekday(found: re.Match[str], today: date) -> Days | None:
    """A day of the week: the coming one, or that of a week that is told."""
    which, said = (found["which"] or "").strip(), found["weekday"]
    number = _WEEKDAYS[said[:3] if said[:3] in _WEEKDAYS else said[0]]
    ahead = number - today.weekday()
    # "Last Monday" and 지난 금요일 are the one just gone; 上周一 and 지난주 월요일 are counted in weeks.
    if which == "last" or (which == "지난" and not found.groupdict().get("week")):
        return _shifted(today, ahead - 7 if ahead >= 0 else ahead)
    # A bare Wednesday, said on a Friday, is the one to come.
    loose = not which or which in ("coming", "upcoming", "the coming")
    return _shifted(today, ahead + 7 * (ahead < 0 if loose else _AHEAD[which]))


def in_week(found: re.Match[str], today: date) -> Days | None:
    """This week, the next, the last: from Monday."""
    return _span(today, 7 * _AHEAD[(found["which"] or "").strip()] - today.weekday(), 7)


def on_weekend(found: re.Match[str], today: date) -> Days | None:
    """This weekend, the next, the last."""
    return _span(today, 7 * _AHEAD[(found["which"] or "").strip()] - today.weekday() + 5, 2)


def on_word(found: re.Match[str], today: date) -> Days | None:
    """Tomorrow and the like."""
    return _shifted(today, WORDS[found.group()])


def on_holiday(found: re.Match[str], today: date) -> Days | None:
    """A holiday that is on the same day every year."""
    return _single(_on(None, *HOLIDAYS[found.group().replace("’", "'")], today))


_UNIT_DAYS = {
    "天": 1,
    "日": 1,
    "day": 1,
    "일": 1,
    "周": 7,
    "星期": 7,
    "礼拜": 7,
    "week": 7,
    "주": 7,
    "주일": 7,
}
_UNIT_MONTHS = {"月": 1, "month": 1, "달": 1, "개월": 1, "年": 12, "year": 12, "년": 12}
_BACK = ("前", "ago", "전", "earlier")


def after_so_many(found: re.Match[str], today: date) -> Days | None:
    """三天后, two weeks ago, 사흘 뒤: so many days, weeks or months from today."""
    said = found["count"]
    count = (
        NATIVE_DAYS.get(said)
        or NATIVE.get(said)
        or {"a": 1, "an": 1, "a couple of": 2, "半": 0.5}.get(said)
    )
    count = count or read_number(said)
    if count is None:
        return None
    sign = -1 if found.groupdict().get("way") in _BACK else 1
    unit = found.groupdict().get("unit") or "天"
    if unit in _UNIT_MONTHS and count >= 1:
        return _months_on(today, sign * int(count) * _UNIT_MONTHS[unit])
    return _shifted(today, sign * int(count * _UNIT_DAYS.get(unit, 30)))


def _months_on(today: date, count: int) -> Days | None:
    months = today.year * 12 + today.month - 1 + count
    last = _month(months // 12, months % 12 + 1)
    return last and _single(last[0].replace(day=min(today.day, last[1].day)))


def _shifted(day: date, days: float) -> Days | None:
    return _span(day, days, 1)


def _span(day: date, days: float, count: int) -> Days | None:
    try:
        first = day + timedelta(days=days)
        return first, first + timedelta(days=count - 1)
    except OverflowError:
        return None
