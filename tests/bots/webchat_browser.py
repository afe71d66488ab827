"""A visitor in a real Chromium, and what a test waits for on the chat page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Frame, Locator, Page, expect

from tests.bots.webchat_host import House


class Chat:
    """The chat page in a tab, or in a frame of a shop's page."""

    def __init__(self, page: Page | Frame) -> None:
        self.page = page

    @property
    def lines(self) -> Locator:
        """The bubbles of the conversation, without the greeting."""
        return self.page.locator(".line:not(.greeting) .bubble")

    def wait_online(self) -> None:
        """Wait until the page is connected and has its history."""
        expect(self.page.locator("#state[data-state=online]")).to_be_visible()

    def write(self, text: str) -> None:
        """Write a text and press Enter."""
        self.page.locator("#text").fill(text)
        self.page.locator("#text").press("Enter")

    def expect_lines(self, *texts: str) -> None:
        """Wait until exactly these lines are there, in this order."""
        expect(self.lines).to_have_text(list(texts))


class Visit:
    """A visitor's browser: what it asked of which host, what its scripts complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open_chat(self, house: House, query: str = "") -> Chat:
        """Open the chat page and wait until it is online."""
        self.page.goto(house.chat + query)
        chat = Chat(self.page)
        chat.wait_online()
        return chat


@contextmanager
def visit(browser: Browser, **options: Any) -> Iterator[Visit]:
    """A new visitor; no script of any page may have failed when they leave."""
    context = browser.new_context(**{"locale": "en-GB", "timezone_id": "Asia/Shanghai"} | options)
    visitor = Visit(context.new_page())
    try:
        yield visitor
        assert visitor.errors == []
    finally:
        context.close()


def png(size: tuple[int, int] = (80, 60)) -> bytes:
    """A small picture."""
    data = BytesIO()
    Image.new("RGB", size, "teal").save(data, "PNG")
    return data.getvalue()
