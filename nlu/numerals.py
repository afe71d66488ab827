"""Numbers as people write them: 1,200.5, 三十五, 两百, 一万二, 3.5万."""

from __future__ import annotations

DIGITS = {"零": 0, "〇": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5} | {
    "六": 6, "七": 7, "八": 8, "九": 9,
}  # fmt: skip
UNITS = {"十": 10, "百": 100, "千": 1000}
GREAT = {"万": 10_000, "萬": 10_000, "亿": 100_000_000}
CHARACTERS = "".join([*DIGITS, *UNITS, *GREAT])
GREAT["만"] = 10_000  # Korean: only behind digits, alone it is a particle


def read_number(text: str) -> float | int | None:
    """The number a text of digits or Chinese numerals says; None if it says none."""
    text = text.replace(",", "").strip()
    factor = 1
    while text and text[-1] in GREAT and not set(text[:-1]) & set(CHARACTERS):
        factor *= GREAT[text[-1]]
        text = text[:-1]
    try:
        number = float(text) * factor if "." in text else int(text) * factor
    except ValueError:
        return _read_numerals(text) if text and factor == 1 else None
    return int(number) if number == int(number) else number


def _read_numerals(text: str) -> int | None:
    if any(character not in CHARACTERS for character in text):
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
