"""Every sentence that the code may give as a reason has words in every language."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import bots
import campaigns
import console
import crm_store
import pages
import parley
from console import drawing
from crm_store import messages, tables  # noqa: F401  (loads the errors of the store)

LEAN = {f"parley.{name}" for name in ("lean", "server", "worker_process", "compiling")}


def _sentences() -> Iterator[tuple[str, str]]:
    for package in (crm_store, campaigns, console, parley):
        for found in iter_modules(package.__path__, f"{package.__name__}."):
            if found.ispkg or found.name in LEAN:
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


SAYS_WHY = ("Sent", "NotSent", "NoAnswer", "Receipt")
TABLES = {"_WINDOW", "_GONE", "_FAILED", "_TEMPLATE_FAILURES"}


def _texts(node: ast.AST) -> Iterator[str]:
    """The sentences in an expression; "7" stands for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _texts(child)


def _of_channels() -> Iterator[str]:
    """What channels say of messages that did not arrive: reasons, errors that become some, tables."""
    for path in Path(bots.__path__[0]).rglob("*.py"):
        if "simulators" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Sent",
                "NotSent",
                "NoAnswer",
            ):
                yield from _texts(node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
                names = node.targets if isinstance(node, ast.Assign) else [node.target]
                called = {getattr(name, "id", "") for name in names}
                if "reason" in called:
                    yield from _texts(node.value)
                elif called & TABLES and isinstance(node.value, ast.Dict):
                    yield from (text for value in node.value.values for text in _texts(value))


def test_every_reason_of_a_channel_has_words_in_every_language() -> None:
    found = set(_of_channels())
    assert len(found) > 35
    assert [text for text in found if drawing.reason_in("en", text) != text] == []
    assert [text for text in found if drawing.reason_in("zh", text) == text] == []


def test_a_reason_of_a_channel_keeps_what_the_platform_said() -> None:
    assert (
        drawing.reason_in("zh", "only 1 of 3 parts were delivered: Telegram refused it: Bad {0} Request")
        == "3 部分中只送达了 1 部分：Telegram 拒绝了：Bad {0} Request"
    )
