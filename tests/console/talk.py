"""An open conversation in a browser, followed live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, expect

from tests.console.office import Desk


def wait_live(page: Page) -> None:
    """Wait until the page hears of what happens."""
    expect(page.locator("html[data-live=yes]")).to_be_attached()


def open_talk(aki: Desk, talk: object) -> Page:
    """Open a conversation and wait until it is live."""
    page = aki.go(f"/console/conversations/{talk}")
    wait_live(page)
    return page


@contextmanager
def leads_on(page: Page) -> Iterator[None]:
    """What is done in the block leads to another page, which is live when it ends."""
    with page.expect_navigation():
        yield
    wait_live(page)
