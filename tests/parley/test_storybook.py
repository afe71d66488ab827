"""The bot's stories as the console is told them: woven once for each bot that serves."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.base import load_actions
from nlu.project import read_project
from parley import storybook
from parley.bot import Bot
from parley.storybook import Storybook
from parley.training import WORDS
from tests.parley.tiny import tiny_bot

SHOP = Path(__file__).parents[2] / "config" / "bot"


@pytest.fixture
def bot() -> Bot:
    project = read_project(SHOP)
    project.nlu = project.nlu.names_only()  # as in a bot that serves
    return replace(tiny_bot(), project=project, actions=load_actions(), house=read_project(WORDS))


@pytest.fixture
def woven(monkeypatch: pytest.MonkeyPatch) -> list[Bot]:
    """The bots that were woven, in order."""
    seen: list[Bot] = []
    weave = storybook.book_of

    def note(bot: Bot) -> dict[str, Any]:
        seen.append(bot)
        return weave(bot)

    monkeypatch.setattr(storybook, "book_of", note)
    return seen


def test_the_demo_shops_book_names_words_and_counts_and_finds_nothing_wrong(bot: Bot) -> None:
    book = Storybook(lambda: bot)()
    assert book["findings"] == []
    assert book["about"]["greet"]["examples"] > 50
    assert len(book["about"]["greet"]["some"]) == 3
    assert book["about"]["faq"]["entries"] > 50
    assert {way["language"] for way in book["about"]["utter_greet"]["texts"]} == {"zh", "en", ""}
    assert book["about"]["contact_form"] == {"slots": ["phone", "name"]}
    assert "texts" in book["about"]["utter_my_data"]  # words of the house


def test_an_action_that_nobody_wrote_is_found(bot: Bot) -> None:
    without = {name: action for name, action in bot.actions.items() if name != "action_order_status"}
    found = Storybook(lambda: replace(bot, actions=without))()["findings"]
    assert ("undone", "action_order_status") in [(one["kind"], one["about"]) for one in found]


def test_it_is_woven_once_for_each_bot_however_many_ask(bot: Bot, woven: list[Bot]) -> None:
    serving = [bot]
    book = Storybook(lambda: serving[0])
    threads = [threading.Thread(target=book) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(woven) == 1
    serving[0] = replace(bot, project=replace(bot.project, rules=bot.project.rules[:3]))
    kinds = [one["kind"] for one in book()["stories"]]
    assert (len(woven), kinds.count("rule")) == (2, 3)
