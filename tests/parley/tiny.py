"""The smallest house: a bot that repeats what it hears, on a channel that a test drives by hand."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.types import ASGIApp

from actions.base import Turn
from bots.base import Channel, ChannelSettings, Reply
from config.settings import Llm, Settings
from crm_store.messages import Address, Content, Incoming, Policy, Sent, Understanding
from nlu.base import LISTEN, Decision, State
from nlu.domain import Domain
from nlu.project import Project
from nlu.training_data import TrainingData
from parley import house as houses
from parley.bot import Bot
from parley.house import House

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


class Clock:
    """A time to move by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Ear:
    """An interpreter: hears every text as it is, chokes on `boom`, and waits at a gate if told to."""

    remote: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    slow_for: str = ""  # texts with this in them wait at the gate

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        if any("boom" in text for text in texts):
            raise ValueError("this text cannot be understood")
        if self.slow_for and any(self.slow_for in text for text in texts):
            self.asked.set()
            assert self.gate.wait(20)
        return [Understanding(text, intent="say", confidence=1.0, engine="tiny") for text in texts]


class Parrot:
    """A dialogue: one action a message."""

    def hear(self, state: State, heard: Understanding) -> State:
        return replace(state, started=True, done=[])

    def decide(self, state: State, heard: Understanding) -> Decision:
        return Decision(LISTEN if state.done else "action_repeat", by="rule")

    def after(
        self, state: State, decision: Decision, slots: Mapping[str, Any], events: Sequence[Any] = ()
    ) -> State:
        return replace(state, done=[decision.action], slots={**state.slots, **slots})

    def refused(self, state: State, decision: Decision) -> State:
        return state

    def know(self, state: State, slots: Mapping[str, Any]) -> State:
        return replace(state, slots={**state.slots, **slots})

    def leave(self, state: State) -> State:
        return replace(state, active_loop=None)

    def ask_again(self, state: State, heard: Understanding) -> Decision | None:
        return None


class Phrases:
    """As much of a project as a bot asks for its words."""

    path = Path()
    domain = Domain()
    nlu = TrainingData()
    intents = frozenset({"say"})
    entity_types = frozenset[str]()

    def respond(self, name: str, slots: Mapping[str, Any], channel: str) -> list[Content]:
        return [Content(text=name)]


def repeat(turn: Turn) -> list[Content]:
    """Say what was heard: `two` makes two messages, `person` asks for one, `fail` fails."""
    if "fail" in turn.text:
        raise LookupError("an action that does not work")
    if "person" in turn.text:
        turn.ask_for_person()
    return [Content(text=f"re {turn.text}")] * (2 if "two" in turn.text else 1)


def tiny_bot(ear: Ear | None = None, **more: Any) -> Bot:
    """A bot of these parts."""
    ear = ear or Ear()
    parts: dict[str, Any] = {
        "project": cast(Project, Phrases()),
        "interpreter": ear,
        "dialogue": Parrot(),
        "actions": {"action_repeat": repeat},
        "always": frozenset[str](),
        "fallback": ear,
    }
    return Bot(**(parts | more))


class Pigeon(Channel):
    """Takes `{"from", "key", "text"}` by webhook and answers with the texts; remembers what it sent."""

    def __init__(self, name: str, policy: Policy) -> None:
        super().__init__(ChannelSettings(name=name, kind="pigeon"), cast(Any, None))
        self._policy = policy
        self.sent: list[str] = []
        self.sending: Callable[[Address, Content], Sent] = lambda _to, _content: Sent("accepted")

    @property
    def policy(self) -> Policy:
        return self._policy

    async def receive(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> list[Incoming]:
        said = json.loads(body)
        return [Incoming(self.address(said["from"]), said["key"], Content(text=said["text"]))]

    def answer(
        self, query: Mapping[str, str], incoming: Sequence[Incoming], contents: Sequence[Content]
    ) -> tuple[Reply, int]:
        return Reply(200, "|".join(content.text for content in contents).encode()), len(contents)

    async def send(self, to: Address, content: Content) -> Sent:
        sent = self.sending(to, content)
        if sent.status == "accepted":
            self.sent.append(content.text)
        return sent


class Request:
    """A platform's request, in process: it can hang up before it is answered."""

    def __init__(self, house: House, who: str, key: str, text: str, channel: str) -> None:
        self._house = house
        self._body = json.dumps({"from": who, "key": key, "text": text}).encode()
        self._path = f"/webhooks/{channel}"
        self._given = False
        self._left = asyncio.Event()
        self.status = 0
        self.text: str | None = None

    def hang_up(self) -> None:
        self._left.set()

    async def run(self) -> str | None:
        """The text of the answer; None if nobody was there any more to get it."""
        scope = {
            "type": "http", "path": self._path, "method": "POST", "query_string": b"", "headers": [],
        }  # fmt: skip
        await self._house.webhooks(scope, self._receive, self._send)
        return self.text

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._body}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, event: Any) -> None:
        if self._left.is_set():
            return
        self.status = event.get("status", self.status)
        if "body" in event:
            self.text = event["body"].decode()


async def fetch(app: ASGIApp, path: str) -> tuple[int, str]:
    """Status and body of what an application answers to a GET."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(event: Any) -> None:
        told.append(event)

    scope = {"type": "http", "path": path, "method": "GET", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    return told[0]["status"], b"".join(event.get("body", b"") for event in told).decode()


async def until_true(probe: Callable[[], Any], within: float = 30.0) -> None:
    """Wait until the probe finds something."""
    until = time.monotonic() + within
    while not await asyncio.to_thread(probe):
        assert time.monotonic() < until, "waited in vain"
        await asyncio.sleep(0.01)


class TinyHouse:
    """A house that is open, and its one channel."""

    def __init__(self, house: House, channel: Pigeon, ear: Ear) -> None:
        self.house, self.channel, self.ear = house, channel, ear

    @cached_property
    def app(self) -> ASGIApp:
        """What the house serves; built once, as it takes a third of a second."""
        from parley.app import create_app  # which who is forked need not load

        return create_app(self.house)

    def request(self, who: str, key: str, text: str) -> Request:
        return Request(self.house, who, key, text, self.channel.name)

    async def ask(self, who: str, key: str, text: str) -> str | None:
        return await self.request(who, key, text).run()


@asynccontextmanager
async def tiny_house(
    url: str,
    folder: Path,
    policy: Policy,
    *,
    ear: Ear | None = None,
    bot: Bot | None = None,
    remote: bool = False,
    more: Collection[Channel] = (),
    redis: str = "",
    llm: Llm | None = None,
) -> AsyncIterator[TinyHouse]:
    """Open a house over this database; closed when the block ends. `bot`: another one than of `ear`."""
    ear = ear or Ear(remote=remote)
    pigeon = Pigeon("pigeon", policy)
    settings = Settings(file=folder / "parley.toml", database_url=url, redis_url=redis, llm=llm or Llm())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(houses, "open_channels", lambda *_: [pigeon, *more])
        patch.setattr(houses, "bot_of", lambda *_: bot or tiny_bot(ear))
        house = House(settings)
    await house.start()
    try:
        yield TinyHouse(house, pigeon, ear)
    finally:
        ear.gate.set()
        await house.stop()
