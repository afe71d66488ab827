"""A console with its staff: asked without a server by `as_`, or served to a real browser by `serve`."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from starlette.routing import Mount

from bots.base import LiveEvent
from console.app import create_console
from console.host import Host
from crm_store import channels, conversations, staff
from crm_store.db import Database
from crm_store.media import MediaFolder
from crm_store.messages import Address, Content, Incoming, Policy, Window
from crm_store.passwords import hash_password
from crm_store.recording import Recorded, record
from pages import shared_routes
from parley.live import Feed, Hub
from tests.bots.webchat_host import Port

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
XIAOLIN = Address("shop", "8f14e45f")
CSRF = re.compile(r'name="csrf" value="([0-9a-f]{64})"')


@lru_cache(maxsize=1)
def hashed() -> str:
    """The hash of PASSWORD, made once: it is slow on purpose."""
    return hash_password(PASSWORD)


class Person:
    """Somebody who is signed in, by HTTP without a browser."""

    def __init__(self, office: Office, client: httpx.AsyncClient) -> None:
        self._office = office
        self.client = client
        self._csrf: tuple[str, str] = "", ""  # of which session

    def get(self, path: str, **rest: Any) -> httpx.Response:
        """Open a page; redirects are followed."""
        answer: httpx.Response = self._office.run(self.client.get(path, **rest))
        return answer

    def post(self, path: str, *, csrf: str | None = None, **fields: Any) -> httpx.Response:
        """Send a form of the session, as its page would; redirects are followed."""
        token = self.csrf if csrf is None else csrf
        files = fields.pop("files", None)
        headers = {"origin": "http://console.test", **fields.pop("headers", {})}
        data = {"csrf": token, **fields}
        answer: httpx.Response = self._office.run(
            self.client.post(path, data=data, files=files, headers=headers)
        )
        return answer

    @property
    def csrf(self) -> str:
        """What the forms of the session carry: the same in all of them."""
        session = self.client.cookies.get("parley_session") or ""
        if not session or self._csrf[0] != session:
            found = CSRF.search(self.get("/console/account").text)
            assert found, "nobody is signed in"
            self._csrf = session, found[1]
        return self._csrf[1]


class _Feed:
    """A feed whose hub lives on the event loop of whoever serves."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.loop: asyncio.AbstractEventLoop | None = None

    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[frozenset[UUID]]]:
        return Feed(self.hub).follow()

    def typing(self, address: Address) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        return Feed(self.hub).typing(address)

    def changed(self, conversation_id: UUID) -> None:
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self.hub.changed, [conversation_id])


