"""Where: postal addresses, as people give them in Chinese, English and Korean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nlu.scan import Pattern, pattern

Read = Callable[[re.Match[str]], Any]  # the value; None: it is none after all

_HAN = "\u4e00-\u9fff"
_BEFORE = re.compile(".{0,6}?(?:[送寄发]到|地址[是为]?|[在到住])|[ ,]+")
_NUMBER_ZH = r"[0-9０-９一二三四五六七八九十零〇百]{1,6}"
_TAIL_ZH = (
    rf"(?:[{_HAN}]{{2,12}}(?:小区|花园|大厦|公寓|广场|苑|城))?"
    rf"(?:[0-9a-z]{{1,6}}(?:号楼|号院|弄|号|栋|幢|座|单元|楼|层|室|房|-)|(?:{_NUMBER_ZH})(?:号楼|号|栋"
    rf"|幢|座|单元|楼|层|室)){{0,6}}"
    r"(?:[0-9]{2,4}(?:室|房)?(?![0-9]))?"
)
_STREET_EN = (
    "street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|square|sq|court|ct|place|pl"
    "|terrace|highway"
    "|hwy|close|crescent|parkway|pkwy"
)


def _address(found: re.Match[str]) -> str | None:
    said = found.group().strip(" ,")
    return said if len(said) >= 5 else None


PATTERNS: tuple[Pattern[Read], ...] = (
    pattern(
        "address",
        rf"(?:[{_HAN}]{{2,8}}?(?:省|自治区))?(?:[{_HAN}]{{2,7}}?市)(?:[{_HAN}]{{1,6}}?(?:区|县|市))"
        rf"(?:[{_HAN}0-9]{{1,8}}?(?:路|街|道|巷|弄|胡同|镇|乡|村)){{1,3}}{_TAIL_ZH}",
        _address,
        *["路", "街", "道", "巷", "弄", "胡同", "镇", "乡", "村"],
    ),
    pattern(
        "address",
        rf"[{_HAN}]{{2,6}}?(?:路|街|大道|巷|弄|胡同)(?:[0-9]{{1,5}}|{_NUMBER_ZH})号{_TAIL_ZH}",
        _address,
        *["路", "街", "大道", "巷", "弄", "胡同"],
    ),
    pattern(
        "address",
        rf"(?<![0-9a-z])[0-9]{{1,5}}[a-z]? (?:(?!at|to|in|on|for|of|and"
        rf"|the)[a-z0-9.'-]+ ){{1,3}}(?:{_STREET_EN})(?![a-z])\.?(?: (?:nw|ne|sw|se))?(?:, ?(?:apt|unit"
        rf"|suite|floor) ?[0-9a-z]+)?(?:, ?[a-z]+(?: [a-z]+)?(?:, ?[a-z]{{2}}(?: [0-9]{{5}})?)?"
        rf"(?=[.,!?]|$))?",
        _address,
        *(f" {street}" for street in _STREET_EN.split("|")),
    ),
    pattern(
        "address",
        r"(?:[가-힣]{2,6}(?:시|도|특별시|광역시)? )(?:[가-힣]{1,5}(?:구|군|시) ){0,2}(?:[가-힣0-9]{1,8}"
        r"(?:로"
        r"|길|동|읍"
        r"|면)) [0-9]{1,4}(?:-[0-9]{1,4})?(?:번지|번길)?(?:,? ?[0-9]{1,4}(?:층|호|동))*",
        _address,
        *["로", "길", "동", "읍", "면"],
    ),
)


def place(kind: str, found: re.Match[str]) -> tuple[int, int]:
    """Where in its text the address stands, without the words that lead to it."""
    said = found.group()
    before = _BEFORE.match(said)
    return found.start() + (before.end() if before else 0), found.start() + len(said.rstrip(" ,"))
