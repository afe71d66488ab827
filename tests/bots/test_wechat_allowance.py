"""WeChat's allowance in random histories: the platform never has to refuse, and every status is true.

The channel, the rules and the database are the real ones; the platform is the local WeChat, called without
a socket, on a clock that is moved by hand.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import sqlalchemy
from sqlmodel import col, select
from yarl import URL

from bots.simulators.clock import Clock
from bots.simulators.wechat import WeChatSimulator
from bots.simulators.wechat.account import Account
from bots.simulators.wechat.calls import ENDPOINTS, Call
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.errors import ApiError
from bots.wechat import Wechat
from bots.wechat.menu import Menu
from bots.wechat.read import read
from bots.wechat.wire import Push
from crm_store import conversations, outbox, sending
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Content, Incoming, Policy, Sender, Sent
from crm_store.outbox import Outgoing
from crm_store.recording import record
from crm_store.send_rules import REASONS
from crm_store.sending import Outcome
from tests.bots.host import NOON, FakeHost
from tests.bots.wechat_account import APP_ID, SECRET, TOKEN, open_account

HISTORIES = int(os.environ.get("PARLEY_HISTORIES", "1000"))
PEOPLE, STEPS = 250, 16  # in one world, each with a history of their own
SEND = "/cgi-bin/message/custom/send"
SHORT, LONG, LONGER = "您好", "字" * 900, "字" * 1500  # one message, two, three
PAUSES = (0, 1, 4, 20, 55, 61, 600, 30_000, 100_000)  # seconds
# What may go wrong at the platform, and what then becomes of a message of one part.
FAULTS: Mapping[str, frozenset[str]] = {
    "-1": frozenset({"queued"}),
    "45011": frozenset({"queued"}),
    "45009": frozenset({"queued"}),
    "40003": frozenset({"failed"}),
    "45002": frozenset({"failed"}),
    "48001": frozenset({"failed"}),
    "503": frozenset({"queued"}),
    "500": frozenset({"unknown"}),
    "404": frozenset({"failed"}),
    "hang": frozenset({"unknown"}),
    "reset": frozenset({"unknown"}),
    "nonsense": frozenset({"unknown"}),
    "unreachable": frozenset({"queued"}),
    # The token is replaced, and the message repeated, once; not twice within half a minute.
    "40001": frozenset({"accepted", "queued"}),
}
NOT_DONE = ("503", "404", "unreachable")  # the request has had no effect


@dataclass
class Answer:
    """An HTTP answer as aiohttp gives it."""

    status: int
    body: bytes

    async def __aenter__(self) -> Answer:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self) -> bytes:
        return self.body


class Wire:
    """The platform's API without a socket, in the place of an HTTP client."""

    def __init__(self, simulator: WeChatSimulator) -> None:
        self.platform = simulator.platform
        self.fault = ""  # strikes the next message
        self.refused: Counter[int] = Counter()  # by the platform itself, not by a fault
        self.arrived: Counter[str] = Counter()  # parts of texts that customers have got

    def post(
        self, url: str, params: Mapping[str, str] | None = None, data: bytes = b"", **_: Any
    ) -> Answer:
        path, fault = URL(url).path, ""
        if path == SEND:
            fault, self.fault = self.fault, ""
        if fault == "unreachable":
            raise aiohttp.ConnectionTimeoutError
        if fault in NOT_DONE:
            return Answer(int(fault), b"<html>")
        if fault.lstrip("-").isdigit() and not 400 <= int(fault) < 600:
            return self._json(ApiError(int(fault)).body(self.platform.now()))
        answer = self._json(self._run(path, params or {}, data))
        if fault == "hang":
            raise TimeoutError
        if fault == "reset":
            raise aiohttp.ServerDisconnectedError
        return {"500": Answer(500, b""), "nonsense": Answer(200, b"<html>")}.get(fault, answer)

    def _run(self, path: str, params: Mapping[str, str], data: bytes) -> dict[str, Any]:
        found, now = ENDPOINTS[path], self.platform.now()
        try:
            if found.token:
                self.platform.tokens.check(params.get("access_token", ""), now)
            result = found.run(self.platform, Call(params, data))
            assert isinstance(result, dict)
        except ApiError as error:
            self.refused[error.code] += 1
            return error.body(now)
        if path == SEND:
            self.arrived[json.loads(data)["touser"]] += 1
        return result

    @staticmethod
    def _json(value: Any) -> Answer:
        return Answer(200, json.dumps(value).encode())


