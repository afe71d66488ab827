"""From the console into the chat: an entry that is made is answered soon after, by every process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.parley.serving import Server

SHOP = Path(__file__).parents[1] / "nlu" / "shop"
PASSWORD = "correct horse battery"


@pytest.fixture
def servers(database_url: str, tmp_path: Path) -> Iterator[list[Server]]:
    """One process on SQLite, two on PostgreSQL."""
    with ExitStack() as opened:
        folders = (
            [tmp_path / "one"]
            if database_url.startswith("sqlite")
            else [tmp_path / "one", tmp_path / "two"]
        )
        for folder in folders:
            folder.mkdir()
        yield [opened.enter_context(Server(folder, database_url, bot=SHOP)) for folder in folders]


def sign_in(page: Page, server: Server) -> None:
    added = server.run(
        "user", "add", "mia", "--role", "marketer", "--password-stdin", typed=f"{PASSWORD}\n"
    )
    assert added.returncode == 0, added.stderr
    page.goto(f"{server.url}/console")
    page.get_by_role("textbox", name=re.compile("Name|用户名")).fill("mia")
    page.locator("#password").fill(PASSWORD)
    page.locator("button[type=submit]").click()
    page.locator(".rail").wait_for()


def asks(browser: Browser, server: Server, question: str, answer: str) -> None:
    """A stranger asks in the web chat, and is told."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/chat/site")
    page.get_by_role("textbox").fill(question)
    page.keyboard.press("Enter")
    expect(page.get_by_text(answer)).to_be_visible()
    context.close()


@pytest.mark.timeout(240)
def test_an_entry_made_in_the_console_is_answered_in_the_chat_in_both_languages(
    servers: list[Server], browser: Browser
) -> None:
    page = browser.new_page(locale="en-GB")
    sign_in(page, servers[0])
    page.goto(f"{servers[0].url}/console/faq/new")
    page.get_by_label("What customers ask").fill(
        "有礼品卡吗\n礼品卡怎么买\ndo you sell gift cards\ngift card please"
    )
    page.get_by_label("Answer in Chinese").fill("有的，一百元起。")
    page.get_by_role("tab", name="English").click()
    page.get_by_label("Answer in English").fill("Yes, from 100 yuan.")
    page.get_by_label("A customer's question").fill("礼品卡在哪里买")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_text("probably this answer")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.locator(".learning.live").wait_for(timeout=90_000)
    for server in servers:
        asks(browser, server, "请问礼品卡怎么买？", "有的，一百元起。")
        asks(browser, server, "Do you sell gift cards?", "Yes, from 100 yuan.")
    page.get_by_role("tab", name="English").click()
    page.get_by_label("Answer in English").fill("Sold out, sorry.")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The answer is given from now on")).to_be_visible()
    for server in servers:
        asks(browser, server, "do you sell gift cards", "Sold out, sorry.")
    servers[0].kill()
    servers[0].start()
    asks(browser, servers[0], "do you sell gift cards", "Sold out, sorry.")
