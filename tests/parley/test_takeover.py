"""A takeover at every moment of a turn: from its commit on the bot is silent, until it is given back."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from actions.base import Turn
from console import floor
from console.host import Host
from crm_store import sending
from crm_store.conversations import get_conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy, Sent, Understanding
from crm_store.outbox import Outgoing
from crm_store.recording import record
from crm_store.sending import Outcome
from parley.workers import Worker
from tests.parley.tiny import Clock, Ear, repeat, tiny_bot

# When the takeover comes. In "…ing" it is asked for in the midst of the other's transaction.
MOMENTS = (
    "before record", "recording", "after record", "understood", "acting", "after act",
    "claiming", "claimed", "at the platform", "answered", "finished", "all at once",
)  # fmt: skip
POLICY = Policy()


class Listening(Ear):
    """An interpreter in whose midst something may happen."""

    happens: Callable[[], None] = staticmethod(lambda: None)

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        self.happens()
        return super().understand(texts)


class Play:
    """One conversation, the house's parts worked by hand, and an agent who takes over at one moment."""

    def __init__(self, database: Database, seed: int) -> None:
        self.database, self.dice = database, random.Random(seed)
        self.moment = MOMENTS[seed % len(MOMENTS)]
        self.address = Address("shop", f"p{seed}")
        self.clock, ear = Clock(), Listening()
        ear.happens = lambda: self._at("understood")
        bot = tiny_bot(ear, actions={"action_repeat": self._act})
        self.worker = Worker(database, bot, "w", {"shop": POLICY}, self.clock)
        self.host = Host(database=database, now=self.clock)
        self.pool = ThreadPoolExecutor(3)
        self.taking: list[Any] = []  # takeovers that were asked for
        self.taken = threading.Event()  # its commit is through
        self.flying: set[UUID] = set()  # what was being sent when it was committed
        self.arrived: list[tuple[UUID, str, bool]] = []  # row, sender, was the takeover committed before
        self.texts: list[str] = []
        self.said = 0
        self.conversation: UUID | None = None

    # What people do.

    def say(self, *texts: str, meddle: bool = False) -> None:
        batch = [
            Incoming(self.address, str(self.said + n), Content(text=text)) for n, text in enumerate(texts)
        ]
        self.said += len(batch)
        with self.database.writing() as session:
            recorded = record(session, batch, "w", self.clock())
            if meddle:
                self._at("recording")
        assert recorded[0]
        self.conversation = recorded[0].conversation_id

    def take_over(self) -> None:
        assert self.conversation
        if self.dice.random() < 0.5:
            floor.take_over(self.host, "staff:lin", self.conversation, "lin")
        else:
            content = Content(text="hello, this is Lin")
            floor.reply(self.host, "staff:lin", self.conversation, content, "lin")
        with self.database.reading() as session:
            mine = select(Message.id).where(Message.external_id == self.address.external_id)
            self.flying |= set(session.exec(mine.where(Message.status == "sending")))
        self.taken.set()

    def _at(self, moment: str) -> None:
        """The agent takes over here if this is the moment, without waiting for a lock that we hold."""
        if moment == self.moment and not self.taking and self.conversation:
            self.taking.append(self.pool.submit(self.take_over))
            if not moment.endswith("ing"):
                self.taking[0].result(20)

    # What the house does.

    def _act(self, turn: Turn) -> list[Content]:
        self._at("acting")
        return repeat(turn)

    def work(self) -> None:
        assert self.conversation
        self.worker.work([self.conversation], ())

    def deliver(self) -> bool:
        """Send one row, as the delivery does: claimed, requested, written down."""
        with self.database.writing() as session:
            rows, looked = sending.start_sending(session, "shop", POLICY, 3, self.clock())
            self._at("claiming")
        self._at("claimed")
        outcomes = [self._request(row) for row in rows]
        self._at("answered")
        with self.database.writing() as session:
            sending.finish(session, outcomes, self.clock())
        self._at("finished")
        return looked > 0

    def _request(self, row: Outgoing) -> Outcome:
        self.arrived.append((row.id, row.sender, self.taken.is_set()))
        self.texts.append(row.content.text)
        self._at("at the platform")
        return Outcome(row.id, row.address, Sent("accepted"))

    def deliver_all(self) -> None:
        while self.deliver():
            pass

    def turn(self, *texts: str) -> None:
        """A whole turn, with the takeover at its moment."""
        if self.moment == "before record":
            self.say("hello")
            self._at("before record")
        self.say(*texts, meddle=True)
        self._at("after record")
        if self.moment == "all at once":
            self._all_at_once()
        else:
            self.work()
            self._at("after act")
        self.deliver_all()

    def _all_at_once(self) -> None:
        gate = threading.Barrier(3)

        def race(act: Callable[[], object]) -> None:
            gate.wait(20)
            act()

        self.taking.append(self.pool.submit(race, self.take_over))
        others = [self.pool.submit(race, act) for act in (self.work, self.deliver_all)]
        for one in others:
            one.result(20)

    def rows(self) -> list[Message]:
        with self.database.reading() as session:
            query = select(Message).where(Message.external_id == self.address.external_id)
            return list(session.exec(query.order_by(col(Message.seq))))


@contextmanager
def play(database: Database, seed: int) -> Iterator[Play]:
    one = Play(database, seed)
    try:
        yield one
    finally:
        one.pool.shutdown()


def run(database: Database, seed: int) -> None:
    with play(database, seed) as scene:
        dice = scene.dice
        texts = [dice.choice(["one", "two", "two words", "person"]) for _ in range(dice.randint(1, 3))]
        if scene.moment == "recording":
            scene.say("hello")  # There is nothing to take over before the first commit.
            scene.work()
            scene.deliver_all()
        scene.turn(*texts)
        assert scene.taking, scene.moment
        scene.taking[0].result(20)
        # Under the agent's floor.
        scene.say("are you there?")
        scene.work()
        scene.deliver_all()
        late = [row for row, sender, after in scene.arrived if after and sender == "bot"]
        assert set(late) <= scene.flying, (seed, scene.moment)
        assert len(late) <= 1, (seed, scene.moment)
        (asked,) = [row.id for row in scene.rows() if row.text == "are you there?"]
        assert not [row for row in scene.rows() if row.reply_to == asked], (seed, scene.moment)
        # The agent's reply arrives, once.
        assert scene.conversation
        floor.reply(scene.host, "staff:lin", scene.conversation, Content(text="I am here"), "lin")
        scene.deliver_all()
        assert scene.texts.count("I am here") == 1
        assert scene.arrived[-1][1] == "agent"
        # Given back, the bot speaks again, and only of what was said since.
        floor.release(scene.host, "staff:lin", scene.conversation)
        before = len(scene.texts)
        scene.say("back again")
        scene.work()
        scene.deliver_all()
        assert scene.texts[before:] == ["re back again"], (seed, scene.moment)
        for row in scene.rows():
            assert row.status in ("received", "accepted", "skipped"), (seed, row.status, row.reason)
            assert row.work is None
            assert row.status != "skipped" or row.reason
        with database.reading() as session:
            assert get_conversation(session, scene.conversation).floor == "bot"


@pytest.mark.timeout(300)
def test_from_the_commit_of_a_takeover_on_the_bot_is_silent_until_it_is_given_back(
    database: Database,
) -> None:
    for seed in range(100):
        run(database, seed)
