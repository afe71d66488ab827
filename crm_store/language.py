"""Which language a text is in, guessed from its script: cheap, and good enough to pick a response."""

from __future__ import annotations

import re

_KANA_LETTERS = "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_HANGUL_LETTERS = "\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3\uffa1-\uffdc"
_HAN_LETTERS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_LATIN_LETTERS = "A-Za-z\uff21-\uff3a\uff41-\uff5a"
# Runs of letters, not letters: a text has few of them.
_KANA = re.compile(f"[{_KANA_LETTERS}]+")
_HANGUL = re.compile(f"[{_HANGUL_LETTERS}]+")
_HAN = re.compile(f"[{_HAN_LETTERS}]+")
_LATIN = re.compile(f"[{_LATIN_LETTERS}]+")
_OTHER = re.compile(f"[^\\W\\d_{_KANA_LETTERS}{_HANGUL_LETTERS}{_HAN_LETTERS}{_LATIN_LETTERS}]+")
# Most texts are in one script: one look tells.
_NOT_HAN = re.compile(f"[^\\W\\d_{_HAN_LETTERS}]")
_NOT_HANGUL = re.compile(f"[^\\W\\d_{_HANGUL_LETTERS}]")
# An order number, an address on the web, an "ok" are the same in every language.
_NO_WORDS = re.compile(r"https?://\S+|\S+@\S+|[a-z]*\d[a-z\d]*|\A\W*ok(?:ay)?\W*\Z", re.IGNORECASE)
_MAYBE_NO_WORDS = re.compile(r"\d|@|://|\A\W*[oO]")
_WEIGHT = 3  # a Han character or Hangul syllable says as much as about three letters


def guess_language(text: str) -> str:
    """ "zh", "en", "ko", "ja", "other" (letters of another script), or "" without any words."""
    text = text[:400]
    if _MAYBE_NO_WORDS.search(text):
        text = _NO_WORDS.sub(" ", text)
    if text.isascii():
        return "en" if _LATIN.search(text) else ""
    if not _NOT_HAN.search(text):
        return "zh" if _HAN.search(text) else ""
    if not _NOT_HANGUL.search(text):
        return "ko"
    han, kana = _count(_HAN, text), _count(_KANA, text)
    counts = {
        "ja": (han + kana) * _WEIGHT if kana and kana * 5 >= han else 0,
        "ko": _count(_HANGUL, text) * _WEIGHT,
        "zh": han * _WEIGHT,
        "en": _count(_LATIN, text),
        "other": sum(character.isalpha() for run in _OTHER.findall(text) for character in run),
    }
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else ""


def _count(letters: re.Pattern[str], text: str) -> int:
    return len("".join(letters.findall(text)))
