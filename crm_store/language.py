"""Which language a text is in, guessed from its script: cheap, and good enough to pick a response."""

from __future__ import annotations

import re

_KANA = re.compile("[\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3\uffa1-\uffdc]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_LATIN = re.compile("[A-Za-z\uff21-\uff3a\uff41-\uff5a]")
# An order number, an address on the web, an "ok" are the same in every language.
_NO_WORDS = re.compile(r"https?://\S+|\S+@\S+|[a-z]*\d[a-z\d]*|\A\W*ok(?:ay)?\W*\Z", re.IGNORECASE)
_WEIGHT = 3  # a Han character or Hangul syllable says as much as about three letters


def guess_language(text: str) -> str:
    """ "zh", "en", "ko", "ja", "other" (letters of another script), or "" without any words."""
    text = _NO_WORDS.sub(" ", text[:400])
    if text.isascii():
        return "en" if _LATIN.search(text) else ""
    latin = len(_LATIN.findall(text))
    han, hangul, kana = (len(found.findall(text)) for found in (_HAN, _HANGUL, _KANA))
    others = sum(character.isalpha() for character in text) - latin - han - hangul - kana
    counts = {
        "ja": (han + kana) * _WEIGHT if kana and kana * 5 >= han else 0,
        "ko": hangul * _WEIGHT,
        "zh": han * _WEIGHT,
        "en": latin,
        "other": max(others, 0),
    }
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else ""
