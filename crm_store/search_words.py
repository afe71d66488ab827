"""From text to the words that are searched for. No dictionary: Chinese, Korean and English go the same way.

A run of CJK gives its pairs of characters and its last one, so that any part of it is found: one character
as the beginning of a pair, more as pairs in a row. Other words are found by their beginning.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_READ = 4000  # characters of one text
LONGEST_ASKED = 100
_MOST_TERMS = 8
_LONGEST_WORD = 60

_CJK = "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
_CJK += "\U00020000-\U0003134f"
_RUN = re.compile(f"[{_CJK}]+|[^\\W_{_CJK}]+")
_IS_CJK = re.compile(f"[{_CJK}]")


@dataclass(frozen=True, slots=True)
class Term:
    """Words in a row; `open`: the last one need only begin so."""

    words: tuple[str, ...]
    open: bool = False


def normal(text: str) -> str:
    """The text as it is compared: width, case and composition make no difference."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(*texts: str) -> str:
    """The words of texts, in their order, separated by spaces."""
    found: list[str] = []
    for text in texts:
        for run in _RUN.findall(normal(text[:LONGEST_READ])):
            found += _parts(run) if _IS_CJK.match(run) else [run[:_LONGEST_WORD]]
    return " ".join(found)


def terms_of(asked: str) -> Sequence[Term]:
    """What has to be in a text that is looked for; empty if nothing was asked."""
    runs = _RUN.findall(normal(asked[:LONGEST_ASKED]))
    return [_term(run) for run in runs[:_MOST_TERMS]]


def _parts(run: str) -> list[str]:
    return [*(run[i : i + 2] for i in range(len(run) - 1)), run[-1]]


def _term(run: str) -> Term:
    if not _IS_CJK.match(run):
        # A lone letter begins too much.
        return Term((run[:_LONGEST_WORD],), open=len(run) > 1)
    if len(run) == 1:
        return Term((run,), open=True)
    return Term(tuple(_parts(run)[:-1]))
