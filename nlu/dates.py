"""Dates in what people write: 后天, 下周三, 3月5日, 2026-11-22, next monday, in 3 days, 내일."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta

from nlu.numerals import CHARACTERS, read_number

_N = f"[0-9]{{1,2}}|[{CHARACTERS}]{{1,3}}"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAYS = {
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0, "今晚": 0, "明天": 1,
    "明日": 1, "明早": 1, "明晚": 1, "大后天": 3, "后天": 2, "the day after tomorrow": 2,
    "day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0, "yesterday": -1,
    "오늘": 0, "내일": 1, "모레": 2, "글피": 3, "어제": -1,
}  # fmt: skip
_WEEKDAYS = {name: number for number, name in enumerate("一二三四五六日")} | {"天": 6}
_WEEKDAYS |= {str(number + 1): number for number in range(7)}
_WEEKDAYS |= {name: number for number, name in enumerate("월화수목금토일")}
_WEEKDAYS |= {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))}
_WEEKS = {"": 0, "下": 1, "下下": 2, "上": -1, "这": 0, "本": 0, "next": 1, "this": 0, "last": -1}
_WEEKS |= {"다음": 1, "이번": 0, "지난": -1}
_ALNUM = "[0-9a-z]"

Find = tuple[int, int, date | None]


def _absolute(found: re.Match[str], today: date | None) -> date | None:
    fields = found.groupdict()
    month = fields["month"]
    number = _MONTHS.index(month[:3]) + 1 if month[:3] in _MONTHS else read_number(month)
    return _day(fields.get("year"), number, read_number(fields["day"]), today)


def _day(year: str | None, month: float | None, day: float | None, today: date | None) -> date | None:
    """The date; without a year the next such day from today on. None if there is none, or no telling."""
    if month is None or day is None or (not year and today is None):
        return None
    try:
        if year:
            return date(int(year), int(month), int(day))
        if today is None:
            return None
        this_year = date(today.year, int(month), int(day))
        return this_year if this_year >= today else this_year.replace(year=today.year + 1)
    except (ValueError, OverflowError):
        return None


def _relative(found: re.Match[str], today: date | None) -> date | None:
    return today and _shifted(today, _DAYS[found.group()])


def _weekday(found: re.Match[str], today: date | None) -> date | None:
    if today is None:
        return None
    which, day = found["which"] or "", found["weekday"]
    number = _WEEKDAYS[day[:3] if day[:3] in _WEEKDAYS else day[0]]
    days = number - today.weekday() + 7 * _WEEKS[which]
    # A bare Wednesday, said on a Friday, is the one to come.
    return _shifted(today, days + 7 if not which and days < 0 else days)


def _later(found: re.Match[str], today: date | None) -> date | None:
    count = read_number(found["count"])
    if today is None or count is None:
        return None
    return _shifted(today, int(count) * (7 if found["unit"] in {"周", "星期", "week", "주"} else 1))


def _shifted(day: date, days: int) -> date | None:
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return None


Reader = Callable[[re.Match[str], date | None], date | None]
_WORDS = "|".join(sorted((word for word in _DAYS if not word.isascii()), key=len, reverse=True))
_ENGLISH_WORDS = "|".join(sorted((word for word in _DAYS if word.isascii()), key=len, reverse=True))
_PATTERNS: tuple[tuple[re.Pattern[str], Reader], ...] = (
    (
        re.compile(
            rf"(?<!{_ALNUM})(?P<year>[0-9]{{4}})(?P<sep>[-/.])(?P<month>[0-9]{{1,2}})(?P=sep)"
            r"(?P<day>[0-9]{1,2})(?![0-9])"
        ),
        _absolute,
    ),
    (
        re.compile(
            rf"(?:(?P<year>[0-9]{{4}}) ?[年년] ?)?(?P<month>(?<![0-9])(?:{_N})) ?[月월] ?"
            rf"(?P<day>{_N}) ?[日号號일]"
        ),
        _absolute,
    ),
    (
        re.compile(
            rf"(?<!{_ALNUM}){_MONTH}\.? (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?"
            rf"(?:,? (?P<year>[0-9]{{4}}))?(?!{_ALNUM})"
        ),
        _absolute,
    ),
    (
        re.compile(
            rf"(?<!{_ALNUM})(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH}"
            rf"(?:,? (?P<year>[0-9]{{4}}))?(?!{_ALNUM})"
        ),
        _absolute,
    ),
    (
        re.compile(
            r"(?P<which>下下|下|上|这|本)?个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天1-7])(?![0-9个])"
        ),
        _weekday,
    ),
    (
        re.compile(
            rf"(?<!{_ALNUM})(?:(?P<which>next|this|last) )?"
            rf"(?P<weekday>monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?!{_ALNUM})"
        ),
        _weekday,
    ),
    (re.compile(r"(?:(?P<which>다음|이번|지난) ?주 ?)?(?P<weekday>[월화수목금토일])요일"), _weekday),
    (re.compile(rf"(?P<count>{_N}) ?个?(?P<unit>天|周|星期)(?:之后|以后|后)"), _later),
    (re.compile(rf"(?<!{_ALNUM})in (?P<count>[0-9]{{1,2}}) (?P<unit>day|week)s?(?!{_ALNUM})"), _later),
    (re.compile(r"(?P<count>[0-9]{1,2}) ?(?P<unit>일|주) ?(?:뒤|후)"), _later),
    (re.compile(_WORDS), _relative),
    (re.compile(rf"(?<!{_ALNUM})(?:{_ENGLISH_WORDS})(?!{_ALNUM})"), _relative),
)
# Most messages hold no date at all; one look for the characters that any date needs saves twelve.
_NEEDED = re.compile("[0-9天日晚早周期拜月号요오내모글어월]|day|night|tomorrow")


def find_dates(folded: str, today: date | None) -> Iterator[Find]:
    """Start, end and date of each find in a folded text; no date where it cannot be told (no `today`)."""
    if not _NEEDED.search(folded):
        return
    for pattern, read in _PATTERNS:
        for found in pattern.finditer(folded):
            day = read(found, today)
            if day is not None or today is None:
                yield found.start(), found.end(), day
