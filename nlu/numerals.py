"""Numbers as people write them: 1,200.5, 三十五, 两百, 一万二, 3.5万, twenty-five, 스물다섯, 이백오십."""

from __future__ import annotations

import re
from collections.abc import Iterable

DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5} | {
    "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
UNITS = {"十": 10, "百": 100, "千": 1000}
GREAT = {"万": 10_000, "萬": 10_000, "亿": 100_000_000}
DIGIT_CHARACTERS = "".join(DIGITS)
CHARACTERS = "".join([*DIGITS, *UNITS, *GREAT])

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ENGLISH = {word: number for number, word in enumerate(_SMALL.split())}
ENGLISH |= {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}
_ENGLISH_UNITS = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 10**9}

_NATIVE_ONES = {"하나": 1, "한": 1, "둘": 2, "두": 2, "셋": 3, "세": 3, "석": 3, "넷": 4, "네": 4, "넉": 4}
_NATIVE_ONES |= {"다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9}
_NATIVE_TENS = {"열": 10, "스물": 20, "서른": 30, "마흔": 40, "쉰": 50, "예순": 60, "일흔": 70, "여든": 80}
KOREAN = {**_NATIVE_ONES, **_NATIVE_TENS, "스무": 20}
KOREAN |= {ten + one: t + o for ten, t in _NATIVE_TENS.items() for one, o in _NATIVE_ONES.items()}
_SINO = dict(zip("영공일이삼사오육칠팔구십백천만억", "零〇一二三四五六七八九十百千万亿", strict=True))
_TO_CHINESE = str.maketrans(_SINO)
SINO = "".join(_SINO)

# What stands behind digits and multiplies them; alone some of these are other words.
BEHIND = {"万": 10_000, "萬": 10_000, "亿": 10**8, "千": 1000, "百": 100, "만": 10_000, "억": 10**8} | {
    "천": 1000, "백": 100, "k": 1000, "w": 10_000, "m": 1_000_000, "million": 1_000_000,
    "billion": 10**9, "thousand": 1000, "hundred": 100,
}  # fmt: skip


_LONGEST = 40  # characters


def one_of(words: Iterable[str]) -> str:
    """A pattern of any of these words, longer ones first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


NUMBER = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?|[0-9]{1,15}(?:\.[0-9]{1,6})?"
FACTOR = one_of(BEHIND)
WORD = one_of([*ENGLISH, *_ENGLISH_UNITS])
# "one" alone is mostly no number, nor is "a"; "and" joins two number words.
WORDS = rf"(?:a (?=dozen|hundred|thousand|million)|(?!one\b)(?={WORD})|one(?= hundred| thousand| million))"
WORDS = rf"(?<![a-z]){WORDS}(?:(?:{WORD})?(?:(?: and |[ -])(?:{WORD}))*)(?![a-z])"
NATIVE = one_of(KOREAN)


def read_number(text: str) -> float | int | None:
    """The number a text of digits, Chinese, English or Korean numerals says; None if it says none."""
    text = text[: _LONGEST + 1].replace(",", "").strip()
    if len(text) > _LONGEST:
        return None
    if text.isdecimal():
        return int(text)
    if text[:1] in {"-", "负"}:
        number = read_number(text[1:])
        return None if number is None else -number
    return _read_digits(text) if text[:1].isdecimal() else _read_words(text)


def _read_digits(text: str) -> float | int | None:
    """12.5, 3.5万, 10k, 2만 5천: digits, each with what multiplies them."""
    total = 0.0
    for digits, factor in re.findall(rf"([0-9]+(?:\.[0-9]+)?) ?({FACTOR})?", text):
        total += float(digits) * BEHIND.get(factor, 1)
    if re.sub(rf"[0-9]+(?:\.[0-9]+)? ?(?:{FACTOR})?| ", "", text):
        return None
    return int(total) if total == int(total) else total


def _read_words(text: str) -> float | int | None:
    if not text:
        return None
    if text in KOREAN:
        return KOREAN[text]
    if text.isascii():
        return _read_english(text)
    if text[0] in _SINO:
        text = text.translate(_TO_CHINESE).replace(" ", "")
    whole, point, digits = text.partition("点")
    if point:
        return _read_decimal(whole, digits)
    return _read_numerals(text)


def _read_decimal(whole: str, digits: str) -> float | None:
    before = _read_numerals(whole)
    if before is None or not digits or not set(digits) <= set(DIGITS):
        return None
    return float(f"{before}.{''.join(str(DIGITS[digit]) for digit in digits)}")


def _read_english(text: str) -> int | None:
    total = part = 0
    for word in re.split("[ -]+", text):
        if word in ENGLISH:
            part += ENGLISH[word]
        elif word in ("hundred", "dozen"):
            part = (part or 1) * _ENGLISH_UNITS[word]
        elif word in _ENGLISH_UNITS:
            total, part = total + (part or 1) * _ENGLISH_UNITS[word], 0
        elif word not in ("and", "a"):
            return None
    return total + part


def _read_numerals(text: str) -> int | None:
    if not text or any(character not in CHARACTERS for character in text):
        return None
    if all(character in DIGITS for character in text):
        return int("".join(str(DIGITS[character]) for character in text))
    total = section = digit = last_unit = 0
    for character in text:
        if character in DIGITS:
            digit = DIGITS[character]
            if digit == 0:
                last_unit = 0
        elif character in UNITS:
            last_unit = UNITS[character]
            section += (digit or 1) * last_unit
            digit = 0
        else:
            last_unit = GREAT[character]
            # 三千万 behind 一亿 adds to it, 亿 behind 三万 multiplies it.
            if total >= last_unit:
                total += (section + digit) * last_unit
            else:
                total = (total + section + digit) * last_unit or last_unit
            section = digit = 0
    # 一万二 is 12,000 and 两百五 is 250: a digit behind a unit counts in tenths of it.
    tail = digit * last_unit // 10 if last_unit > 10 else digit
    return total + section + tail