class Office:
    """Use as a context manager. Staff: ada (admin), aki (agent), sue (supervisor), mia (marketer)."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.time = NOON
        self.queued: list[str] = []
        self.floors: list[tuple[Address, str]] = []
        self.policies: dict[str, Policy] = {"shop": Policy(draws=frozenset({"text", "image"}))}
        self.feed = _Feed()
        self.host = Host(
            database=database,
            now=lambda: self.time,
            queued=self.queued.append,
            floor_changed=lambda *given: self.floors.append(given),
            changed=self.feed.changed,
            feed=self.feed,
            policies=self.policies,
            public_url="http://console.test",
            media=MediaFolder(Path(tempfile.mkdtemp(prefix="parley-media-")), 1024 * 1024),
        )
        self.console = create_console(self.host)
        self._runner = asyncio.Runner()
        with database.writing() as session:
            channels.write_channel(session, "shop", "shop", self.policies["shop"], NOON)
            for name, role, called in (
                ("ada", "admin", "Ada"),
                ("aki", "agent", "Aki 秋"),
                ("bo", "agent", "Bo"),
                ("sue", "supervisor", "Sue"),
                ("mia", "marketer", "Mia"),
            ):
                staff.add_staff(session, name, role, hashed(), NOON, display_name=called)

    def __enter__(self) -> Office:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, work: Any) -> Any:
        """Do something on the office's event loop."""
        return self._runner.run(_awaited(work))

    def visitor(self, **headers: str) -> Person:
        """Somebody who is not signed in."""
        transport = httpx.ASGITransport(self.console, raise_app_exceptions=False)
        client = httpx.AsyncClient(
            transport=transport,
            base_url="http://console.test",
            follow_redirects=True,
            headers={"accept-language": "en", **headers},
        )
        return Person(self, client)

    def as_(self, name: str, password: str = PASSWORD) -> Person:
        """Somebody who has signed in."""
        person = self.visitor()
        answer = person.post("/console/sign-in", csrf="", name=name, password=password)
        assert answer.status_code == 200, answer.text
        return person

    def say(
        self,
        *texts: str,
        address: Address = XIAOLIN,
        name: str = "小林",
        floor: str = "",
        opens: Window | None = None,
    ) -> Recorded:
        """A customer writes; returns the last message recorded. `floor`: who has it from then on."""
        batch = [
            Incoming(address, key=f"{self.time.isoformat()} {n}", content=Content(text=text),
                     profile={"display_name": name}, opens=opens)
            for n, text in enumerate(texts)
        ]  # fmt: skip
        with self.database.writing() as session:
            found = record(session, batch, "worker", self.time)[-1]
            assert found is not None
            if floor:
                conversation = conversations.get_conversation(session, found.conversation_id)
                conversation.floor = floor
                session.add(conversation)
        self.time += timedelta(minutes=1)
        self.feed.changed(found.conversation_id)
        return found

    def typing(self, address: Address = XIAOLIN) -> None:
        """A customer is seen typing."""
        event = LiveEvent("typing", data={"sender": "customer"})
        assert self.feed.loop is not None
        self.feed.loop.call_soon_threadsafe(self.feed.hub.publish, address, event)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve it on a local port; yields the address."""
        port = Port([*shared_routes(), Mount("/", self.console)])
        port.open()
        port.run(self._follow_loop())
        try:
            yield port.url
        finally:
            port.run(self._end())
            port.close()

    async def _follow_loop(self) -> None:
        self.feed.loop = asyncio.get_running_loop()

    async def _end(self) -> None:
        self.feed.hub.close()
        self.feed.loop = None


class Desk:
    """A browser in which somebody is signed in: what it asked of which host, what its scripts said."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.asked: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, name: str) -> None:
        """Sign in by the form."""
        self.page.goto(f"{self.url}/console")
        self.page.get_by_role("textbox", name=re.compile("Name|用户名")).fill(name)
        self.page.locator("#password").fill(PASSWORD)
        self.page.locator("button[type=submit]").click()
        self.page.locator(".rail").wait_for()

    def go(self, path: str) -> Page:
        """Open a page of the console."""
        self.page.goto(f"{self.url}{path}")
        return self.page

    def check(self) -> None:
        """Nothing of the page is clipped, hard to use or from elsewhere, and no script has failed."""
        found = Axe().run(self.page).response["violations"]
        assert [
            (v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")
        ] == []
        # Not beside innerWidth, which on a phone grows with what does not fit.
        window = self.page.viewport_size
        assert window
        width = self.page.evaluate("document.documentElement.scrollWidth") - window["width"]
        assert width <= 0, f"{width} px wider than the window"
        # What scrolls is `main`; the document itself would scroll into nothing.
        height = self.page.evaluate("document.documentElement.scrollHeight") - window["height"]
        assert height <= 0, f"{height} px higher than the window"
        assert [url for url in self.asked if not url.startswith((self.url, "data:", "blob:"))] == []
        assert self.errors == []


@contextmanager
def desk(browser: Browser, url: str, name: str, **options: Any) -> Iterator[Desk]:
    """A browser of somebody who has signed in; `options` are those of `new_context`."""
    given = {"locale": "en-GB", "timezone_id": "Asia/Shanghai", "viewport": {"width": 1366, "height": 768}}
    context = browser.new_context(**given | options)
    opened = Desk(context.new_page(), url)
    try:
        opened.sign_in(name)
        yield opened
        assert opened.errors == []
    finally:
        context.close()


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def _awaited(work: Any) -> Any:
    return await work
