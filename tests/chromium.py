"""One headless Chromium for all tests; each has it to itself while it runs, in contexts of its own."""

from __future__ import annotations

import os
import shutil
from asyncio import AbstractEventLoop, events

from playwright.sync_api import Browser, Error, Playwright, expect, sync_playwright

EXECUTABLE = os.environ.get("PARLEY_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PATIENCE = 30_000  # milliseconds that a busy machine may take; only a failing test ever waits so long
expect.set_options(timeout=PATIENCE)


class Chromium:
    """Started by the first test that wants it, and anew if a test has broken it."""

    def __init__(self) -> None:
        self._driver: Playwright | None = None
        self._browser: Browser | None = None
        self._loop: AbstractEventLoop | None = None

    def lend(self) -> Browser:
        """The browser, for one test."""
        events._set_running_loop(self._loop)
        if self._browser is None or not self._browser.is_connected():
            self.stop()
            self._driver = sync_playwright().start()
            self._browser = self._driver.chromium.launch(executable_path=EXECUTABLE)
            self._loop = events.get_running_loop()
        return self._browser

    def take_back(self) -> None:
        """Close what the test has left open."""
        assert self._browser is not None
        try:
            for context in self._browser.contexts:
                context.close()
        except Error:
            self.stop()
        # Playwright's loop sleeps until the next test with a browser; others start loops of their own.
        events._set_running_loop(None)

    def stop(self) -> None:
        """End it."""
        events._set_running_loop(self._loop)
        if self._driver is not None:
            self._driver.stop()
        self._driver = self._browser = self._loop = None
        events._set_running_loop(None)
