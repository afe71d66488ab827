"""The words of the pages in each language: one folder a language, one TOML file a topic.

A new language is a new folder in `words/`; `base.toml` in it holds the language's own name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DEFAULT = "en"

Words = Mapping[str, Mapping[str, Any]]  # topic, key, text


def _languages() -> dict[str, str]:
    folders = sorted((HERE / "words").iterdir(), key=lambda folder: (folder.name != "zh", folder.name))
    return {f.name: tomllib.loads((f / "base.toml").read_text("utf-8"))["name"] for f in folders}


LANGUAGES: Mapping[str, str] = _languages()  # "zh": "中文"


def choose_language(accepted: str, wanted: str = "") -> str:
    """The language to draw in: `wanted` if we have it, else the best of an Accept-Language header."""
    if wanted in LANGUAGES:
        return wanted
    ranked: list[tuple[float, str]] = []
    for part in accepted[:500].split(","):
        tag, _, quality = part.strip().partition(";q=")
        ranked.append((-_quality(quality), tag.partition("-")[0].lower()))
    known = [code for _, code in sorted(ranked, key=lambda pair: pair[0]) if code in LANGUAGES]
    return known[0] if known else DEFAULT


def _quality(text: str) -> float:
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0


@lru_cache
def words_in(language: str, folder: Path | None = None) -> Words:
    """All words of a language by topic; `folder/words` may add topics of its own."""
    if language not in LANGUAGES:
        raise LookupError(f"expected one of {', '.join(LANGUAGES)}, got {language!r}")
    homes = [home / "words" / language for home in (HERE, folder) if home]
    files = [file for home in homes for file in sorted(home.glob("*.toml"))]
    return {file.stem: tomllib.loads(file.read_text("utf-8")) for file in files}
