"""Take the pictures in docs/images: the web chat and the simulators' pages, with the demo shop.

Parley and the simulators run on free ports with a database of their own, which is thrown away.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

FOLDER = Path(__file__).parent.parent / "docs" / "images"
PARLEY = Path(sys.executable).parent / "parley"
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1366, "height": 850},
    "phone": {"width": 390, "height": 844},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
START_SECONDS = 120


@dataclass(frozen=True)
class Scene:
    """A page and what is said on it before its pictures are taken."""

    name: str  # of the pictures
    page: str  # "chat", "wechat", "telegram"
    locale: str
    texts: tuple[str, ...]
    first: str = ""  # a button to press before anything can be said


SCENES = (
    Scene("chat", "chat", "en-GB", ("Hello", "Which tea should I try?", "Can I get an invoice?")),
    Scene("chat-zh", "chat", "zh-CN", ("你好", "第一次来，买什么合适？", "能开发票吗？")),
    Scene("wechat", "wechat", "zh-CN", ("你们几点开门？", "能开发票吗？"), "#follow"),
    Scene("telegram", "telegram", "en-GB", ("Which tea should I try?", "Can I get an invoice?"), "#start"),
)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str) -> None:
    """Return when a GET of `url` succeeds; TimeoutError if it does not in time."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code != 503:  # it is there, and it is broken
                raise
            time.sleep(0.2)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise TimeoutError(f"{url} did not answer within {START_SECONDS} seconds")


@contextmanager
def running(environment: dict[str, str], *command: str) -> Iterator[None]:
    """A parley command that runs meanwhile."""
    process = subprocess.Popen([PARLEY, *command], env=os.environ | environment, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def demo_shop() -> Iterator[dict[str, str]]:
    """The demo shop with its simulators; the address of each page by its name."""
    ports = {name: free_port() for name in ("parley", "wechat", "telegram")}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with ExitStack() as started:
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="parley-pictures-"))
        environment = {
            "PARLEY_DATABASE_URL": f"sqlite:///{folder}/parley.db",
            "PARLEY_LOG__LEVEL": "warning",
            "PARLEY_MEDIA__DIR": f"{folder}/media",
            "PARLEY_PUBLIC_URL": at["parley"],
            "PARLEY_CHANNELS__SHOP_WECHAT__API_BASE_URL": at["wechat"],
            "PARLEY_CHANNELS__SHOP_TELEGRAM__API_BASE_URL": at["telegram"],
        }
        for platform in ("wechat", "telegram"):
            port = str(ports[platform])
            started.enter_context(running(environment, "simulate", platform, "--port", port))
            wait_for(f"{at[platform]}/")
        started.enter_context(running(environment, "run", "--port", str(ports["parley"])))
        wait_for(f"{at['parley']}/readyz")
        yield {"chat": f"{at['parley']}/chat/site", "wechat": at["wechat"], "telegram": at["telegram"]}


def settle(page: Page) -> None:
    """Return when nothing new has come into the conversation for a second."""
    before, now = None, ""
    while now != before:
        before = now
        page.wait_for_timeout(1000)
        now = page.get_by_role("log").inner_text()


def talk(page: Page, scene: Scene) -> None:
    """Say the scene's texts, each after the answer to the last."""
    settle(page)
    if scene.first:
        page.locator(scene.first).click()
        settle(page)
    for text in scene.texts:
        page.locator("#text").fill(text)
        page.keyboard.press("Enter")
        settle(page)


def take(page: Page, name: str) -> None:
    """Save what the page shows as a small PNG."""
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.relative_to(FOLDER.parent.parent), f"{path.stat().st_size // 1024} kB", flush=True)


def take_all(browser: Browser, addresses: dict[str, str]) -> None:
    """Every scene in both sizes, light and dark."""
    for scene in SCENES:
        context = browser.new_context(locale=scene.locale, viewport=SIZES["wide"])
        page = context.new_page()
        page.goto(addresses[scene.page])
        talk(page, scene)
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                page.set_viewport_size(viewport)
                page.emulate_media(color_scheme=scheme)
                page.reload()
                settle(page)
                take(page, f"{scene.name}-{size}-{scheme}")
        context.close()


def main() -> int:
    """Take all pictures anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with demo_shop() as addresses, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=os.environ.get("PARLEY_TEST_CHROMIUM") or None)
        take_all(browser, addresses)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
