"""The search index: which words stand in which message and in what is known of which customer.

It is filled by the clock, so that taking a message in costs nothing for it. Only what people have written
is read: the bot's answers and campaigns say the same to everybody. On SQLite triggers keep a full-text
table beside each of these tables (migration 0006); on PostgreSQL the words are a tsvector.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Column,
    Dialect,
    Index,
    Integer,
    Select,
    Text,
    bindparam,
    case,
    cast,
    delete,
)
from sqlalchemy import select as select_rows
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.customers import Attribute, Customer
from crm_store.db import NOT_PERSONAL, UtcDateTime, as_list, exclusive, listing
from crm_store.history import Message
from crm_store.search_words import words_of
from crm_store.statements import Rows, Statement

MOST_MESSAGES = 200  # in one piece: for some ten milliseconds on SQLite nobody else writes
MOST_CUSTOMERS = 100
LATE = 20_000  # so far behind the newest message another one may still be committed
LATE_FOR = timedelta(minutes=2)
_LAST_PLACE = 16_383  # in a tsvector
_TOLD_EVERY = 20_000  # messages

log = structlog.get_logger()

_NUMBER = re.compile(r"[+\d][\d\s().-]{6,30}", re.ASCII)
_BIG = BigInteger().with_variant(Integer, "sqlite")


class Words(TypeDecorator[str]):
    """Words separated by spaces; on PostgreSQL a tsvector with the place of each."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type that the database has for it."""
        kind = TSVECTOR() if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Each word with its places, as PostgreSQL writes them."""
        if value is None or dialect.name != "postgresql":
            return value
        return placed(value)


def placed(words: str) -> str:
    """Words with the place of each, as PostgreSQL writes a tsvector."""
    return " ".join(f"'{word}':{place}" for place, word in enumerate(words.split()[:_LAST_PLACE], 1))


_DERIVED = {"personal": {"words": "delete"}, "derived": True}


class MessageWords(SQLModel, table=True):
    """The words of one message."""

    __tablename__ = "message_words"
    __table_args__ = (Index("ix_message_words_conversation", "conversation_id"), {"info": _DERIVED})

    seq: int = Field(sa_column=Column(_BIG, primary_key=True, autoincrement=False))  # of the message
    # Without a foreign key: to check it would lock rows that others are at work on.
    conversation_id: UUID
    words: str = Field(sa_column=Column(Words, nullable=False))


class CustomerWords(SQLModel, table=True):
    """The words of a customer's name and attributes."""

    __tablename__ = "customer_words"
    __table_args__ = ({"info": _DERIVED},)

    id: int | None = Field(default=None, sa_column=Column(_BIG, primary_key=True, autoincrement=True))
    customer_id: UUID = Field(unique=True)
    words: str = Field(sa_column=Column(Words, nullable=False))


class DueCustomer(SQLModel, table=True):
    """A customer of whom something has changed. Triggers write it in the transaction of the change."""

    __tablename__ = "search_due"
    __table_args__ = ({"info": NOT_PERSONAL},)

    id: int | None = Field(default=None, sa_column=Column(_BIG, primary_key=True, autoincrement=True))
    customer_id: UUID


class Progress(SQLModel, table=True):
    """How far the messages are read: from `oldest` (all there were before the index) to `newest`."""

    __tablename__ = "search_progress"
    __table_args__ = ({"info": NOT_PERSONAL},)

    id: int = Field(default=1, primary_key=True)
    newest: int = Field(sa_column=Column(_BIG, nullable=False))
    oldest: int = Field(sa_column=Column(_BIG, nullable=False))
    moved_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


_WORDS, _MESSAGES, _OF_CUSTOMERS, _DUE, _CUSTOMERS, _FACTS = (
    SQLModel.metadata.tables[str(table.__tablename__)]
    for table in (MessageWords, Message, CustomerWords, DueCustomer, Customer, Attribute)
)
# What people have said; what the bot and campaigns say is not even fetched.
_BY_PEOPLE = (_MESSAGES.c.sender == "customer") | (_MESSAGES.c.sender == "agent")
_SAID = case((_BY_PEOPLE, _MESSAGES.c.text), else_="").label("said")
_WHERE = case((_BY_PEOPLE, _MESSAGES.c.conversation_id)).label("conversation_id")


def _messages() -> Select[Any]:
    return select_rows(_MESSAGES.c.seq, _WHERE, _SAID)


def _looking_for_new(_dialect: str) -> ClauseElement:
    query = _messages().where(_MESSAGES.c.seq > bindparam("after", type_=BigInteger))
    return query.order_by(_MESSAGES.c.seq).limit(bindparam("most", type_=Integer))


def _looking_for_due(_dialect: str) -> ClauseElement:
    query = select_rows(_DUE.c.id, _DUE.c.customer_id).order_by(_DUE.c.id)
    return query.limit(bindparam("most", type_=Integer))


def _taking(dialect: str) -> ClauseElement:
    wanted, _ = listing(dialect, (_DUE.c.id,))
    return delete(_DUE).where(_DUE.c.id.in_(select_rows(cast(wanted.c.v0, BigInteger))))


