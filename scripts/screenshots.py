"""Take the pictures in docs/images: the console, the web chat and the simulators, with the demo shop.

Parley and the simulators run on free ports with a database of their own, which is thrown away. Every page
of the console is opened in both languages, sizes and schemes; with a folder as argument all of these
pictures are left there, docs/images keeps two of each page.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Error, Page, ViewportSize, sync_playwright
from sqlmodel import col, select

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from crm_store import documents
from crm_store.db import Database
from crm_store.documents import Piece, Read
from crm_store.history import Message
from parley.now import utc_now

FOLDER = Path(__file__).parent.parent / "docs" / "images"
PARLEY = Path(sys.executable).parent / "parley"
SIZES: dict[str, ViewportSize] = {
    "wide": {"width": 1366, "height": 850},
    "phone": {"width": 390, "height": 844},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TAKEN = {("wide", "light"), ("phone", "light"), ("phone", "dark")}  # of the chats
START_SECONDS = 120
TRACE = """Traceback (most recent call last):
  File "actions/order_state.py", line 31, in order_state
    return shop.look_up(turn.slots["order"])
ConnectionResetError: [Errno 104] Connection reset by peer
"""
DOCUMENTS = (
    Read(
        "购物手册.pdf",
        412_900,
        [
            Piece("购物手册 › 退货", "商品签收后7天内可以无理由退货，运费由买家承担。", 1),
            Piece("购物手册 › 换货", "收到破损的商品，请在24小时内拍照联系我们，免费补发。", 2),
            Piece("购物手册 › 储存", "绿茶密封后冷藏，保存12个月；普洱通风避光，不要放进冰箱。", 3),
        ],
        3,
    ),
    Read("Tea care.docx", 38_400, [Piece("Tea care › Brewing", "Green tea: 80 °C, two minutes.")] * 6),
    Read("价目表.xlsx", 21_700, [Piece("2026", "茶: 龙井; 规格: 50克; 价格: 88元")] * 14),
)


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


@dataclass(frozen=True)
class View:
    """A page of the console: its address, and the links that lead on to the page that is meant.

    `then`: one that stands in a menu, as a pattern for all languages.
    """

    name: str
    path: str
    follow: str = ""
    then: str = ""


# By who looks at it.
VIEWS = {
    "agent": (
        View("inbox", "/console/inbox?tab=all"),
        View("conversation", "/console/inbox?tab=all", "Mina Park"),
        View("waiting", "/console/inbox?tab=waiting", "王小明"),
        View("test-story", "/console/inbox?tab=all", "Mina Park", "Make a test story|生成测试故事"),
        View("search", "/console/inbox?q=龙井"),
        View("customers", "/console/customers"),
        View("customer", "/console/customers?q=王小明", "王小明"),
        View("followups", "/console/followups"),
        View("quick-replies", "/console/quick-replies"),
    ),
    "marketer": (
        View("campaigns", "/console/campaigns"),
        View("campaign", "/console/campaigns", "周六茶会"),
        View("campaign-over", "/console/campaigns", "春茶上市"),
        View("campaign-new", "/console/campaigns/new"),
        View("segments", "/console/segments"),
        View("segment-new", "/console/segments/new"),
        View("faq", "/console/faq"),
        View("faq-new", "/console/faq/new"),
        View("unanswered", "/console/faq/unanswered"),
        View("stories", "/console/stories"),
    ),
    "admin": (
        View("staff", "/console/staff"),
        View("account", "/console/account"),
        View("parked", "/console/parked"),
        View("documents", "/console/documents"),
        View("document", "/console/documents", "手册"),
    ),
}
KEPT = {("zh-CN", "wide", "light"): "wide-light", ("en-GB", "phone", "dark"): "phone-dark"}


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
        park_one(environment["PARLEY_DATABASE_URL"])
        keep_documents(environment["PARLEY_DATABASE_URL"])
        yield at | {"chat": f"{at['parley']}/chat/site"}


def park_one(database_url: str) -> None:
    """Have a turn parked: in the demo none fails."""
    database = Database(database_url)
    with database.writing() as session:
        said = select(Message).where(col(Message.sender) == "customer", col(Message.text) != "")
        message = session.exec(said.order_by(col(Message.seq).desc()).limit(1)).one()
        message.work, message.attempts = "parked", 3
        message.decision = [{"by": "error", "at": message.created_at.isoformat(), "trace": TRACE}]
        session.add(message)
    database.close()


def keep_documents(database_url: str) -> None:
    """Have some documents uploaded: the demo has none."""
    database = Database(database_url)
    for read in DOCUMENTS:
        with database.writing() as session:
            documents.add(session, read, "staff:admin", utc_now())
    database.close()


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


def take(page: Page, path: Path) -> None:
    """Save what the page shows as a small PNG."""
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path, f"{path.stat().st_size // 1024} kB", flush=True)


def take_console(browser: Browser, base: str, rest: Path | None) -> None:
    """Every page of the console in both languages, sizes and schemes."""
    for locale in ("zh-CN", "en-GB"):
        for who, views in VIEWS.items():
            context = browser.new_context(
                locale=locale, timezone_id="Asia/Shanghai", viewport=SIZES["wide"]
            )
            page = context.new_page()
            faults: list[str] = []
            page.on("pageerror", _noting(faults))
            sign_in(page, base, who)
            for view in views:
                page.set_viewport_size(SIZES["wide"])
                open_view(page, base, view)
                take_sizes(page, view, locale, rest)
            context.close()
            if faults:
                raise RuntimeError(f"scripts failed on pages: {faults}")


def _noting(faults: list[str]) -> Callable[[Error], None]:
    return lambda error: faults.append(str(error))


def sign_in(page: Page, base: str, who: str) -> None:
    """As one of the demo's people."""
    page.goto(f"{base}/console/sign-in")
    page.locator("#name").fill(who)
    page.locator("#password").fill("parley-demo")
    page.keyboard.press("Enter")
    page.locator("nav.rail").wait_for()


