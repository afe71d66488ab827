"""Everything at once on the same ten conversations: nobody waits for ever, and all is consistent."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from sqlmodel import col, select

from crm_store import conversations, privacy, sending
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Address, Content, Incoming, Policy, Receipt, Refused, Sent, Window
from crm_store.outbox import Outgoing
from crm_store.recording import record
from crm_store.sending import OpenRequest, Outcome
from parley.workers import Worker
from tests.parley.tiny import tiny_bot

PEOPLE = [Address("shop", f"p{n}") for n in range(10)]
PUSHES = Policy(inline_within=0.01)
SECONDS = 4.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Crowd:
    """Threads that all work on the same rows; the first error ends the test."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.errors: list[BaseException] = []
        self.over = threading.Event()
        self.handed_in: set[tuple[Address, str]] = set()
        self.rounds: Counter[str] = Counter()
        self.workers = [Worker(database, tiny_bot(), f"w{n}", {"shop": PUSHES}, utc_now) for n in range(2)]

    def run(self, *jobs: Callable[[random.Random], None]) -> None:
        threads = [threading.Thread(target=self._go_on, args=(n, job)) for n, job in enumerate(jobs)]
        for thread in threads:
            thread.start()
        self.over.wait(SECONDS)
        self.over.set()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)

    def _go_on(self, number: int, job: Callable[[random.Random], None]) -> None:
        rng = random.Random(number)
        while not self.over.is_set():
            try:
                job(rng)
            except Exception as error:  # noqa: BLE001  (shown by the test)
                self.errors.append(error)
                self.over.set()
            self.rounds[job.__name__] += 1

    def record(self, rng: random.Random) -> None:
        batch = [
            Incoming(
                who,
                str(rng.randrange(200)),
                Content(text=rng.choice(["hello", "two", "person"])),
                opens=Window("message", conversations.LEASE, 5),
            )
            for who in rng.sample(PEOPLE, 6)
        ]
        batch += [
            Incoming(who, "", Content("event"), receipt=Receipt(f"p{rng.randrange(300)}", "read"))
            for who in rng.sample(PEOPLE, 2)
        ]
        with self.database.writing() as session:
            recorded = record(session, batch, rng.choice(self.workers).name, utc_now())
        self.handed_in |= {(one.incoming.address, one.incoming.key) for one in recorded if one}

    def work(self, rng: random.Random) -> None:
        worker = rng.choice(self.workers)
        with self.database.writing() as session:
            conversations.lease_waiting(session, worker.name, 64, utc_now())
            held = select(Conversation.id).where(Conversation.leased_by == worker.name)
            ids = list(session.exec(held))
        rng.shuffle(ids)
        inline = [(who, str(n)) for who in PEOPLE[:5] for n in range(200)]
        for rows in worker.work(ids, inline).offered.values():
            self.finish(rng, rows)

    def start(self, rng: random.Random) -> None:
        with self.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", PUSHES, 8, utc_now())
        self.finish(rng, rows)

    def carry(self, rng: random.Random) -> None:
        requests = [OpenRequest(who, PUSHES, len) for who in rng.sample(PEOPLE, 4)]
        with self.database.writing() as session:
            rows = [row for taken in sending.start_inline(session, requests, utc_now()) for row in taken]
        if rng.random() < 0.3:
            with self.database.writing() as session:
                sending.put_back(session, rows, utc_now())
        else:
            self.finish(rng, rows)

    def finish(self, rng: random.Random, rows: list[Outgoing]) -> None:
        outcomes = [
            Outcome(row.id, row.address, Sent("accepted", platform_id=f"p{rng.randrange(300)}"))
            for row in rows
        ]
        rng.shuffle(outcomes)
        with self.database.writing() as session:
            sending.finish(session, outcomes, utc_now())

    def change_floor(self, rng: random.Random) -> None:
        with self.database.reading() as session:
            ids = session.exec(select(Conversation.id).where(col(Conversation.closed_at).is_(None))).all()
        for one in ids[:3]:
            with self.database.writing() as session:
                try:
                    rng.choice([conversations.release, take_over])(session, one)
                except Refused:
                    continue

    def erase(self, rng: random.Random) -> None:
        with self.database.reading() as session:
            found = session.exec(select(Customer.id).limit(40)).all()
        with self.database.writing() as session:
            privacy.erase(session, rng.choice(found), utc_now()) if found else None
        self.over.wait(0.05)

    def keep(self, rng: random.Random) -> None:
        with self.database.reading() as session:
            ids = session.exec(select(Conversation.id)).all()
        with self.database.writing() as session:
            conversations.renew_leases(session, rng.choice(self.workers).name, ids, utc_now())
        with self.database.writing() as session:
            sending.give_up_lost(session, utc_now())
        if rng.random() < 0.1:
            with self.database.writing() as session:
                conversations.drop_leases(session, worker=rng.choice(self.workers).name)


def take_over(session: object, conversation: object) -> None:
    conversations.take_over(session, conversation, "lin")  # type: ignore[arg-type]


def test_nobody_waits_for_ever_and_all_is_consistent_after_it(postgres_url: str) -> None:
    database = Database(postgres_url)
    crowd = Crowd(database)
    crowd.run(
        crowd.record, crowd.record, crowd.work, crowd.work, crowd.start, crowd.carry,
        crowd.change_floor, crowd.erase, crowd.keep,
    )  # fmt: skip
    assert crowd.errors == []
    assert min(crowd.rounds.values()) > 3, crowd.rounds
    rng = random.Random(0)
    for _ in range(40):
        crowd.work(rng)
        crowd.start(rng)
        crowd.carry(rng)
    with database.reading() as session:
        messages = list(session.exec(select(Message).order_by(col(Message.seq))))
        open_ones = [c for c in session.exec(select(Conversation)) if c.closed_at is None]
        identities = {i.address for i in session.exec(select(Identity))}
    database.close()
    assert not [m for m in messages if m.work == "waiting" or m.status in ("queued", "sending")]
    assert len({c.address for c in open_ones}) == len(open_ones)
    assert {c.address for c in open_ones} <= identities
    kept = [m for m in messages if m.direction == "in"]
    assert len({(m.address, m.key) for m in kept}) == len(kept)
    answers = Counter(m.reply_to for m in messages if m.direction == "out")
    said_nothing = {None, "agent", "closed", "waiting"}
    for message in kept:
        by = (message.decision or [{}])[0]
        if message.text and by.get("name") not in said_nothing:
            assert answers[message.id] == (2 if message.text == "two" else 1)
