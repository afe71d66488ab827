"""How to reach somebody or find something: phone numbers, e-mail and web addresses, order numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nlu.scan import Pattern, pattern

Read = Callable[[re.Match[str]], Any]  # the value; None: it is none after all
_SPOKEN = dict(
    zip("零〇一二三四五六七八九幺两공영일이삼사오육칠팔구", "001234567891200123456789", strict=True)
)
_SPOKEN_DIGITS = str.maketrans(_SPOKEN)
_PHONE = (
    r"(?:(?P<cn>(?:(?:\+|00)?86[- ]?)?1[3-9][0-9](?:[- ]?[0-9]{4}[- ]?[0-9]{4}|[- ]?[0-9]{3}[- ]?[0-9]{5}))"
    r"|(?P<intl>\+[1-9][0-9]{0,2}(?:[- ]?\(?[0-9]{1,4}\)?){2,5})"
    r"|01[016789][-. ]?[0-9]{3,4}[-. ]?[0-9]{4}|0[2-6][0-9]?[- )][0-9]{3,4}-[0-9]{4}"
    r"|\(?0[1-9][0-9]{1,2}[-) ]{0,2}[0-9]{3,4} ?[0-9]{4}|(?:400|800)[- ]?[0-9]{3}[- ]?[0-9]{4}"
    r"|1[56][0-9]{2}-[0-9]{4}|\(?[2-9][0-9]{2}\)?[-. ][0-9]{3}[-. ][0-9]{4})"
)
_BEFORE, _AFTER = r"(?<![0-9a-z+])", r"(?!-?[0-9])"
_TOP = "com|cn|net|org|io|co|shop|kr|jp|uk|de|hk|tw|me|app|info|cc|top|vip|store"
_HOST = rf"(?:[a-z0-9-]{{1,63}}\.){{1,8}}(?:{_TOP})"


def _digits(found: re.Match[str]) -> str:
    return re.sub("[^0-9]", "", found.group())


def _phone(found: re.Match[str]) -> str | None:
    if found["intl"]:
        return _international(found.group())
    return _digits(found)[-11:] if found["cn"] else _digits(found)


def _international(said: str) -> str | None:
    digits = re.sub("[^0-9]", "", said.replace("(0)", ""))
    if re.fullmatch("861[3-9][0-9]{9}", digits):
        return digits[2:]
    return f"+{digits}" if 8 <= len(digits) <= 15 else None


def _spoken(found: re.Match[str]) -> str:
    return found.group().replace(" ", "").translate(_SPOKEN_DIGITS)


def _whole(found: re.Match[str]) -> str:
    return found.group()


def _code(found: re.Match[str]) -> str | None:
    code = found["code"].strip("-").upper()
    return code if sum(map(str.isdigit, code)) >= 4 else None


_CODE = r"(?P<code>[a-z0-9](?:[a-z0-9-]{3,30})[a-z0-9])(?![a-z0-9])"
PATTERNS: tuple[Pattern[Read], ...] = (
    pattern(
        "url", r"(?<![a-z0-9])(?:https?://|www\.)[a-z0-9-][a-z0-9\-._~:/?#@!$&'*+,;=%()\[\]]{2,500}", _whole
    ),
    pattern(
        "url", rf"(?<![a-z0-9@.-]){_HOST}(?:/[a-z0-9\-._~/?#&=%]{{0,300}})?(?![a-z0-9@.-])", _whole, "."
    ),
    pattern(
        "email",
        r"(?<![a-z0-9._%+-])[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![a-z0-9])",
        _whole,
    ),
    pattern("phone", rf"{_BEFORE}{_PHONE}{_AFTER}", _phone, "0", *"123456789"),
    pattern("phone", "[一幺][三四五六七八九](?:[零〇一二两三四五六七八九幺] ?){9}", _spoken),
    pattern("phone", "공일[공영일](?: ?[공영일이삼사오육칠팔구]){7,8}", _spoken),
    pattern(
        "order_number",
        r"(?:订单(?:编号|号码?)?|单号|快递|编号|运单号?)(?:码|是|为|:|#|no\.?|\s){0,4}" + _CODE,
        _code,
    ),
    pattern(
        "order_number",
        r"(?<![a-z])(?:order|tracking|parcel|invoice)(?:\s|number|no\.?|id|is|code|:|#){1,6}" + _CODE,
        _code,
    ),
    pattern(
        "order_number",
        r"(?:주문|송장|운송장) ?(?:번호)?(?:은|는|이|가|:|#|\s){0,3}" + _CODE,
        _code,
    ),
)
# Of an order number only the code is its place; of a web address what a sentence put behind it is not.
PART = {"order_number": "code"}
_SENTENCE = ".,;:!?'*)"


def place(kind: str, found: re.Match[str]) -> tuple[int, int]:
    """Where in its text the thing itself stands."""
    if kind == "url":
        return found.start(), found.start() + len(found.group().rstrip(_SENTENCE))
    return found.span(PART.get(kind, 0))
