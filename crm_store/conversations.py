"""Conversations: one open one per address, who has the floor in it, and which worker holds it.

The lease keeps a conversation with one worker at a time; the version changes with the floor, so that
what was written under another floor is recognised. A takeover never waits for the lease.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ColumnElement, Index, func, or_, text, update
from sqlalchemy import select as select_rows
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanText, UtcDateTime, as_list, listed, listing, new_id
from crm_store.messages import Address, Floor, NotFound, Refused
from crm_store.statements import Rows, Statement
from crm_store.streams import Answer

LEASE = timedelta(seconds=10)  # renewed every few seconds by the worker that holds it

_LEASED = text("leased_by IS NOT NULL")
_HEARD = text("heard_at IS NOT NULL")
_HELD = text("floor = 'agent'")


class Conversation(SQLModel, table=True):
    """What was said on one address between its opening and its closing."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index(
            "uq_conversations_open",
            "channel",
            "external_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("ix_conversations_customer", "customer_id"),
        Index("ix_conversations_floor", "floor", "id"),
        # One index for every way of looking at the inbox: see `inbox.py`, which merges its parts.
        Index(
            "ix_conversations_heard",
            "channel",
            "floor",
            "heard_at",
            "id",
            sqlite_where=_HEARD,
            postgresql_where=_HEARD,
        ),
        Index(
            "ix_conversations_agent",
            "agent",
            "heard_at",
            "id",
            sqlite_where=_HELD,
            postgresql_where=_HELD,
        ),
        Index("ix_conversations_leased", "leased_by", sqlite_where=_LEASED, postgresql_where=_LEASED),
        {"info": {"personal": {"external_id": "pseudonym"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    channel: str = Field(sa_column=Column(CleanText, nullable=False))
    external_id: str = Field(sa_column=Column(CleanText, nullable=False))
    customer_id: UUID = Field(foreign_key="customers.id")
    floor: str = Field(default="bot", sa_column=Column(CleanText, nullable=False))
    agent: str | None = Field(default=None, sa_column=Column(CleanText))
    # Since when it has been so; None: from the beginning on.
    floor_since: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    version: int = 1
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # When the customer wrote last; None until they have: a conversation that a push opened waits so.
    heard_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    # Up to here staff have seen what the customer wrote.
    read_seq: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    closed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    leased_by: str | None = Field(default=None, sa_column=Column(CleanText))
    leased_until: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    @property
    def address(self) -> Address:
        """Whom it is held with."""
        return Address(self.channel, self.external_id)


@dataclass(slots=True)
class Held:
    """An open conversation as a turn reads and changes it; its row is locked."""

    id: UUID
    channel: str
    external_id: str
    customer_id: UUID
    floor: str = "bot"
    floor_since: datetime | None = None
    version: int = 1
    read_seq: int = 0
    heard_at: datetime | None = None
    leased_by: str | None = None
    leased_until: datetime | None = None
    before: tuple[Any, ...] = field(init=False, repr=False)  # what may change, as the row has it

    def __post_init__(self) -> None:
        self.before = _state_of(self)

    @property
    def address(self) -> Address:
        """Whom it is held with."""
        return Address(self.channel, self.external_id)

    def is_free(self, now: datetime) -> bool:
        """Whether no worker has a lease on it."""
        return self.leased_by is None or self.leased_until is None or self.leased_until < now


def last_heard(session: Session, customer_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """When each of these customers wrote last, on whatever address; those who have not are left out."""
    query = (
        select(Conversation.customer_id, func.max(Conversation.heard_at))
        .where(col(Conversation.customer_id).in_(customer_ids), col(Conversation.heard_at).is_not(None))
        .group_by(col(Conversation.customer_id))
    )
    found = session.exec(query).all() if customer_ids else ()
    return {customer_id: heard_at for customer_id, heard_at in found if heard_at}


_TABLE = SQLModel.metadata.tables[str(Conversation.__tablename__)]
_CHANGES = ("floor", "floor_since", "read_seq", "leased_by", "leased_until", "heard_at")
_state_of = attrgetter(*_CHANGES)
_NAMES = [each.name for each in fields(Held) if each.init]
_HELD_COLUMNS = [_TABLE.c[name] for name in _NAMES]
_OPEN = Rows(_TABLE, [*_NAMES, "created_at"])
_SAVE = Rows(_TABLE, _CHANGES, {"id": "of_id"})
_HEAR = Rows(_TABLE, ("heard_at",), {"id": "of_id"})


def _holding(columns: Sequence[Any], *conditions: ColumnElement[bool]) -> Statement:
    def build(dialect: str) -> Any:
        wanted, same = listing(dialect, columns)
        query = select_rows(*_HELD_COLUMNS).join(wanted, same).where(*conditions)
        return query.order_by(_TABLE.c.id).with_for_update(of=_TABLE)

    return Statement(build)


_HOLD_OPEN = _holding((_TABLE.c.channel, _TABLE.c.external_id), _TABLE.c.closed_at.is_(None))
_HOLD = _holding((_TABLE.c.id,))


def get_conversation(session: Session, conversation_id: UUID, *, lock: bool = False) -> Conversation:
    """The conversation, its row locked for this transaction if asked; NotFound if there is none."""
    query = select(Conversation).where(col(Conversation.id) == conversation_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"there is no conversation {conversation_id}")
    return found


def lock_conversations(session: Session, ids: Collection[UUID]) -> dict[UUID, Conversation]:
    """The rows, locked in one order everywhere, so that no two transactions wait for each other."""
    query = select(Conversation).where(col(Conversation.id).in_(ids)).order_by(col(Conversation.id))
    return {found.id: found for found in session.exec(query.with_for_update())}


def hold_open(session: Session, addresses: Collection[Address]) -> dict[Address, Held]:
    """The open conversations of these addresses, locked; those without one are left out."""
    return ask_to_hold(session, addresses)()


def ask_to_hold(session: Session, addresses: Collection[Address]) -> Answer[dict[Address, Held]]:
    """As `hold_open`, but that they are not waited for yet."""
    rows = as_list([(address.channel, address.external_id) for address in addresses])
    answer = _HOLD_OPEN.ask(session, rows=rows)
    return lambda: {held.address: held for held in (Held(*row) for row in answer())}


def hold(session: Session, ids: Collection[UUID]) -> dict[UUID, Held]:
    """These conversations, locked, whether open or closed."""
    found = (Held(*row) for row in _HOLD.fetch(session, rows=as_list([(one.hex,) for one in ids])))
    return {held.id: held for held in found}


def open_all(session: Session, new: Sequence[Held], now: datetime) -> None:
    """Write conversations that begin now. The caller holds the locks of their addresses."""
    _OPEN.write(
        session, [{**{name: getattr(held, name) for name in _NAMES}, "created_at": now} for held in new]
    )


def save_held(session: Session, held: Collection[Held]) -> None:
    """Write what has changed in conversations that are locked.

    Mostly that is when the customer wrote last, and nothing in any other index is touched.
    """
    heard, changed = [], []
    for one in held:
        now = _state_of(one)
        if one.before[:-1] != now[:-1]:
            changed.append({"of_id": one.id, **dict(zip(_CHANGES, now, strict=True))})
        elif one.before != now:
            heard.append({"of_id": one.id, "heard_at": one.heard_at})
    _HEAR.write(session, heard)
    _SAVE.write(session, changed)


def open_for(
    session: Session, owners: Mapping[Address, UUID], now: datetime
) -> dict[Address, Conversation]:
    """The open conversation of each address, locked; opened where there is none.

    `owners`: whose address it is. The caller holds the locks of the addresses.
    """
    columns = (col(Conversation.channel), col(Conversation.external_id))
    wanted, same = listed(session, columns, [(a.channel, a.external_id) for a in owners])
    known = select(Conversation.id).join(wanted, same).where(col(Conversation.closed_at).is_(None))
    locked = lock_conversations(session, session.exec(known).all()).values()
    # One that was closed between the two queries is not open any more.
    found = {each.address: each for each in locked if each.closed_at is None}
    for address in sorted(set(owners) - set(found), key=str):
        found[address] = Conversation(
            channel=address.channel,
            external_id=address.external_id,
            customer_id=owners[address],
            created_at=now,
        )
        session.add(found[address])
    session.flush()
    return found


def list_conversations(
    session: Session,
    *,
    customer_id: UUID | None = None,
    floor: str | None = None,
    channel: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Conversation]:
    """Conversations, newest first, older than `after`."""
    query = select(Conversation).order_by(col(Conversation.id).desc()).limit(limit)
    if customer_id:
        query = query.where(col(Conversation.customer_id) == customer_id)
    if floor:
        query = query.where(col(Conversation.floor) == floor)
    if channel:
        query = query.where(col(Conversation.channel) == channel)
    if after:
        query = query.where(col(Conversation.id) < after)
    return session.exec(query).all()


def _give_floor(session: Session, found: Conversation, floor: Floor, agent: str | None) -> Conversation:
    found.floor, found.agent, found.version = floor, agent, found.version + 1
    session.add(found)
    session.flush()
    return found


def take_over(session: Session, conversation_id: UUID, agent: str) -> Conversation:
    """Give an agent the floor; from this commit on the bot is silent. Refused when closed."""
    found = get_conversation(session, conversation_id, lock=True)
    if found.floor == "closed":
        raise Refused("the conversation is closed")
    if found.floor == "agent" and found.agent == agent:
        return found
    return _give_floor(session, found, "agent", agent)


def release(session: Session, conversation_id: UUID) -> Conversation:
    """Give the floor back to the bot. Refused when closed."""
    found = get_conversation(session, conversation_id, lock=True)
    if found.floor == "closed":
        raise Refused("the conversation is closed")
    return found if found.floor == "bot" else _give_floor(session, found, "bot", None)


def assign(session: Session, conversation_id: UUID, agent: str) -> Conversation:
    """Give the conversation to another agent, who has the floor from now on."""
    return take_over(session, conversation_id, agent)


def close(session: Session, conversation_id: UUID, now: datetime) -> Conversation:
    """End the conversation; the next message opens another. Closing twice changes nothing."""
    found = get_conversation(session, conversation_id, lock=True)
    if found.floor == "closed":
        return found
    found.closed_at = now
    return _give_floor(session, found, "closed", found.agent)


def note_since(session: Session, found: Conversation, now: datetime) -> None:
    """The floor has changed just now; the row is locked by the caller."""
    found.floor_since = now
    session.add(found)
    session.flush()


def mark_read(session: Session, found: Conversation, seq: int) -> None:
    """Staff have seen what the customer wrote up to this seq; the row is locked by the caller."""
    found.read_seq = max(found.read_seq, seq)
    session.add(found)
    session.flush()


def renew_leases(session: Session, worker: str, ids: Collection[UUID], now: datetime) -> None:
    """Hold these conversations for another while; one that is being written to is renewed the next time."""
    mine = select(Conversation.id).where(
        col(Conversation.id).in_(ids), col(Conversation.leased_by) == worker
    )
    free = mine.order_by(col(Conversation.id)).with_for_update(skip_locked=True)
    session.execute(
        update(Conversation).where(col(Conversation.id).in_(free)).values(leased_until=now + LEASE)
    )


def lease_waiting(
    session: Session,
    worker: str | None,
    limit: int,
    now: datetime,
    among: Collection[UUID] | None = None,
) -> list[UUID]:
    """Conversations in which messages wait and that nobody holds; with a worker, they are now its own.

    `among`: only of these; one that is just being written to is waited for, as nobody may name it again.
    """
    free = or_(col(Conversation.leased_until).is_(None), col(Conversation.leased_until) < now)
    waiting = text("id IN (SELECT conversation_id FROM messages WHERE work = 'waiting')")
    query = select(Conversation).where(waiting, free).order_by(col(Conversation.id)).limit(limit)
    if among is not None:
        query = query.where(col(Conversation.id).in_(among))
    if worker is None:
        return [found.id for found in session.exec(query)]
    found = session.exec(query.with_for_update(skip_locked=among is None)).all()
    for conversation in found:
        conversation.leased_by, conversation.leased_until = worker, now + LEASE
        session.add(conversation)
    return [conversation.id for conversation in found]


def drop_leases(session: Session, *, worker: str | None = None) -> None:
    """Let go of all that a worker holds; of everything, where the caller is known to be alone."""
    held = select(Conversation.id).where(col(Conversation.leased_by).is_not(None))
    if worker:
        held = held.where(col(Conversation.leased_by) == worker)
    ordered = held.order_by(col(Conversation.id)).with_for_update()
    session.execute(
        update(Conversation)
        .where(col(Conversation.id).in_(ordered))
        .values(leased_by=None, leased_until=None)
    )
