"""Stand-ins: invented names, numbers and addresses of the same form, in place of a person's own.

The same thing always gets the same stand-in, so a text stays as sensible as it was. Only what is known (see
`learn`) or looks like it (e-mail addresses, long numbers) is replaced: who shares a text reads it first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

KINDS: Mapping[str, str] = {
    "phone": "phone", "email": "email", "address": "address", "name": "name", "person": "name",
}  # fmt: skip
# Each run is tried from its beginning alone: from every place in it takes its square.
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]+@[\w-]+(?:\.[\w-]+)+")
# Cards, accounts, numbers of people: digits that stand together, or in groups; but not a date.
_DATE = r"(?!(?:19|20)[0-9]{2}-[0-9]{1,2}-[0-9]{1,2}(?![0-9]))"
_LONG_NUMBER = re.compile(rf"{_DATE}(?<![0-9A-Za-z])\+?(?:[0-9][ -]?){{6,}}[0-9](?![0-9])")
_HAN, _HANGUL = re.compile("[\u4e00-\u9fff]+"), re.compile("[가-힣]+")
_NAMES = {
    "zh": ("李华", "王芳", "张伟", "刘洋", "陈静", "赵磊"),
    "ko": ("김민수", "이지은", "박서준", "최유나"),
    "": ("Alex", "Robin", "Sam", "Kim", "Jo", "Chris"),
}
_CHANGED_DIGITS = 8  # at most, from the end: what is before them tells the country and the kind


class StandIns:
    """What stands for what, in one conversation."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._numbers: dict[str, str] = {}
        self._count = dict.fromkeys(KINDS.values(), 0)
        self._pattern: re.Pattern[str] | None = None

    def learn(self, kind: str, said: str) -> None:
        """Replace this from now on; `kind` is one of KINDS, all else is passed over."""
        said = said.strip()
        if kind not in KINDS or len(said) < 2 or said in self._of:
            return
        is_name = KINDS[kind] == "name"
        new = self._stand_in(KINDS[kind], said)
        while is_name and new.casefold() == said.casefold():  # Some people are really called so.
            new = self._stand_in(KINDS[kind], said)
        self._of[said] = new
        self._pattern = None
        given = _given(said) if is_name else ""
        if given:
            self._of.setdefault(given, _given(new) or new)

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Where the text says what is to be replaced, and by what: start, end, words; none overlap."""
        if not text:
            return []
        if self._pattern is None:
            known = sorted(self._of, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(_whole, known)) or "(?!)", re.IGNORECASE)
        folded = {said.casefold(): new for said, new in self._of.items()}
        found = [
            (*match.span(), folded.get(match[0].casefold(), "")) for match in self._pattern.finditer(text)
        ]
        for match in (*_EMAIL.finditer(text), *_LONG_NUMBER.finditer(text)):
            if all(match.end() <= start or end <= match.start() for start, end, _ in found):
                kind = "email" if "@" in match[0] else "phone"
                self.learn(kind, match[0])
                found.append((*match.span(), self._of[match[0]]))
        return sorted(found)

    def replace(self, text: str) -> str:
        """The text with stand-ins."""
        for start, end, new in reversed(self.places(text)):
            text = text[:start] + new + text[end:]
        return text

    def replace_all(self, value: Any) -> Any:
        """A JSON value with stand-ins in all of its texts."""
        if isinstance(value, str):
            return self.replace(value)
        if isinstance(value, list):
            return [self.replace_all(one) for one in value]
        return (
            {name: self.replace_all(one) for name, one in value.items()}
            if isinstance(value, dict)
            else value
        )

    def _stand_in(self, kind: str, said: str) -> str:
        if kind == "phone":
            return self._number(said)
        self._count[kind] += 1
        number = self._count[kind]
        if kind == "email":
            return f"person{number}@example.com"
        if kind == "address":
            return f"示例市示例区示例路{number}号" if _HAN.search(said) else f"{number} Example Street"
        return _name(said, number)

    def _number(self, said: str) -> str:
        """Another number with the same beginning and the same shape; one for all ways to write it."""
        digits = "".join(letter for letter in said if letter.isdecimal())
        tail = digits[-_CHANGED_DIGITS:] if len(digits) > _CHANGED_DIGITS + 1 else digits[2:]
        if not tail:
            return said
        if tail not in self._numbers:
            self._count["phone"] += 1
            self._numbers[tail] = f"{self._count['phone']}".rjust(len(tail), "0")
        new = iter(digits[: len(digits) - len(tail)] + self._numbers[tail])
        return "".join(next(new) if letter.isdecimal() else letter for letter in said)


def _whole(said: str) -> str:
    """A pattern that does not find Ann in annoyed; Chinese has no such borders."""
    before = r"(?<![A-Za-z0-9])" if said[0].isascii() and said[0].isalnum() else ""
    after = r"(?![A-Za-z0-9])" if said[-1].isascii() and said[-1].isalnum() else ""
    return f"{before}{re.escape(said)}{after}"


def _name(said: str, number: int) -> str:
    """A name in the same script, with as many parts."""
    script = "zh" if _HAN.search(said) else "ko" if _HANGUL.search(said) else ""
    names = _NAMES[script]
    first = names[(number - 1) % len(names)]
    more = f"{(number - 1) // len(names) + 1}" if number > len(names) else ""
    if script:
        return f"{first}{more}" if len(said) != 2 or script == "zh" else f"{first[-2:]}{more}"
    last = " Example" if " " in said else ""
    return f"{first}{more}{last}"


def _given(name: str) -> str:
    """The part of a name by which people are called: Mina of Mina Park, 小明 of 王小明; empty if none."""
    first, _, rest = name.partition(" ")
    if rest:
        return first if len(first) > 2 else ""
    return name[1:] if len(name) == 3 and (_HAN.fullmatch(name) or _HANGUL.fullmatch(name)) else ""


def kinds_in(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of a record's attributes those that are to be replaced, as `learn` takes them."""
    for name, value in values.items():
        if name in KINDS and isinstance(value, str):
            yield name, value
