"""How names that are known are found in a text: whole, in parts, and without cutting other words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from crm_store.wording import normalise
from nlu.spans import fold

_SHORTEST_NAME = 2
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAN_NAME = re.compile("[\u4e00-\u9fff]{3}")
_KOREAN_NAME = re.compile("[\uac00-\ud7af]{3}")


def pattern_of(names: Iterable[Any]) -> re.Pattern[str] | None:
    """What finds any of these, and their parts, in a folded text; None if there is nothing to find."""
    known = {part for name in names if isinstance(name, str) for part in _parts(name)}
    if not known:
        return None
    return re.compile("|".join(_as_pattern(name) for name in sorted(known, key=len, reverse=True)))


def _parts(name: str) -> Iterator[str]:
    """A name and its parts; a Chinese or Korean one of three characters without its first, too."""
    whole = fold(" ".join(name.split()))
    for one in {whole, normalise(name), *whole.split()}:
        if len(one) >= _SHORTEST_NAME and any(c.isalnum() for c in one):
            yield one
        if _HAN_NAME.fullmatch(one) or _KOREAN_NAME.fullmatch(one):
            yield one[1:]


def _as_pattern(name: str) -> str:
    said = r"\s+".join(map(re.escape, name.split()))
    if _CJK.search(name):
        return said
    # "Al" is not in "also": words of an alphabet have borders.
    return rf"(?<![a-z\u00c0-\u024f]){said}(?![a-z\u00c0-\u024f])"