class Host(FakeHost):
    """A host on the platform's clock, whose HTTP client is the wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self.wire = wire

    @property
    def http(self) -> Any:
        return self.wire

    def now(self) -> datetime:
        return self.wire.platform.now()


@dataclass
class Person:
    """One customer, and what the platform has on its way to us for them."""

    customer: Customer
    way: list[tuple[int, Incoming]] = field(default_factory=list)  # the step in which it comes in
    conversation: UUID | None = None
    left_at: datetime | None = None


class World:
    """People of one account, each with a history of their own, and everything that may go wrong."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.dice = database, random.Random(seed)
        account = Account(webhook="http://shop/", app_id=APP_ID, secret=SECRET, token=TOKEN)
        self.simulator = WeChatSimulator(account, Clock(NOON))
        self.wire = Wire(self.simulator)
        self.channel: Wechat = open_account(
            Host(self.wire), name=f"shop{seed}", api_base_url="http://wechat"
        )
        customers = self.simulator.platform.customers
        self.people = [Person(customers.add(f"P{n}", f"o{seed:06}-{n:03}")) for n in range(PEOPLE)]
        self.flying: list[Outcome] = []  # answered by the platform, not written down yet
        self.expected: dict[UUID, frozenset[str]] = {}  # statuses
        self.sent: dict[UUID, Sent] = {}
        self.numbers = itertools.count()
        self.step = 0

    @property
    def now(self) -> datetime:
        return self.simulator.platform.now()

    async def run(self) -> None:
        for person in self.people:
            self._follow(person)
        for self.step in range(STEPS):
            for person in self.people:
                self._act(person)
            self._take_in()
            self._write()
            await self._deliver()
            if self.dice.random() < 0.1:
                self._die()
            self.simulator.clock.advance(self.dice.choice(PAUSES))
        self._finish(1.0)

    # Customers.

    def _act(self, person: Person) -> None:
        deed = self.dice.choice(("say", "say", "click", "scan", "leave", "", "", ""))
        if not person.customer.following:
            # CreateTime has whole seconds: nobody comes back within one.
            if deed == "say" and self.now - (person.left_at or NOON) > timedelta(seconds=2):
                self._follow(person)
        elif deed == "say":
            self._push(person, "text", "message", Content="在吗", MsgId=str(next(self.numbers)))
        elif deed == "click":
            self._push(person, "event", "menu", Event="CLICK", EventKey=f"k{next(self.numbers)}")
        elif deed == "scan":
            self._push(person, "event", "scan", Event="SCAN", EventKey=f"s{next(self.numbers)}")
        elif deed == "leave" and self.dice.random() < 0.3:
            person.customer.leave()
            person.left_at = self.now
            # It comes at once: of what is still on its way nobody can know.
            self._push(person, "event", "", late=0, Event="unsubscribe", EventKey="")

    def _follow(self, person: Person) -> None:
        person.customer.follow(self.now)
        self._push(person, "event", "follow", Event="subscribe", EventKey=f"qrscene_{next(self.numbers)}")

    def _push(self, person: Person, kind: str, opens: str, late: int | None = None, **fields: str) -> None:
        if opens:
            person.customer.allowance.open(opens, self.now)
        message = self.simulator.platform.message(person.customer, kind, fields)
        text = {name: str(value) for name, value in message.items()}
        incoming = read(Push(text, False, ""), self.channel.name, Menu(TOKEN))
        # The platform repeats, and what it sends may overtake what it sent before.
        for _ in range(self.dice.choice((1, 1, 1, 2, 3))):
            delay = self.dice.choice((0, 0, 0, 1, 3)) if late is None else late
            person.way.append((self.step + delay, incoming))
            late = None if late is None else self.step + 2

    def _take_in(self) -> None:
        batch: list[Incoming] = []
        for person in self.people:
            come = [one for step, one in person.way if step <= self.step]
            person.way = [(step, one) for step, one in person.way if step > self.step]
            self.dice.shuffle(come)
            batch += come
        if batch:
            with self.database.writing() as session:
                recorded = record(session, batch, "w", self.now)
            known = {one.incoming.address.external_id: one.conversation_id for one in recorded if one}
            for person in self.people:
                person.conversation = known.get(person.customer.openid, person.conversation)

    # The shop.

    def _write(self) -> None:
        with self.database.writing() as session:
            rows = []
            known = {person.conversation for person in self.people if person.conversation}
            for found in conversations.lock_conversations(session, known).values():
                for _ in range(self.dice.choice((0, 0, 0, 1, 1, 4))):
                    said = Content(text=self.dice.choice((SHORT, SHORT, SHORT, LONG, LONGER)))
                    sender: Sender = self.dice.choice(("bot", "agent", "campaign"))
                    source = "campaign:0" if sender == "campaign" else "test"
                    rows.append(
                        outbox.draft(found, said, sender=sender, source="test", now=self.now)
                        | {"lane": outbox.lane_of(sender, source)}
                    )
            outbox.queue(session, rows)

    async def _deliver(self) -> None:
        for _ in range(5):
            rows = self._start()
            if not rows:
                return
            # Between the verdict and the platform lies a token that has to be fetched, or a slow line.
            self.simulator.clock.advance(self.dice.choice((0, 0, 0, 1, 9)))
            for row in rows:
                await self._send(row)
            self._finish(0.9)

    def _start(self) -> list[Outgoing]:
        policy: Policy = self.channel.policy
        with self.database.writing() as session:
            rows, _ = sending.start_sending(
                session, self.channel.name, policy, PEOPLE, self.now, takes=self.channel.takes
            )
        return rows

    async def _send(self, row: Outgoing) -> None:
        fault = self.dice.choice(sorted(FAULTS)) if self.dice.random() < 0.1 else ""
        one_part = row.content.text == SHORT
        self.wire.fault = fault
        before = self.wire.arrived[row.address.external_id]
        sent = await self.channel.send(row.address, row.content)
        arrived = self.wire.arrived[row.address.external_id] - before
        if fault and one_part:
            assert sent.status in FAULTS[fault], (fault, sent)
        elif not fault:
            assert sent.status == "accepted", sent
        assert arrived == self.channel.takes(row.content) or sent.status != "accepted"
        assert not arrived or sent.status in ("accepted", "unknown", "failed"), (fault, sent)
        assert arrived <= (sent.took if sent.took is not None else 1)
        assert bool(sent.reason) is (sent.status != "accepted")
        self.sent[row.id] = sent
        self.flying.append(Outcome(row.id, row.address, sent))

    def _finish(self, part: float) -> None:
        """Write down what became of some; of others while the history goes on."""
        done = [one for one in self.flying if self.dice.random() < part]
        self.flying = [one for one in self.flying if one not in done]
        with self.database.writing() as session:
            sending.finish(session, done, self.now)

    def _die(self) -> None:
        """The process dies: what it was sending is unknown. Texts of several parts were written down."""
        several = [one for one in self.flying if (one.sent.took or 1) > 1]
        with self.database.writing() as session:
            sending.finish(session, several, self.now)
            sending.give_up_lost(session, self.now, all_of_them=True)
        for one in self.flying:
            if one not in several:
                self.sent[one.message_id] = Sent("unknown", reason="killed")
        self.flying = []

    def check(self) -> None:
        """No refusal that the rules are there to prevent, and every row says what became of it."""
        assert not self.wire.refused.keys() & {45015, 45047}, self.wire.refused
        with self.database.reading() as session:
            mine = col(Message.external_id).in_([person.customer.openid for person in self.people])
            rows = list(session.exec(select(Message).where(mine, Message.direction == "out")))
            gone = session.exec(select(Identity).where(col(Identity.reachable).is_(False))).all()
        for row in rows:
            last = self.sent.get(row.id)
            if row.status == "skipped":
                assert last is None or last.status == "queued"
                assert row.reason in REASONS
            elif row.status != "queued":
                assert last
                assert row.status == last.status or last.status == "queued", (row.status, last)
                assert row.status == "accepted" or row.reason
        statuses = Counter(row.status for row in rows)
        assert statuses["accepted"] > PEOPLE
        assert statuses["skipped"] > PEOPLE
        assert gone


def _never_sync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def test_in_random_histories_wechat_never_has_to_say_that_its_window_is_closed_or_used_up(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "parley.db")
    database = Database(f"sqlite:///{tmp_path / 'parley.db'}")
    sqlalchemy.event.listen(database.engine, "connect", _never_sync)
    for seed in range(max(1, HISTORIES // PEOPLE)):
        world = World(database, seed)
        asyncio.run(world.run())
        world.check()
    database.close()
