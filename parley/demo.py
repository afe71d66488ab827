"""The demo shop: an empty database is filled with people whom the real bot has answered.

Everything is done as it would have happened, in the order of time, on a clock that is set back. Nothing is
sent: what stands in the outbox was accepted then; the campaign that still runs writes to the web chat only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from sqlmodel import Session, col, func, select, update

from crm_store import channels, conversations, customers, events, notes, outbox, quick_replies, segments
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Address, Content, Incoming, Window
from crm_store.passwords import hash_password
from crm_store.recording import record
from crm_store.staff import Staff, add_staff
from crm_store.tokens import Token
from parley.bot import Bot
from parley.demo_plans import launch, plan_followups
from parley.workers import Worker

DATA = Path(__file__).parents[1] / "config" / "demo" / "shop.yml"
PASSWORD = "parley-demo"  # noqa: S105  (printed at every start, so that anybody can look around)
_MARK = "demo.filled"
_NEWCOMER = "新客"
_PAUSE = timedelta(seconds=40)
_FOR_EVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Line:
    """What happens at one moment of one conversation."""

    at: datetime
    address: Address
    who: Mapping[str, Any]
    does: Any  # a text of the customer, or {"agent" | "note" | "release" | "close": …}
    number: int


def is_filled(session: Session, now: datetime) -> bool:
    """Whether this database was filled by `fill`, so that its sign-ins are known."""
    return channels.find_shared(session, _MARK, now) is not None


def is_empty(session: Session) -> bool:
    """Whether there is nobody in the database: no customer, no staff, no token."""
    return all(session.exec(select(table).limit(1)).first() is None for table in (Customer, Staff, Token))


def staff_names() -> list[str]:
    """Who can sign in with `PASSWORD` after `fill`."""
    return [str(one["name"]) for one in _read()["staff"]]


def fill(database: Database, bot: Bot, now: datetime) -> None:
    """Fill a database in which nobody is."""
    data = _read()
    hashed = hash_password(PASSWORD)
    with database.writing() as session:
        # First of all, so that the sign-ins are told even if this is interrupted.
        channels.share(session, {_MARK: ("yes", now + _FOR_EVER)})
        for one in data["staff"]:
            add_staff(
                session,
                one["name"],
                one["role"],
                hashed,
                now,
                display_name=one["display_name"],
            )
        for shortcut, texts in data["quick_replies"].items():
            quick_replies.save_quick_reply(session, shortcut, texts, now)
        for name, definition in data["segments"].items():
            segments.save_segment(session, name, definition, actor="staff:marketer", now=now)
        for who in data["customers"]:
            _meet(session, who, now)
    past = _Past(database, bot, data["channels"])
    over = sorted((one for one in data["campaigns"] if "days" in one), key=lambda one: -one["days"])
    for line in sorted(_lines(data, now), key=lambda line: (line.at, line.number)):
        while over and now - timedelta(days=over[0]["days"]) < line.at:
            with database.writing() as session:
                launch(session, over.pop(0), now)
        past.live(line)
    with database.writing() as session:
        _settle(session, data)
        plan_followups(session, data["followups"], now)
        for one in data["campaigns"]:
            if "days" not in one:
                launch(session, one, now)


def _read() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return read


def _meet(session: Session, who: Mapping[str, Any], now: datetime) -> None:
    """A customer with identities, tags, facts and events; the first of them is how we know them."""
    first = min(now - timedelta(minutes=talk["ago"]) for talk in who["talks"])
    if _NEWCOMER not in who.get("tags", ()):
        first -= timedelta(days=20)
    first = min([first, *(now - timedelta(days=one["days"]) for one in who.get("events", ()))])
    customer = Customer(
        display_name=who["name"], language=who["language"], created_at=first, updated_at=first
    )
    session.add(customer)
    session.flush()
    for channel, external_id in who["addresses"].items():
        known = {"display_name": who["name"], "language": who["language"]}
        session.add(
            Identity(
                channel=channel,
                external_id=external_id,
                customer_id=customer.id,
                profile=known,
                created_at=first,
            )
        )
    for tag in who.get("tags", ()):
        customers.add_tag(session, customer.id, tag, source="agent", now=first)
    for source, facts in (("agent", who.get("facts", {})), ("message", who.get("said", {}))):
        for name, value in facts.items():
            customers.set_attribute(session, customer.id, name, value, source=source, now=first)
    happened = [
        events.Happened(
            customer.id,
            one["name"],
            f"{who['name']}-{number}",
            now - timedelta(days=one["days"]),
            one["data"],
        )
        for number, one in enumerate(who.get("events", ()))
    ]
    events.add_events(session, "webshop", happened, now)


def _lines(data: Mapping[str, Any], now: datetime) -> Iterator[Line]:
    number = 0
    for who in data["customers"]:
        for talk in who["talks"]:
            at = now - timedelta(minutes=talk["ago"])
            for does in talk["lines"]:
                if isinstance(does, dict) and "before" in does:
                    at += timedelta(minutes=does["before"])
                    continue
                yield Line(
                    min(at, now),
                    Address(talk["channel"], who["addresses"][talk["channel"]]),
                    who,
                    does,
                    number,
                )
                number, at = number + 1, at + _PAUSE


class _Past:
    """Lives what has happened, with a worker whose clock is set back."""

    def __init__(self, database: Database, bot: Bot, opened: Mapping[str, Any]) -> None:
        self._database = database
        self._now: datetime | None = None
        # The plans were made for our own engine, and a Rasa server would take them for its customers.
        own = replace(bot, interpreter=bot.fallback, leader=None)
        self._worker = Worker(database, own, "demo", {}, self._clock)
        self._windows = {
            name: Window(w["trigger"], timedelta(hours=w["hours"]), w["count"])
            for name, one in opened.items()
            if (w := one.get("window"))
        }

    def _clock(self) -> datetime:
        assert self._now
        return self._now

    def live(self, line: Line) -> None:
        """Let one line happen."""
        self._now = line.at
        if isinstance(line.does, str):
            self._hear(line, line.does)
            return
        with self._database.writing() as session:
            _do(session, line)

    def _hear(self, line: Line, said: str) -> None:
        incoming = Incoming(
            line.address,
            f"demo-{line.number}",
            Content(text=said),
            profile={"display_name": line.who["name"], "language": line.who["language"]},
            opens=self._windows.get(line.address.channel),
        )
        with self._database.writing() as session:
            (recorded,) = record(session, [incoming], "demo", line.at)
        assert recorded
        self._worker.work([recorded.conversation_id], ())


def _do(session: Session, line: Line) -> None:
    """What staff do in a conversation."""
    open_one = select(Conversation).where(
        col(Conversation.channel) == line.address.channel,
        col(Conversation.external_id) == line.address.external_id,
        col(Conversation.closed_at).is_(None),
    )
    conversation = session.exec(open_one).one()
    if "agent" in line.does:
        conversations.take_over(session, conversation.id, "agent")
        said = Content(text=line.does["agent"])
        row = outbox.draft(conversation, said, sender="agent", source="agent:agent", now=line.at)
        became = {name: line.does[name] for name in ("status", "reason", "code") if name in line.does}
        outbox.queue(session, [row | became])
    elif "note" in line.does:
        last = select(func.max(Message.seq)).where(Message.conversation_id == conversation.id)
        seq = session.exec(last).one() or 0
        notes.write_note(session, conversation, "agent", line.does["note"], after_seq=seq, now=line.at)
    elif "release" in line.does:
        conversations.release(session, conversation.id)
    else:
        conversations.close(session, conversation.id, line.at)


def _settle(session: Session, data: Mapping[str, Any]) -> None:
    """What was said then has arrived, and staff have read what they have read."""
    arrived = update(Message).where(col(Message.direction) == "out", col(Message.status) == "queued")
    session.exec(arrived.values(status="accepted", sent_at=Message.created_at, due_at=None))
    unread = {
        who["addresses"][talk["channel"]]
        for who in data["customers"]
        for talk in who["talks"]
        if talk.get("unread")
    }
    newest = select(Message.conversation_id, func.max(Message.seq)).group_by(col(Message.conversation_id))
    seqs: dict[UUID, int] = {one: seq or 0 for one, seq in session.exec(newest)}
    found: Sequence[Conversation] = session.exec(select(Conversation)).all()
    for conversation in found:
        if conversation.external_id not in unread:
            conversation.read_seq = seqs.get(conversation.id, 0)
            session.add(conversation)
    session.flush()