def _naming(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_CUSTOMERS.c.id,))
    return select_rows(_CUSTOMERS.c.id, _CUSTOMERS.c.display_name).join(wanted, same)


def _knowing(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_FACTS.c.customer_id,))
    return select_rows(_FACTS.c.customer_id, _FACTS.c.value).join(wanted, same)


_NEW, _FIND_DUE = Statement(_looking_for_new), Statement(_looking_for_due)
_TAKE, _NAMES, _KNOWN = Statement(_taking), Statement(_naming), Statement(_knowing)
_WRITE = Rows(_WORDS, ("seq", "conversation_id", "words"), replaces=("seq",))
_WRITE_CUSTOMERS = Rows(_OF_CUSTOMERS, ("customer_id", "words"), replaces=("customer_id",))


def tick(session: Session, now: datetime) -> bool:
    """Read what is new, then some of what was there before: a small piece. True: more may be left."""
    _alone(session)
    progress = session.get_one(Progress, 1)
    room = MOST_MESSAGES - _read_new(session, progress, now)
    if room > 0 and progress.oldest > 1:
        _read_old(session, progress, room)
    session.add(progress)
    return _read_customers(session) == MOST_CUSTOMERS or room <= 0 or progress.oldest > 1


def read_late(session: Session, now: datetime) -> set[str]:
    """Read what was committed behind the newest message; no channel has anything to send because of it.

    To be called once a second: it looks through thousands of messages, `tick` through none that is known.
    On SQLite writers stand in line, and nothing comes late.
    """
    if session.get_bind().dialect.name != "sqlite":
        _alone(session)
        progress = session.get_one(Progress, 1)
        if progress.moved_at is not None and now - progress.moved_at <= LATE_FOR:
            known = select(MessageWords.seq).where(col(MessageWords.seq) == col(Message.seq)).exists()
            behind = col(Message.seq).between(max(progress.newest - LATE, progress.oldest), progress.newest)
            query = _messages().where(behind, _SAID != "", ~known).limit(MOST_MESSAGES)
            _write_messages(session, session.execute(query).all())
    return set()


def _alone(session: Session) -> None:
    # An erasure waits for it, or it for the erasure: no word is written down after it was erased.
    exclusive(session, "search")


def _read_new(session: Session, progress: Progress, now: datetime) -> int:
    rows = _NEW.fetch(session, after=progress.newest, most=MOST_MESSAGES)
    if rows:
        progress.newest, progress.moved_at = rows[-1][0], now
        _write_messages(session, rows)
    return len(rows)


def _read_old(session: Session, progress: Progress, room: int) -> None:
    query = _messages().where(col(Message.seq) < progress.oldest).order_by(col(Message.seq).desc())
    rows = session.execute(query.limit(room)).all()
    before, progress.oldest = progress.oldest, rows[-1][0] if len(rows) == room else 1
    _write_messages(session, rows)
    if progress.oldest == 1 or before // _TOLD_EVERY != progress.oldest // _TOLD_EVERY:
        log.info("search.indexed", left=progress.oldest - 1)


def _write_messages(session: Session, rows: Iterable[Any]) -> None:
    found = [
        {"seq": seq, "conversation_id": conversation_id, "words": words_of(said)}
        for seq, conversation_id, said in rows
        if said
    ]
    _WRITE.write(session, _as_kept(session, found))


def _as_kept(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if session.get_bind().dialect.name == "sqlite":
        return rows
    return [{**row, "words": placed(row["words"])} for row in rows]


def _read_customers(session: Session) -> int:
    due = _FIND_DUE.fetch(session, most=MOST_CUSTOMERS)
    if not due:
        return 0
    # Taken off first: what changes while we read is due again.
    _TAKE.run_once(session, {"rows": as_list([(place,) for place, _ in due])})
    texts: dict[UUID, list[str]] = {customer_id: [] for _, customer_id in due}
    asked = as_list([(one.hex,) for one in texts])
    for customer_id, name in _NAMES.fetch(session, rows=asked):
        texts[customer_id].append(name)
    for customer_id, value in _KNOWN.fetch(session, rows=asked):
        texts[customer_id] += _texts_in(value)
    _write_customers(session, texts)
    return len(due)


def _write_customers(session: Session, texts: dict[UUID, list[str]]) -> None:
    rows = [{"customer_id": one, "words": words_of(*said)} for one, said in sorted(texts.items())]
    _WRITE_CUSTOMERS.write(session, _as_kept(session, [row for row in rows if row["words"]]))
    gone = [row["customer_id"] for row in rows if not row["words"]]
    if gone:
        session.execute(delete(CustomerWords).where(col(CustomerWords.customer_id).in_(gone)))


def _texts_in(value: Any) -> list[str]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [text for one in inner for text in _texts_in(one)]
    if value is None or isinstance(value, bool):
        return []
    return [str(value), *_numbers_in(str(value))]


def _numbers_in(value: str) -> list[str]:
    """A phone number without its signs, without what may be a country's code, and its last four digits."""
    if not _NUMBER.fullmatch(value.strip()):
        return []
    digits = "".join(sign for sign in value if sign.isdigit())
    return [digits, digits[-11:], digits[-10:], digits[-4:]]
