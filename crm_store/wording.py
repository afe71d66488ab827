"""One form for texts that differ only in width, case, blanks or the choice of characters."""

from __future__ import annotations

import re
import unicodedata

from crm_store.hanzi import SIMPLIFIED

LONGEST = 600  # characters that are looked at; what comes after adds cost, not meaning
_TRADITIONAL = re.compile(f"[{''.join(map(chr, SIMPLIFIED))}]")
_NOISE = re.compile(r"[\W_]+")
_FOUR_ALIKE = re.compile(r"(.)\1\1\1", re.DOTALL)
_ELONGATED = re.compile(r"(.)\1{3,}", re.DOTALL)


def normalise(text: str) -> str:
    """Half width (NFKC), simplified characters, lower case, single blanks, at most `LONGEST` of them."""
    text = text[:LONGEST]
    if not text.isascii():
        # Looking whether there is anything to do costs a tenth of doing it.
        if not unicodedata.is_normalized("NFKC", text):
            text = unicodedata.normalize("NFKC", text)[:LONGEST]
        if _TRADITIONAL.search(text):
            text = text.translate(SIMPLIFIED)
    text = text.lower()
    if _FOUR_ALIKE.search(text):
        text = _ELONGATED.sub(r"\1\1\1", text)
    return " ".join(text.split())


def key(text: str) -> str:
    """What two texts share that say the same in the same words: letters and digits alone.

    Punctuation, emoji and blanks around CJK do not count; a text of nothing else keeps them.
    """
    return bare(normalise(text))


def bare(normal: str) -> str:
    """As `key`, of a text that is normalised already."""
    return _NOISE.sub(" ", normal).strip() or normal
