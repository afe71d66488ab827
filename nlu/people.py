"""Who: names of persons, as people give them in Chinese, English and Korean."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from nlu.scan import Pattern, pattern

Read = Callable[[re.Match[str]], Any]  # the value; None: it is none after all

_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦傅方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
_DOUBLE = "欧阳|司马|上官|诸葛|司徒|东方|皇甫|慕容|令狐|公孙"
_SURNAMES_KO = (
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변추"
)
_HAN = "\u4e00-\u9fff"
_NO_NAME = (
    "什|啥|怎|人|个|一|不|了|你|他|她|它|我|车|外|去|来|等|做|给|买|吃|起|退|的|是|在|有|没|说|几|名|下"
    "|啊|出|"
    "过|开|拿|取|上"
)
_END = f"(?=就行|就好|就可以|吧|[^{_HAN}·]|$)"
_WORDS_EN = r"[a-z\u00c0-\u024f][a-z\u00c0-\u024f'’-]+"
_TITLE = "先生|女士|小姐|太太|老师|经理|总监|医生|师傅|阿姨"
_NOT_CALLED = (
    "back|please|now|later|again|at|on|a|an|the|tomorrow|today|tonight|this|that|in|after|before|when"
    "|if|soon|asap|tmr|not|sure|just|it|for|my|to|as|up|crazy"
)


def _name(found: re.Match[str]) -> str | None:
    return found["name"].strip() or None


_VAGUE = re.compile("i['’]m|i am|this is")
PATTERNS: tuple[Pattern[Read], ...] = (
    pattern(
        "person",
        rf"(?:我叫|名字叫|名字是|名叫|本人叫)(?!{_NO_NAME})(?P<name>[{_HAN}·]{{1,4}}?{_END}"
        rf"|[{_HAN}]{{2}}|[a-z]+)",
        _name,
    ),
    pattern(
        "person", rf"(?:叫我|称呼我)(?!{_NO_NAME})(?P<name>[{_HAN}·]{{1,4}}?{_END}|[a-z]{{2,20}})", _name
    ),
    pattern("person", rf"我姓(?P<name>[{_SURNAMES}]|{_DOUBLE})", _name),
    pattern(
        "person",
        rf"(?:联系人|收件人|收货人|姓名|称呼)[是为:\s]{{1,3}}(?P<name>[{_HAN}·]{{2,4}}?{_END}|[a-z]+"
        rf"(?: [a-z]+)?)",
        _name,
    ),
    pattern(
        "person",
        rf"(?:(?<![{_HAN}])|(?<=[找请给和跟是叫下的问]))(?!谢谢)(?P<name>{_DOUBLE}|[{_SURNAMES}]"
        rf"(?:[{_HAN}]{{1,2}})?)"
        rf"(?:{_TITLE})",
        _name,
        *_TITLE.split("|"),
    ),
    pattern(
        "person",
        rf"(?<![a-z])my name(?: is|['’]s) (?!what|not|on|in)(?P<name>{_WORDS_EN}(?: {_WORDS_EN})?"
        rf"(?=\s*[,.!?]|\s*$)"
        rf"|{_WORDS_EN})",
        _name,
    ),
    pattern("person", rf"(?<![a-z])call me (?!(?:{_NOT_CALLED})(?![a-z]))(?P<name>{_WORDS_EN})", _name),
    pattern(
        "person",
        rf"(?<![a-z])(?:i['’]m|i am|this is) (?P<name>{_WORDS_EN})(?=,| speaking| here| from|\.? *$)",
        _name,
    ),
    pattern(
        "person",
        rf"(?<![a-z])(?:mr|mrs|ms|miss|dr)\.? (?P<name>{_WORDS_EN})",
        _name,
        "mr",
        "ms",
        "miss",
        "dr",
    ),
    pattern(
        "person",
        r"(?:이름은|성함은) ?(?P<name>[가-힣]{2,4}?)(?=이에요|예요|입니다|이고|라고|[^가-힣]|$)",
        _name,
    ),
    pattern("person", rf"(?:저는|나는) ?(?P<name>[{_SURNAMES_KO}][가-힣]{{1,3}}?)(?=이라고|라고)", _name),
    pattern(
        "person",
        rf"(?<![가-힣])(?P<name>[{_SURNAMES_KO}][가-힣]{{2}}) ?(?:씨|님|고객님|선생님|과장님)(?![가-힣])",
        _name,
        "씨",
        "님",
    ),
)


def place(kind: str, found: re.Match[str]) -> tuple[int, int]:
    """Where in its text the name stands."""
    return found.span("name")


def is_name(found: re.Match[str], text: str) -> bool:
    """Whether it looks like a name in the text as it was written: "I'm Late" is one, "I'm late" is not."""
    return not _VAGUE.match(found.group()) or text[found.start("name")].isupper()
