"""Put a phone number on the record."""

from __future__ import annotations

import re
from collections.abc import Iterable

from actions.base import Turn, action
from actions.heard import find_heard, learn
from crm_store.masking import mask_phone
from crm_store.messages import Content

# E.164: a country code and at most fifteen digits in all; shorter than eight is no subscriber anywhere.
_INTERNATIONAL = re.compile(r"\+[1-9]\d{7,14}\Z")
_CHINESE_MOBILE = re.compile(r"1[3-9]\d{9}\Z")
_CHINESE_LANDLINE = re.compile(r"0(?:10|2\d|[3-9]\d{2})[1-9]\d{6,7}\Z")
_TYPED_WIDE = str.maketrans("０１２３４５６７８９＋", "0123456789+")


def normalise_phone(written: str) -> str | None:
    """A number as +country and digits; None if nobody could call it.

    Without a country code it is taken for a Chinese mobile or landline: `138 0013 8000` → `+8613800138000`.
    """
    digits = re.sub(r"[^\d+]", "", written.translate(_TYPED_WIDE).replace("(0)", ""), flags=re.ASCII)
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if digits.startswith("86") and _CHINESE_MOBILE.match(digits[2:]):
        digits = "+" + digits
    if _CHINESE_MOBILE.match(digits):
        return f"+86{digits}"
    if _CHINESE_LANDLINE.match(digits):
        return f"+86{digits[1:]}"
    if digits.startswith("+86"):
        return digits if _is_chinese(digits[3:]) else None
    return digits if _INTERNATIONAL.match(digits) else None


@action("action_leave_phone")
def leave_phone(turn: Turn) -> Iterable[Content]:
    """Keep the number and say it back, partly hidden; ask again if it cannot be called."""
    number = normalise_phone(find_heard(turn, "phone") or turn.text)
    if number is None:
        turn.set_slot("phone", None)
        return turn.say("utter_phone_unusable")
    learn(turn, "phone", number, shown=mask_phone(number))
    turn.set_slot("phone", number)
    return turn.say("utter_phone_saved", masked=mask_phone(number))


def _is_chinese(national: str) -> bool:
    return bool(_CHINESE_MOBILE.match(national) or _CHINESE_LANDLINE.match(f"0{national}"))