def open_view(page: Page, base: str, view: View) -> None:
    """Go to a page, and on by the link that it names."""
    answer = page.goto(f"{base}{view.path}")
    if view.follow:
        with page.expect_navigation() as led:
            page.locator("main a", has_text=view.follow).first.click()
        answer = led.value
    if view.then:
        link = page.locator("main a").filter(has_text=re.compile(view.then)).first
        answer = page.goto(f"{base}{link.get_attribute('href')}")
    if answer is None or answer.status != 200:
        raise RuntimeError(f"{page.url}: {answer.status if answer else 'no answer'}")


def take_sizes(page: Page, view: View, locale: str, rest: Path | None) -> None:
    """The page in both sizes and schemes."""
    for size, viewport in SIZES.items():
        for scheme in SCHEMES:
            kept = KEPT.get((locale, size, scheme))
            if not (rest or kept):
                continue
            page.set_viewport_size(viewport)
            page.emulate_media(color_scheme=scheme)
            page.reload()
            page.wait_for_timeout(400)  # until what is drawn by scripts stands still
            if rest:
                take(page, rest / f"{view.name}-{locale}-{size}-{scheme}.png")
            if kept:
                take(page, FOLDER / f"{view.name}-{kept}.png")


def take_all(browser: Browser, addresses: dict[str, str]) -> None:
    """Every scene in both sizes, light and dark."""
    for scene in SCENES:
        context = browser.new_context(locale=scene.locale, viewport=SIZES["wide"])
        page = context.new_page()
        page.goto(addresses[scene.page])
        talk(page, scene)
        for size, viewport in SIZES.items():
            for scheme in SCHEMES:
                if (size, scheme) not in TAKEN:
                    continue
                page.set_viewport_size(viewport)
                page.emulate_media(color_scheme=scheme)
                page.reload()
                settle(page)
                take(page, FOLDER / f"{scene.name}-{size}-{scheme}.png")
        context.close()


def main(arguments: list[str]) -> int:
    """Take all pictures anew; those that are taken no more are removed."""
    rest = Path(arguments[0]) if arguments else None
    for folder in filter(None, (FOLDER, rest)):
        folder.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with demo_shop() as addresses, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=os.environ.get("PARLEY_TEST_CHROMIUM") or None)
        take_console(browser, addresses["parley"], rest)
        take_all(browser, addresses)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
