"""Messages: every word in either direction, in the order of recording. History and outbox are one table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count as numbers
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ClauseElement,
    Column,
    ColumnElement,
    Index,
    Integer,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    text,
)
from sqlalchemy import select as select_rows
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.conversations import Conversation
from crm_store.db import CleanText, UtcDateTime, WholeJson, as_list, listing, new_id
from crm_store.messages import Address, Content, NotFound
from crm_store.statements import Rows, Statement

_UNSENT, _WAITING, _PARKED, _KNOWN = (
    text("status IN ('queued', 'sending')"),
    text("work = 'waiting'"),
    text("work = 'parked'"),
    text("platform_id IS NOT NULL"),
)
_QUEUED, _SENDING, _PUSHED = text("status = 'queued'"), text("status = 'sending'"), text("lane = 1")
# A partial index is only used where the query says its condition literally, not with a parameter.
_STATUSES = (literal_column("'queued'", Text), literal_column("'sending'", Text))
_WAITS, _IS_PARKED = literal_column("'waiting'", Text), literal_column("'parked'", Text)
ANSWERS, PUSHES = 0, 1  # lanes of the outbox: what answers goes before what nobody has asked for
_ANSWER, _PUSH = literal_column("0", Integer), literal_column("1", Integer)
_MORE_SEQS = 16  # reserved at once where more are needed than was thought


class Message(SQLModel, table=True):
    """One message or event. `seq` is the order of recording, within a conversation and in all."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("uq_messages_key", "channel", "external_id", "key", unique=True),
        Index("ix_messages_conversation", "conversation_id", "seq"),
        Index(
            "ix_messages_unsent",
            "channel",
            "external_id",
            "seq",
            sqlite_where=_UNSENT,
            postgresql_where=_UNSENT,
        ),
        Index(
            "ix_messages_waiting",
            "conversation_id",
            "seq",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
        Index("ix_messages_parked", "seq", sqlite_where=_PARKED, postgresql_where=_PARKED),
        Index(
            "ix_messages_due",
            "channel",
            "lane",
            "due_at",
            sqlite_where=_QUEUED,
            postgresql_where=_QUEUED,
        ),
        Index("ix_messages_sending", "sent_at", sqlite_where=_SENDING, postgresql_where=_SENDING),
        Index(
            "ix_messages_pushed",
            "channel",
            "external_id",
            "sent_at",
            sqlite_where=_PUSHED,
            postgresql_where=_PUSHED,
        ),
        Index("ix_messages_source", "source", "status", sqlite_where=_PUSHED, postgresql_where=_PUSHED),
        Index(
            "ix_messages_platform_id",
            "channel",
            "platform_id",
            sqlite_where=_KNOWN,
            postgresql_where=_KNOWN,
        ),
        {
            "info": {
                "personal": {
                    "external_id": "pseudonym",
                    "text": "erase",
                    "content": "erase",
                    "payload": "erase",
                    "understanding": "erase",
                    "decision": "erase",
                }
            }
        },
    )

    seq: int | None = Field(
        default=None,
        sa_column=Column(
            BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
    )
    id: UUID = Field(default_factory=new_id, unique=True)
    conversation_id: UUID = Field(foreign_key="conversations.id")
    customer_id: UUID = Field(foreign_key="customers.id")
    channel: str = Field(sa_column=Column(CleanText, nullable=False))
    external_id: str = Field(sa_column=Column(CleanText, nullable=False))
    direction: str = Field(sa_column=Column(CleanText, nullable=False))  # "in", "out"
    sender: str = Field(sa_column=Column(CleanText, nullable=False))
    source: str = Field(default="", sa_column=Column(CleanText, nullable=False))  # "action:faq", "agent:7"
    # In: the platform's key. Out: what makes it the same answer if it is queued again.
    key: str | None = Field(default=None, sa_column=Column(CleanText))
    text: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    content: dict[str, Any] = Field(default_factory=dict, sa_column=Column(WholeJson, nullable=False))
    payload: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # PUSHES: bound by consent, cap and quiet hours. ANSWERS: all else.
    lane: int = Field(default=ANSWERS, sa_column=Column(Integer, nullable=False, server_default="0"))
    # In: "waiting" for its turn, "parked" after failing too often, None when done with.
    work: str | None = Field(default=None, sa_column=Column(CleanText))
    attempts: int = 0
    understanding: dict[str, Any] | None = Field(default=None, sa_column=Column(WholeJson))
    decision: list[Any] | None = Field(default=None, sa_column=Column(WholeJson))
    # Out: what became of it.
    status: str = Field(sa_column=Column(CleanText, nullable=False))
    reason: str | None = Field(default=None, sa_column=Column(CleanText))
    code: str | None = Field(default=None, sa_column=Column(CleanText))
    platform_id: str | None = Field(default=None, sa_column=Column(CleanText))
    # None: only the answer to the customer's next message can carry it.
    due_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    sent_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    version: int = 0  # of the conversation, under which it was written
    reply_to: UUID | None = None
    # The message whose request's answer carried it; None: it goes, or went, out by itself.
    carried_by: UUID | None = None

    @property
    def address(self) -> Address:
        """Where it came from or goes to."""
        return Address(self.channel, self.external_id)

    @property
    def said(self) -> Content:
        """What it says."""
        return Content.from_json(self.content)


_TABLE = SQLModel.metadata.tables[str(Message.__tablename__)]
_COLUMNS = [each.name for each in _TABLE.columns]
# What stands in columns that a row leaves out, where it is not NULL.
_DEFAULTS: dict[str, Any] = {"lane": ANSWERS, "attempts": 0, "source": "", "payload": ""}
_INSERT = Rows(_TABLE, _COLUMNS, empty=_DEFAULTS, ahead=True)
_WORKED = Rows(_TABLE, ("work", "understanding", "decision"), {"seq": "of_seq"})


def _reserving(dialect: str) -> ClauseElement:
    if dialect == "postgresql":
        sequence = func.pg_get_serial_sequence(str(_TABLE.name), "seq")
        series = func.generate_series(1, bindparam("count", type_=Integer)).table_valued("number")
        return select_rows(func.nextval(cast(sequence, REGCLASS)).label("seq")).select_from(series)
    return select_rows(func.coalesce(func.max(_TABLE.c.seq), 0).label("seq"))


_RESERVE = Statement(_reserving)


@dataclass(slots=True)
class Inbound:
    """A message that waits for its turn, as the turn reads it."""

    id: UUID
    seq: int
    conversation_id: UUID
    address: Address
    key: str
    text: str
    payload: str
    said: Content
    created_at: datetime
    attempts: int = 0
    proofs: Sequence[Mapping[str, str]] = ()  # kind and value: what the wire proves of the customer
    is_replayed: bool = False  # it was parked, and somebody asked for another try


class Seqs:
    """Numbers for the messages that a transaction is going to write, in the order in which it takes them.

    On SQLite nobody else writes meanwhile; neither may this transaction, by another way, until those
    that have taken a number are written.
    """

    def __init__(self, session: Session, count: int) -> None:
        """`count`: how many will be needed, as far as one can tell."""
        self._session = session
        self._free: Iterator[int] = iter(())  # those asked for are fetched when the first is taken
        self._asked = _RESERVE.ask(session, count=count) if count else None

    def take(self) -> int:
        """The next number."""
        for seq in self._free:
            return seq
        answer = self._asked or _RESERVE.ask(self._session, count=_MORE_SEQS)
        self._asked, self._free = None, self._reserved(answer())
        return next(self._free)

    def _reserved(self, rows: Sequence[tuple[int]]) -> Iterator[int]:
        if self._session.get_bind().dialect.name == "sqlite":
            ((last,),) = rows
            return numbers(last + 1)
        return iter(sorted(seq for (seq,) in rows))


def insert_messages(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[UUID, int]:
    """Write messages in their order; returns the seq of each id. A row may leave out what is empty."""
    if not rows:
        return {}
    seqs = Seqs(session, len(rows))
    found = {row["id"]: seqs.take() for row in rows}
    write_messages(session, [{**row, "seq": found[row["id"]]} for row in rows])
    return found


def write_messages(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write messages that have their `seq` already, in the order of these."""
    _INSERT.write(session, rows)


def _reading(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_TABLE.c.conversation_id,))
    names = ("id", "seq", "conversation_id", "channel", "external_id", "key", "text", "payload", "content")
    columns = (_TABLE.c[name] for name in (*names, "created_at", "attempts", "decision"))
    query = select_rows(*columns).join(wanted, same).where(_TABLE.c.work == _WAITS)
    return query.order_by(_TABLE.c.seq).limit(bindparam("most", type_=Integer))


def _asking(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_TABLE.c.conversation_id,))
    query = select_rows(_TABLE.c.id, _TABLE.c.conversation_id)
    return query.join(wanted, same).where(_TABLE.c.work == _WAITS)


_READ, _ASK = Statement(_reading), Statement(_asking)


def read_waiting(session: Session, conversation_ids: Collection[UUID], most: int) -> list[Inbound]:
    """The messages of these conversations that wait for their turn, in their order."""
    found = _READ.fetch(session, rows=as_list([(one.hex,) for one in conversation_ids]), most=most)
    return [_inbound(*row) for row in found]


def _inbound(
    id_: UUID,
    seq: int,
    conversation_id: UUID,
    channel: str,
    external_id: str,
    key: str | None,
    words: str,
    payload: str,
    content: Mapping[str, Any],
    created_at: datetime,
    attempts: int,
    decision: Any,
) -> Inbound:
    return Inbound(
        id=id_,
        seq=seq,
        conversation_id=conversation_id,
        address=Address(channel, external_id),
        key=key or "",
        text=words,
        payload=payload,
        said=Content.from_json(content),
        created_at=created_at,
        attempts=attempts,
        proofs=content.get("proofs", ()),
        is_replayed=decision is not None,
    )


def list_waiting(session: Session, conversation_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """The messages of these conversations that wait for their turn, each with its conversation."""
    found = _ASK.fetch(session, rows=as_list([(one.hex,) for one in conversation_ids]))
    return dict(found)


def mark_worked(session: Session, worked: Sequence[Mapping[str, Any]]) -> None:
    """Write down what was made of messages: `of_seq`, `work`, `understanding`, `decision`."""
    _WORKED.write(session, worked)


def is_unsent(message: Any = Message) -> ColumnElement[bool]:
    """The condition for rows in the outbox, so that their index is used; also for an alias."""
    return col(message.status).in_(_STATUSES)


def goes_first() -> ColumnElement[bool]:
    """The condition for rows that are sent before anything new to their address."""
    # A push that is still in the queue lets answers by.
    return is_unsent() & (is_being_sent() | (col(Message.lane) == _ANSWER))


def is_queued() -> ColumnElement[bool]:
    """The condition for rows that nobody is sending yet, so that the index of what is due is used."""
    return col(Message.status) == _STATUSES[0]


def is_being_sent() -> ColumnElement[bool]:
    """The condition for rows that are being sent, so that their index is used."""
    return col(Message.status) == _STATUSES[1]


def is_push() -> ColumnElement[bool]:
    """The condition for campaigns and follow-ups, so that their indexes are used."""
    return col(Message.lane) == _PUSH


def is_waiting() -> ColumnElement[bool]:
    """The condition for messages that wait for their turn, so that their index is used."""
    return col(Message.work) == _WAITS


def is_parked() -> ColumnElement[bool]:
    """The condition for messages whose turn has failed too often, so that their index is used."""
    return col(Message.work) == _IS_PARKED


def get_message(session: Session, message_id: UUID) -> Message:
    """The message; NotFound if there is none."""
    found = session.exec(select(Message).where(col(Message.id) == message_id)).one_or_none()
    if found is None:
        raise NotFound(f"there is no message {message_id}")
    return found


def list_messages(
    session: Session, conversation_id: UUID, *, after: int = 0, limit: int = 50
) -> Sequence[Message]:
    """Messages of a conversation behind `after` (a seq), oldest first."""
    query = select(Message).where(col(Message.conversation_id) == conversation_id)
    query = query.where(col(Message.seq) > after).order_by(col(Message.seq)).limit(limit)
    return session.exec(query).all()


def list_newest(
    session: Session, conversation_id: UUID, *, before: int | None = None, limit: int = 50
) -> list[Message]:
    """The last messages of a conversation, those before `before` (a seq) if given; oldest first."""
    query = select(Message).where(col(Message.conversation_id) == conversation_id)
    if before is not None:
        query = query.where(col(Message.seq) < before)
    newest = session.exec(query.order_by(col(Message.seq).desc()).limit(limit)).all()
    return list(reversed(newest))


def list_timeline(
    session: Session, customer_id: UUID, *, after: int = 0, limit: int = 50
) -> Sequence[Message]:
    """Messages of a customer in all conversations behind `after` (a seq), oldest first."""
    own = select(Conversation.id).where(col(Conversation.customer_id) == customer_id)
    query = select(Message).where(col(Message.conversation_id).in_(own), col(Message.seq) > after)
    return session.exec(query.order_by(col(Message.seq)).limit(limit)).all()


def find_by_key(session: Session, address: Address, key: str) -> Message | None:
    """The message of an address under this key."""
    query = select(Message).where(
        col(Message.channel) == address.channel,
        col(Message.external_id) == address.external_id,
        col(Message.key) == key,
    )
    return session.exec(query).one_or_none()


def list_lines(session: Session, address: Address, *, after: int = 0, limit: int = 50) -> list[Message]:
    """What the customer may see on an address, over all its conversations, in the order of recording.

    With after=0 the newest `limit` lines. Else those behind that line, and those recorded before it
    that were sent only after it: whoever comes back with the last line they saw misses none.
    """
    mine = (col(Message.channel) == address.channel, col(Message.external_id) == address.external_id)
    query = select(Message).where(*mine, _visible())
    if not after:
        newest = session.exec(query.order_by(col(Message.seq).desc()).limit(limit))
        return sorted(newest, key=lambda message: message.seq or 0)
    last = session.exec(select(Message).where(*mine, col(Message.seq) == after)).one_or_none()
    behind = col(Message.seq) > after
    if last is not None:
        behind |= col(Message.sent_at) >= (last.sent_at or last.created_at)
    return list(session.exec(query.where(behind).order_by(col(Message.seq)).limit(limit)))


def is_busy(session: Session, address: Address) -> bool:
    """Whether anything on the address still waits for its turn or to be sent."""
    mine = (col(Message.channel) == address.channel, col(Message.external_id) == address.external_id)
    return (
        session.exec(select(Message.id).where(*mine, is_waiting() | is_unsent()).limit(1)).first()
        is not None
    )


def last_said(session: Session, address: Address) -> Message | None:
    """The last message that came from the address."""
    query = select(Message).where(
        col(Message.channel) == address.channel,
        col(Message.external_id) == address.external_id,
        col(Message.direction) == "in",
    )
    return session.exec(query.order_by(col(Message.seq).desc()).limit(1)).first()


def _visible() -> Any:
    sent = col(Message.status).in_(("sending", "accepted", "delivered", "read", "unknown"))
    said = (col(Message.direction) == "in") & (col(Message.sender) == "customer")
    return sent | said
