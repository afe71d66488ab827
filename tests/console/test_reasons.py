"""Every sentence that the code may give as a reason has words in every language."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest

import campaigns
import crm_store
import pages
import parley
from console import drawing
from crm_store import messages, tables  # noqa: F401  (loads the errors of the store)


def _sentences() -> Iterator[tuple[str, str]]:
    for package in (crm_store, campaigns, parley):
        for found in iter_modules(package.__path__, f"{package.__name__}."):
            if found.ispkg or found.name in ("parley.server", "parley.worker_process", "parley.lean"):
                continue
            for sentence in getattr(import_module(found.name), "REASONS", ()):
                yield found.name, sentence


def test_every_reason_has_words_in_every_language() -> None:
    known = set(drawing.words("en")["reasons"].values())
    found = list(_sentences())
    assert found
    assert [pair for pair in found if pair[1] not in known] == []


@pytest.mark.parametrize("language", list(pages.LANGUAGES))
def test_a_language_translates_every_name(language: str) -> None:
    assert set(drawing.words(language)["reasons"]) == set(drawing.words("en")["reasons"])


@pytest.mark.parametrize("language", list(pages.LANGUAGES))
def test_every_topic_has_the_same_words_in_every_language(language: str) -> None:
    for topic, english in drawing.words("en").items():
        assert set(drawing.words(language)[topic]) == set(english), topic


def test_a_reason_is_told_in_the_readers_language_and_an_unknown_one_as_it_stands() -> None:
    assert drawing.reason_in("zh", "an agent has the floor") == "人工客服正在接待"
    assert drawing.reason_in("zh", "errcode 45015") == "errcode 45015"
