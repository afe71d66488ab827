"""What any customer may mention: phone numbers, e-mail and web addresses, money, dates, times, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

from crm_store.messages import Entity
from nlu.dates import find_dates
from nlu.moments import find_times
from nlu.numerals import CHARACTERS, read_number
from nlu.spans import fold, without_overlaps

TYPES = ("url", "email", "phone", "money", "date", "time", "number")
EXTRACTOR = "system"
Find = tuple[int, int, Any]

_NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,15}(?:\.[0-9]{1,6})?"
_NUMERALS = f"[{CHARACTERS}]"
_PHONE = re.compile(
    r"(?<![0-9a-z+])(?:"
    r"(?P<cn>(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4})"
    r"|(?P<intl>\+[1-9][0-9]{0,2}(?:[- ]?\(?[0-9]{1,4}\)?){2,5})"
    r"|(?P<kr>01[016789][- ]?[0-9]{3,4}[- ]?[0-9]{4}|0[2-6][0-9]?-[0-9]{3,4}-[0-9]{4})"
    r"|(?P<land>0[1-9][0-9]{1,2}-?[0-9]{7,8})"
    r"|(?P<us>\(?[2-9][0-9]{2}\)?[-. ][0-9]{3}[-. ][0-9]{4})"
    r")(?![0-9])"
)
_EMAIL = re.compile(
    r"(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![a-z0-9])"
)
_URL = re.compile(r"(?<![a-z0-9])(?:https?://|www\.)[a-z0-9-][a-z0-9\-._~:/?#@!$&'*+,;=%()\[\]]{2,500}")
_SIGNS = {"¥": "CNY", "$": "USD", "€": "EUR", "₩": "KRW", "£": "GBP", "us$": "USD", "hk$": "HKD"}
_NAMES = {
    "元": "CNY",
    "块": "CNY",
    "块钱": "CNY",
    "人民币": "CNY",
    "rmb": "CNY",
    "cny": "CNY",
    "yuan": "CNY",
}
_NAMES |= {"万元": "CNY", "美元": "USD", "美金": "USD", "usd": "USD", "dollar": "USD", "dollars": "USD"}
_NAMES |= {
    "원": "KRW",
    "krw": "KRW",
    "won": "KRW",
    "欧元": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
}
_NAMES |= {"港币": "HKD", "hkd": "HKD", "英镑": "GBP", "gbp": "GBP"}
_UNIT = "|".join(sorted(_NAMES, key=len, reverse=True))
_MONEY = re.compile(
    rf"(?P<sign>us\$|hk\$|[¥$€₩£]) ?(?P<after>(?:{_NUMBER})[万만]?)"
    rf"|(?<![0-9.])(?P<before>(?:{_NUMBER})[万千百만]?|{_NUMERALS}{{1,12}}) ?(?P<unit>{_UNIT})(?![a-z])"
)
_MEASURES = "个位人张件号点份只杯次条本台双盒瓶袋斤套间天周月年岁楼层房顿块元"
_DIGITS = re.compile(rf"(?<![0-9a-z.,])-?(?:{_NUMBER})万?(?![0-9]|[.,][0-9])")
_CHINESE = re.compile(rf"{_NUMERALS}{{2,12}}|{_NUMERALS}(?=[{_MEASURES}])")
_IN_WORDS = re.compile("万一|千万|一一|十一(?=假|黄金)|一下|百分")


def find_system_entities(text: str, today: date | None = None) -> tuple[Entity, ...]:
    """All finds, none overlapping. Values: a date as ISO text (its words where `today` is not given and

    no year is written), a time in its words, money as `{"amount", "currency"}`, a phone as digits (with
    + and the country).
    """
    folded = fold(text)
    finders = _FINDERS if _NUMERIC.search(folded) else _FINDERS_OF_NAMES
    finds = [
        Entity(name, value, start, end, extractor=EXTRACTOR)
        for name, find in finders
        for start, end, value in find(folded)
    ]
    finds += [
        Entity("date", day.isoformat() if day else folded[start:end], start, end, extractor=EXTRACTOR)
        for start, end, day in find_dates(folded, today)
    ]
    finds += [
        Entity("time", folded[start:end], start, end, extractor=EXTRACTOR)
        for start, end in find_times(folded)
    ]
    return without_overlaps(finds) if finds else ()


def _urls(folded: str) -> Iterator[Find]:
    if "://" in folded or "www." in folded:
        for found in _URL.finditer(folded):
            url = found.group().rstrip(".,;:!?'*)")
            yield found.start(), found.start() + len(url), url


def _emails(folded: str) -> Iterator[Find]:
    if "@" in folded:
        for found in _EMAIL.finditer(folded):
            yield found.start(), found.end(), found.group()


def _phones(folded: str) -> Iterator[Find]:
    for found in _PHONE.finditer(folded):
        digits = re.sub("[^0-9]", "", found.group())
        if found["intl"]:
            if 8 <= len(digits) <= 15:
                yield found.start(), found.end(), f"+{digits}"
        else:
            yield found.start(), found.end(), digits[-11:] if found["cn"] else digits


def _money(folded: str) -> Iterator[Find]:
    for found in _MONEY.finditer(folded):
        written = found["after"] or found["before"]
        unit = found["unit"] or ""
        amount = read_number(written + "万" if unit == "万元" else written)
        if amount is None and written[-1] in "千百":
            rough = read_number(written[:-1])
            amount = rough * (1000 if written[-1] == "千" else 100) if rough is not None else None
        if amount is not None:
            currency = _SIGNS[found["sign"]] if found["sign"] else _NAMES[unit]
            yield found.start(), found.end(), {"amount": amount, "currency": currency}


def _numbers(folded: str) -> Iterator[Find]:
    for found in _DIGITS.finditer(folded):
        number = read_number(found.group())
        if number is not None:
            yield found.start(), found.end(), number
    for found in _CHINESE.finditer(folded):
        number = None if _IN_WORDS.match(folded, found.start()) else read_number(found.group())
        if number is not None:
            yield found.start(), found.end(), number


# Most messages hold no number at all: one look saves five.
_NUMERIC = re.compile(f"[0-9]|{_NUMERALS}")
_FINDERS_OF_NAMES: tuple[tuple[str, Callable[[str], Iterator[Find]]], ...] = (
    ("url", _urls),
    ("email", _emails),
)
_FINDERS = (
    *_FINDERS_OF_NAMES,
    ("phone", _phones),
    ("money", _money),
    ("number", _numbers),
)
