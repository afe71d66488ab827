"""How much and how many, in patterns: numbers, money and quantities in Chinese, English and Korean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nlu.numerals import (
    CHARACTERS,
    DIGIT_CHARACTERS,
    FACTOR,
    NATIVE,
    NUMBER,
    SINO,
    WORDS,
    one_of,
    read_number,
)
from nlu.scan import Pattern, pattern
from nlu.units import CONVERTED, CURRENCY, UNIT

Read = Callable[[re.Match[str]], Any]  # the value; None: it is none after all

_SIGN = one_of(word for word in CURRENCY if word[-1] in "$€₩£¥")
_HAN_UNIT = one_of([*CONVERTED, *(w for w in UNIT if "\u4e00" <= w[0] <= "\u9fff")])
_LATIN_UNIT = one_of(w for w in UNIT if w.isascii() and w != "%")
_HANGUL_UNIT = one_of(w for w in UNIT if w[0] >= "\uac00")

_HAN = f"[{CHARACTERS}]"
_LEFT = r"(?<![0-9a-z.,])"
_DIGITS = rf"{_LEFT}(?:{NUMBER})(?: ?(?:{FACTOR})(?![a-z]))?"
_KOREAN_PEOPLE = r"(?:명|분|사람|번째)"
_MEASURES = "个位人张件号点份只杯次条本台双盒瓶袋斤套间天周月年岁楼层房顿块元名款种项折口"
# Words that only begin or end like a number.
_NO_NUMBER = (
    "万一|千万(?!元|块|人|美)|一一|十一(?=假|黄金)|一下|百分|一点|一般|一起|一直|一定|一样|一些|一周|十分|千百|万千"
    "|一个人|一人|一口"
)


def _plain(found: re.Match[str]) -> float | int | None:
    return read_number(found.group())


def _numbered(found: re.Match[str]) -> Any:
    return read_number(found["n"])


def _about(found: re.Match[str]) -> dict[str, Any] | None:
    """两三个, 一两百: the lesser and the greater of two neighbours."""
    first, last = (read_number(found[name] + (found["factor"] or "")) for name in ("a", "b"))
    if first is None or last is None or read_number(found["b"]) != (read_number(found["a"]) or 0) + 1:
        return None
    value: dict[str, Any] = {"from": first, "to": last}
    unit = found.groupdict().get("unit")
    return value | {"currency": CURRENCY[unit]} if unit else value


def _money(found: re.Match[str]) -> dict[str, Any] | None:
    groups = found.groupdict()
    currency = CURRENCY[groups["unit"]]
    amount = read_number(groups["n"])
    if amount is None:
        return None
    if groups.get("more"):
        last = read_number(groups["more"])
        first = amount
        factor = re.search(f"(?:{FACTOR})$", groups["more"])
        if factor and not re.search(f"(?:{FACTOR})$", groups["n"]):
            first = read_number(groups["n"] + factor.group()) or amount
        return None if last is None else {"from": first, "to": last, "currency": currency}
    if groups.get("tenths"):
        amount += (read_number(groups["tenths"]) or 0) / 10
    return {"amount": round(amount, 6), "currency": currency}


def _small_change(found: re.Match[str]) -> dict[str, Any] | None:
    amount, unit = read_number(found["n"]), found["unit"]
    share, currency = (0.1, "CNY") if unit in "毛角" else (0.01, "CNY" if unit == "分钱" else "USD")
    return None if amount is None else {"amount": round(amount * share, 6), "currency": currency}


def _quantity(found: re.Match[str]) -> dict[str, Any] | None:
    unit = found["unit"]
    said = found["n"]
    amount = (
        0.5 if said in ("半", "half an", "반") else 1 if said in ("a", "an", "one") else read_number(said)
    )
    if amount is None:
        return None
    if found.groupdict().get("half"):
        amount += 0.5
    factor, name = CONVERTED.get(unit) or (1, UNIT[unit])
    amount *= factor
    return {"amount": int(amount) if amount == int(amount) else round(amount, 6), "unit": name}


def _percent(found: re.Match[str]) -> dict[str, Any] | None:
    amount = read_number(found["n"])
    return None if amount is None else {"amount": amount, "unit": "%"}


_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "last": -1}
_HAN_NAME = one_of(word for word in CURRENCY if "\u4e00" <= word[0] <= "\u9fff" and word != "块")
_WORD_NAME = one_of(word for word in CURRENCY if word.isascii() and word.isalpha())
_HANGUL_NAME = one_of(word for word in CURRENCY if word[0] >= "\uac00")
_TO = r" ?(?:-|~|到|至|to|and|에서) ?"
_NAME = rf"(?:{_HAN_NAME}|块钱?|(?:{_WORD_NAME})(?![a-z])|{_HANGUL_NAME})(?!旦|宵|素|月)"
_KR = rf"[0-9]{{1,4}}만 ?[0-9]{{1,4}}천|(?:[0-9,.]{{1,9}} ?[만천백]?)|[{SINO}]{{1,9}}"
PATTERNS: tuple[Pattern[Read], ...] = (
    pattern(
        "money",
        rf"(?P<unit>{_SIGN}) ?(?P<n>(?:{NUMBER})(?:[km万千만천](?![a-z]))?)"
        rf"(?: ?[-~] ?[$€₩£¥]?(?P<more>{NUMBER}))?(?![0-9])",
        _money,
        *"$€₩£¥",
    ),
    pattern("money", rf"{_LEFT}(?P<n>(?:{NUMBER})) ?(?P<unit>[€₩£])", _money),
    pattern(
        "money",
        rf"(?<![a-z])(?P<unit>人民币|港币|rmb|usd|cny|eur|gbp|hkd|krw|jpy|twd) ?(?P<n>"
        rf"(?:{NUMBER})[万千만]?)",
        _money,
        *["人民币", "港币", "rmb", "usd", "cny", "eur", "gbp", "hkd", "krw", "jpy", "twd"],
    ),
    pattern(
        "money",
        rf"{_LEFT}(?P<n>(?:{NUMBER})(?: ?(?:{FACTOR}))?)(?:{_TO}(?P<more>(?:{NUMBER})(?: ?"
        rf"(?:{FACTOR}))?))? ?"
        rf"(?P<unit>{_NAME})(?! of )",
        _money,
        *CURRENCY,
    ),
    pattern(
        "money",
        rf"(?P<a>{_HAN})(?P<b>{_HAN})(?P<factor>[十百千万]{{0,2}})(?P<unit>块钱|块|元|美元)",
        _about,
    ),
    pattern(
        "money",
        rf"(?P<n>{_HAN}{{1,12}}) ?(?P<unit>{_HAN_NAME}|块钱|(?<!一)块|块(?=\W|$))(?!旦|宵|素|月)",
        _money,
    ),
    pattern(
        "money",
        rf"(?P<n>{_HAN}{{1,9}}|[0-9]{{1,6}})(?P<unit>块)(?P<tenths>[0-9]|{_HAN})(?![0-9]|{_HAN}|[个人])",
        _money,
    ),
    pattern(
        "money",
        rf"(?P<n>{_HAN}|{_LEFT}[0-9]{{1,3}}) ?(?P<unit>毛|角|分钱|cents)(?![a-z度落])",
        _small_change,
    ),
    pattern("money", rf"(?P<n>{WORDS}) (?P<unit>{_WORD_NAME})(?![a-z]| of )", _money, *CURRENCY),
    pattern("money", rf"(?<![가-힣0-9])(?P<n>{_KR}) ?(?P<unit>원)(?![래하칙])", _money),
    pattern(
        "quantity",
        rf"(?<![第每])(?P<n>{_DIGITS}|{_HAN}{{1,6}}|半) ?(?P<half>个半(?=小时|月|钟头))?"
        rf"(?P<unit>{_HAN_UNIT})"
        r"(?!人|[多来几]|[头钟]?[点]|别|性|[级轻龄]|然|气|空|间|[不的]起|末|到[的位])",
        _quantity,
    ),
    pattern("quantity", rf"{_LEFT}(?P<n>{_DIGITS}) ?(?P<unit>{_LATIN_UNIT})(?![a-z])", _quantity),
    pattern(
        "quantity",
        rf"(?<![a-z])(?P<n>half an|an?|one|{WORDS}) (?P<unit>{_LATIN_UNIT})(?![a-z])",
        _quantity,
        *(word for word in UNIT if word.isascii() and len(word) > 1),
    ),
    pattern(
        "quantity",
        rf"(?<![가-힣0-9])(?P<n>{_DIGITS}|{NATIVE}|반) ?(?P<unit>{_HANGUL_UNIT})(?P<half> 반)?",
        _quantity,
    ),
    pattern("quantity", rf"(?P<n>{_DIGITS}) ?%", _percent),
    pattern("quantity", rf"百分之(?P<n>{_HAN}{{1,6}}|[0-9.]{{1,6}})", _percent),
    pattern("number", rf"(?P<a>{_HAN})(?P<b>{_HAN})(?P<factor>[十百千万]{{0,2}})(?=[{_MEASURES}])", _about),
    pattern(
        "number", rf"(?<![0-9a-z.,])-?(?:{NUMBER})(?: ?(?:{FACTOR})(?![a-z]))?(?![0-9]|[.,][0-9])", _plain
    ),
    pattern(
        "number", rf"(?:负)?(?!{_NO_NUMBER}){_HAN}{{1,9}}点[{DIGIT_CHARACTERS}]{{1,6}}(?![分钟])", _plain
    ),
    pattern(
        "number", rf"(?!{_NO_NUMBER})负?(?:{_HAN}{{2,12}}|{_HAN}(?=[{_MEASURES}])|(?<=负){_HAN})", _plain
    ),
    pattern("number", rf"负{_HAN}{{1,12}}", _plain),
    pattern("number", rf"(?P<n>{_HAN}{{1,6}})(?:来|多|几)(?=[{_MEASURES}])", _numbered),
    pattern("number", rf"第(?P<n>{_HAN}{{1,4}}|[0-9]{{1,4}})", _numbered),
    pattern("number", WORDS, _plain),
    pattern(
        "number",
        rf"(?<![a-z])the (?P<n>{one_of(_ORDINALS)})(?= (?:one|option|item|choice|box|link|time)(?![a-z]))",
        lambda found: _ORDINALS[found["n"]],
    ),
    pattern("number", rf"(?<![가-힣])(?P<n>{NATIVE}|[{SINO}]{{1,9}}(?= ?명)) ?{_KOREAN_PEOPLE}", _numbered),
    pattern(
        "number",
        r"(?<![가-힣])(?!이만|사천|오백원)(?=[가-힣]{0,8}[십백천만억])[이삼사오육칠팔구십백천만억]"
        r"{2,9}(?![가-힣])",
        _plain,
    ),
)


def place(kind: str, found: re.Match[str]) -> tuple[int, int]:
    """Where in its text the thing itself stands: of 세 명 only the number, of 三斤 all of it."""
    return found.span("n") if kind == "number" and "n" in found.re.groupindex else found.span()
