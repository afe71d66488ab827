"""What a channel is: reads its wire, writes its wire. A channel knows wires, not customers.

A file in this folder holds one subclass of `Channel`; `[[channels]] kind = "line"` opens `bots/line.py`.
A channel with several parts is a folder of that name instead.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any, ClassVar, Protocol

import aiohttp
from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import BaseRoute

from crm_store.messages import Address, Content, Incoming, Media, ParleyError, Policy, Sent


class Rejected(ParleyError):
    """The request is forged, replayed, broken or too large, and leaves no trace but a log line."""

    def __init__(self, why: str, status: int = 403) -> None:
        super().__init__(why)
        self.status = status  # HTTP 4xx


class ChannelSettings(BaseModel):
    """The keys that every `[[channels]]` table has; a channel adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(description="stands in addresses: /webhooks/NAME, /chat/NAME")
    kind: str = Field(description="the file or folder in bots/ that reads and writes its wire")
    api_base_url: str = Field("", description="where the platform's API is: a proxy, a simulator")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a webhook answers to the platform."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation as its customer may see it."""

    seq: int  # grows with every message; `history(after=seq)` goes on behind it
    id: str
    direction: str  # "in", "out"
    sender: str  # "customer", "bot", "agent", "campaign"
    content: Content
    created_at: datetime
    key: str = ""  # of an incoming message: `Incoming.key`


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """Something that happens now on an address: a new line, or somebody is typing.

    "look": something may have been missed; the history knows.
    """

    name: str  # "line", "typing", "floor", "look"
    line: Line | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


class Host(Protocol):
    """What a channel is given of the rest of the house, and all of it."""

    @property
    def http(self) -> aiohttp.ClientSession:
        """The one client for outgoing requests; every request ends within ten seconds."""

    def now(self) -> datetime:
        """The time, aware, UTC."""

    async def record(self, incoming: Sequence[Incoming]) -> None:
        """Keep messages for good and have them worked off. They are on disk when this returns."""

    async def history(self, address: Address, after: int = 0, limit: int = 50) -> list[Line]:
        """The lines behind `after`, oldest first; with after=0 the newest `limit` lines."""

    def follow(self, address: Address) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Live events of an address from now on, over all processes."""

    def typing(self, address: Address) -> None:
        """The person at this address is typing; whoever has the conversation open is told."""

    async def remember(
        self,
        key: str,
        make: Callable[[], Awaitable[tuple[str, datetime]]],
        *,
        stale: str = "",
    ) -> str:
        """A value shared by all processes, such as a platform token; made anew once when it has expired.

        `make` returns the value and when it ends. `stale` is a value that the platform refused: it is
        replaced unless somebody else already has. Fifty callers at once make it once.
        """

    async def keep(self, data: bytes, content_type: str, name: str = "") -> str:
        """Store a received file (at most `media.max_mb`); returns the path under which it is served."""


class Channel:
    """One account on one platform. Subclasses must have `receive` and `send`; all else has defaults."""

    Settings: ClassVar[type[ChannelSettings]] = ChannelSettings

    def __init__(self, settings: Any, host: Host) -> None:
        self.settings = settings
        self.host = host
        self.name: str = settings.name

    @property
    def policy(self) -> Policy:
        """The facts of this account that send rules and previews need."""
        return Policy()

    def address(self, external_id: str) -> Address:
        """An address on this channel."""
        return Address(self.name, external_id)

    def challenge(self, query: Mapping[str, str]) -> Reply:
        """Answer the platform's handshake (GET); `Rejected` if this channel has none."""
        raise Rejected("this channel has no handshake", 405)

    async def receive(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> list[Incoming]:
        """Verify a POST on its raw bytes (`Rejected` if it does not hold) and parse it, nothing else.

        Header names are lower case. What is verified but unknown becomes kind "unknown", never an error.
        """
        raise Rejected("this channel has no webhook", 405)

    def answer(
        self, query: Mapping[str, str], incoming: Sequence[Incoming], contents: Sequence[Content]
    ) -> tuple[Reply, int]:
        """What the webhook answers, and how many of `contents` (from the first on) the answer carries.

        Contents are only offered where `policy.inline_within` is set; an answer may carry none.
        """
        return Reply(), 0

    def takes(self, content: Content) -> int:
        """How many of the messages that a window allows a content takes, at most."""
        return 1

    async def send(self, to: Address, content: Content) -> Sent:
        """Send one message. Never raises for what the platform says: that is the returned status."""
        return Sent("failed", reason="this channel cannot send")

    async def fetch(self, media: Media) -> Media:
        """The same file with the path under which it is kept here; ParleyError if it cannot be had.

        Platforms keep what customers send for days only, or show it to whoever knows a secret.
        """
        return media

    async def connect(self, public_url: str) -> None:
        """Tell the platform where our webhook is (an https address); ParleyError says why it would not."""

    async def run(self) -> None:
        """Work beside the webhooks (polling), until cancelled; only one process at a time runs it."""

    @property
    def polls(self) -> bool:
        """True: `run` is wanted."""
        return False

    def routes(self) -> list[BaseRoute]:
        """Pages and sockets of this channel."""
        return []


def find_channel(kind: str) -> type[Channel]:
    """The channel class in `bots/{kind}.py` or `bots/{kind}/`; LookupError if there is none."""
    if not kind.isidentifier():
        raise LookupError(f"{kind!r} is no channel kind")
    try:
        module = import_module(f"bots.{kind}")
    except ModuleNotFoundError as error:
        if error.name != f"bots.{kind}":
            raise
        raise LookupError(f"there is no bots/{kind}.py") from None
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Channel) and found.__module__.startswith(module.__name__):
            return found
    raise LookupError(f"bots/{kind}.py holds no subclass of Channel")
