"""From a template in `console/ui/` to HTML: with the console's words, files, times and reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pages
from console.host import Host

UI = Path(__file__).parent / "ui"
static = pages.Assets(UI / "static", "/console/static")


def draw(host: Host, template: str, language: str, **values: Any) -> str:
    """The HTML of a template.

    It finds `ui(name)` (the address of a file in `console/ui/static`), `local(time)` (the time in the
    company's zone), `reason(sentence)` (its translation), and what `pages.render` gives to all.
    """

    def local(at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(host.timezone))

    def reason(sentence: str | None) -> str:
        return reason_in(language, sentence or "")

    return pages.render(
        template, language, folder=UI, ui=static.path, local=local, reason=reason, host=host, **values
    )


def words(language: str) -> Mapping[str, Mapping[str, Any]]:
    """All words of a language by topic."""
    return pages.words_in(language, UI)


def word(language: str, key: str, values: Mapping[str, Any] | None = None) -> str:
    """One text by `topic.key`, filled in; empty if there is none of that name."""
    topic, _, name = key.partition(".")
    text = str(words(language).get(topic, {}).get(name, ""))
    try:
        return text.format(**values) if values else text
    except (KeyError, IndexError):
        return text


def reason_in(language: str, sentence: str) -> str:
    """A reason (`messages.reason`, an error's text) in words of this language; else as it stands.

    `reasons.toml` of English holds the sentence under a name, that of a language its translation. Those of
    channels are in `channel_reasons.toml`; what a platform said, which stands in braces there, stays.
    """
    if name := _names_of_reasons().get(sentence):
        return str(words(language)["reasons"].get(name, sentence))
    for shape, name in _shapes_of_channel_reasons():
        if found := shape.fullmatch(sentence):
            parts = {part: reason_in(language, said) for part, said in found.groupdict().items()}
            return str(words(language)["channel_reasons"][name]).format(**parts)
    return sentence


@lru_cache
def _shapes_of_channel_reasons() -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(str(sentence))), re.DOTALL), name)
        for name, sentence in words("en")["channel_reasons"].items()
    ]


@lru_cache
def _names_of_reasons() -> dict[str, str]:
    return {str(sentence): name for name, sentence in words("en")["reasons"].items()}
