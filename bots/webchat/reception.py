"""Who comes in by the web chat, and what they say: visitors' tokens, limits, buttons really offered."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

import pages
from bots.base import Host, Line
from bots.webchat.frames import LONGEST_TEXT, Declined, Message, Picture, Press
from bots.webchat.rate import Rate
from bots.webchat.seal import Seal
from crm_store.messages import Address, Button, Content, Incoming, Media

TOKEN_LASTS = timedelta(days=365)
TOKEN_RENEWS = timedelta(days=1)
CLOCK_SKEW = timedelta(minutes=5)
PAGE_OF_LINES = 50

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody whose token holds, or who has just been given one."""

    address: Address
    token: str  # to keep from now on: a new one if the old one was a day old
    language: str = ""
    new: bool = False


class Reception:
    """Lets visitors in and takes what they say to the host; the same for socket and long poll."""

    def __init__(
        self, channel: str, host: Host, make_seal: Callable[[], Awaitable[Seal]], *, new_visitors: int
    ) -> None:
        self.channel = channel
        self.host = host
        self._make_seal = make_seal
        self._seal: Seal | None = None
        self._newcomers = Rate(new_visitors, timedelta(minutes=1))
        self._sayings = Rate(20, timedelta(seconds=10))
        self._askings = Rate(20, timedelta(seconds=10))

    async def admit(self, token: str, client: str, language: str = "") -> Visitor:
        """The visitor of a token, or a new one; `Declined` if `client` (an IP) makes too many of them."""
        visitor = await self.recognise(token, language)
        language = _known(language)
        if visitor:
            return visitor
        now = self.host.now()
        wait = self._newcomers.wait(client, now)
        if wait:
            log.info("visitor.refused", channel=self.channel, why="rate")
            raise Declined("rate", retry_after=wait)
        name = secrets.token_hex(16)
        return Visitor(self._address(name), await self._issue(name, now), language, new=True)

    async def recognise(self, token: str, language: str = "") -> Visitor | None:
        """The visitor whom a token names; None unless its signature and its age hold."""
        value = (await self.seal()).open("visitor", token) if token else None
        if value is None:
            return None
        now = self.host.now()
        age = now - datetime.fromtimestamp(value["at"], tz=now.tzinfo)
        if not -CLOCK_SKEW <= age <= TOKEN_LASTS:
            return None
        name = str(value["visitor"])
        renewed = await self._issue(name, now) if age >= TOKEN_RENEWS else token
        return Visitor(self._address(name), renewed, _known(language))

    async def seal(self) -> Seal:
        """This channel's seal; its key is asked for once."""
        if self._seal is None:
            self._seal = await self._make_seal()
        return self._seal

    async def take(self, visitor: Visitor, frame: Message | Press | Picture) -> None:
        """Have a frame recorded: it is on disk when this returns. `Declined` if it is not taken."""
        self.check_rate(visitor, frame.id)
        content, payload = await self._content_of(visitor, frame)
        profile = {"language": visitor.language} if visitor.language else {}
        incoming = Incoming(
            visitor.address, frame.id, content, payload, sent_at=self.host.now(), profile=profile
        )
        await self.host.record([incoming])

    def check_rate(self, visitor: Visitor, key: str = "") -> None:
        """Count one saying of a visitor; `Declined` when they are too fast."""
        wait = self._sayings.wait(visitor.address.external_id, self.host.now())
        if wait:
            raise Declined("rate", key, wait)

    def check_asking(self, visitor: Visitor) -> None:
        """Count one question for missed lines; `Declined` when they come too fast."""
        wait = self._askings.wait(visitor.address.external_id, self.host.now())
        if wait:
            raise Declined("rate", retry_after=wait)

    async def picture_ticket(self, visitor: Visitor, media: Media) -> str:
        """What the visitor shows to send an uploaded picture; worth nothing to anybody else."""
        value = {"for": visitor.address.external_id, "url": media.url, "type": media.content_type}
        return (await self.seal()).close("picture", value | {"size": media.size})

    async def lines(self, visitor: Visitor, after: int) -> list[Line]:
        """All lines behind `after` in order; the newest page of them for a visitor who has none yet."""
        lines = await self.host.history(visitor.address, after, PAGE_OF_LINES)
        page = lines
        while after and len(page) == PAGE_OF_LINES:
            page = await self.host.history(visitor.address, page[-1].seq, PAGE_OF_LINES)
            lines = lines + page
        return lines

    async def _content_of(self, visitor: Visitor, frame: Message | Press | Picture) -> tuple[Content, str]:
        if isinstance(frame, Press):
            button = await self._find_offered(visitor, frame.payload)
            if button:
                return Content(text=button.title), button.payload
            return _said(frame.title or frame.payload, frame.id), ""
        if isinstance(frame, Picture):
            return Content("image", media=await self._uploaded(visitor, frame)), ""
        return _said(frame.text, frame.id), ""

    async def _find_offered(self, visitor: Visitor, payload: str) -> Button | None:
        lines = await self.host.history(visitor.address, 0, PAGE_OF_LINES)
        offered = (
            button for line in reversed(lines) if line.direction == "out" for button in line.content.buttons
        )
        return next((button for button in offered if button.payload == payload), None)

    async def _uploaded(self, visitor: Visitor, frame: Picture) -> Media:
        value = (await self.seal()).open("picture", frame.ticket)
        if value is None or value["for"] != visitor.address.external_id:
            raise Declined("image", frame.id)
        return Media(value["url"], content_type=value["type"], size=value["size"])

    async def _issue(self, name: str, now: datetime) -> str:
        return (await self.seal()).close("visitor", {"visitor": name, "at": int(now.timestamp())})

    def _address(self, name: str) -> Address:
        return Address(self.channel, name)


def _known(language: str) -> str:
    return language if language in pages.LANGUAGES else ""


def _said(text: str, key: str) -> Content:
    if not text.strip():
        raise Declined("empty", key)
    if len(text) > LONGEST_TEXT:
        raise Declined("too_long", key)
    return Content(text=text)
