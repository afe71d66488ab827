"""Follow-ups, one to one: a word to one customer at its time, or a task for an agent. Each fires once.

Planned ones are rows. What is due goes into the outbox, under a key that makes twice impossible, or to
an agent where nothing may be sent; what became of it comes from the outbox's row: `due_followups.py`.
Locks, as everywhere: identities, conversations, then follow-ups, then
messages, each by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Index, Text, func, literal_column, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanText, UtcDateTime, new_id
from crm_store.history import Message
from crm_store.messages import Address, NotFound, Refused

State = Literal["planned", "sent", "cancelled", "task", "done", "missed"]
STATES: tuple[State, ...] = ("planned", "sent", "cancelled", "task", "done", "missed")

BY_CUSTOMER = "customer"
WRITTEN = "the customer wrote first"
CALLED_OFF = "the customer called it off"
CANCELLED = "it was cancelled"
PAST = "the time of a follow-up must be in the future"
TOO_MANY = "this customer has fifty planned follow-ups already"
OVER = "the follow-up is over already"
BEING_SENT = "the follow-up is being sent already"
NO_TASK = "the follow-up is no task"
REASONS = (WRITTEN, CALLED_OFF, CANCELLED, PAST, TOO_MANY, OVER, BEING_SENT, NO_TASK)
MOST_PLANNED = 50  # for one customer: nobody needs more, and a script that asks for thousands is stopped

_PLANNED = text("state = 'planned'")
_AWAITING = text("state = 'planned' AND cancel_if_written")
_TO_BE_CANCELLED = text("followups.cancel_if_written")
_IS_PLANNED = literal_column("'planned'", Text)  # a partial index is only used for the literal


class FollowUp(SQLModel, table=True):
    """What is to be said to a customer at `due_at`, or to be done by an agent then.

    `planned` with a `message_id`: it stands in the outbox and has not been sent yet.
    """

    __tablename__ = "followups"
    __table_args__ = (
        Index("ix_followups_due", "due_at", sqlite_where=_PLANNED, postgresql_where=_PLANNED),
        Index("ix_followups_awaiting", "customer_id", sqlite_where=_AWAITING, postgresql_where=_AWAITING),
        Index("ix_followups_customer", "customer_id", "due_at"),
        Index("ix_followups_agent", "state", "agent", "due_at"),
        {"info": {"personal": {"external_id": "pseudonym", "text": "erase"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    customer_id: UUID = Field(foreign_key="customers.id")
    channel: str = Field(sa_column=Column(CleanText, nullable=False))
    external_id: str = Field(sa_column=Column(CleanText, nullable=False))
    text: str = Field(sa_column=Column(CleanText, nullable=False))
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    state: str = Field(default="planned", sa_column=Column(CleanText, nullable=False))
    planned_by: str = Field(sa_column=Column(CleanText, nullable=False))  # "customer", "agent:lin"
    agent: str | None = Field(default=None, sa_column=Column(CleanText))  # whose task it is, or would be
    cancel_if_written: bool = False  # by the customer, before it is sent
    source_id: UUID | None = None  # the message in which the customer asked for it
    message_id: UUID | None = None  # its row in the outbox
    reason: str | None = Field(default=None, sa_column=Column(CleanText))  # why it is as it is
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    @property
    def address(self) -> Address:
        """Where it is said."""
        return Address(self.channel, self.external_id)


def is_planned() -> ColumnElement[bool]:
    """The condition for what is still to come, so that its index is used."""
    return col(FollowUp.state) == _IS_PLANNED


def get_followup(session: Session, followup_id: UUID, *, lock: bool = False) -> FollowUp:
    """The follow-up, its row locked for this transaction if asked; NotFound if there is none."""
    query = select(FollowUp).where(col(FollowUp.id) == followup_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"there is no follow-up {followup_id}")
    return found


def list_followups(
    session: Session,
    *,
    customer_id: UUID | None = None,
    agent: str | None = None,
    state: str | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[FollowUp]:
    """Follow-ups, newest first, older than `after`; of one customer, agent or state if named."""
    query = select(FollowUp).order_by(col(FollowUp.id).desc()).limit(limit)
    if customer_id:
        query = query.where(col(FollowUp.customer_id) == customer_id)
    if agent:
        query = query.where(col(FollowUp.agent) == agent)
    if state:
        query = query.where(col(FollowUp.state) == state)
    if after:
        query = query.where(col(FollowUp.id) < after)
    return session.exec(query).all()


def planned_for(session: Session, customer_id: UUID) -> Sequence[FollowUp]:
    """What a customer asked for and is still to come, the next one first."""
    query = select(FollowUp).where(
        col(FollowUp.customer_id) == customer_id, is_planned(), col(FollowUp.planned_by) == BY_CUSTOMER
    )
    return session.exec(query.order_by(col(FollowUp.due_at), col(FollowUp.id))).all()


def open_for_customer(session: Session, customer_id: UUID, limit: int) -> Sequence[FollowUp]:
    """What is still to be said to a customer or done for them, or did not arrive, the next one first."""
    query = select(FollowUp).where(
        col(FollowUp.customer_id) == customer_id, col(FollowUp.state).in_(("planned", "task", "missed"))
    )
    return session.exec(query.order_by(col(FollowUp.due_at), col(FollowUp.id)).limit(limit)).all()


def for_agent(
    session: Session,
    agent: str | None,
    states: Collection[str],
    *,
    latest: bool = False,
    limit: int = 100,
) -> Sequence[FollowUp]:
    """An agent's follow-ups in these states (None: those that are nobody's), the next due first."""
    owned = col(FollowUp.agent).is_(None) if agent is None else col(FollowUp.agent) == agent
    query = select(FollowUp).where(col(FollowUp.state).in_(states), owned)
    order = col(FollowUp.due_at).desc() if latest else col(FollowUp.due_at)
    return session.exec(query.order_by(order, col(FollowUp.id)).limit(limit)).all()


def plan(
    session: Session,
    *,
    customer_id: UUID,
    address: Address,
    text: str,
    due_at: datetime,
    planned_by: str,
    now: datetime,
    agent: str | None = None,
    cancel_if_written: bool = False,
    source_id: UUID | None = None,
) -> FollowUp:
    """Plan a word to a customer. Refused for a time that has passed, and beyond `MOST_PLANNED`."""
    if due_at <= now:
        raise Refused(PAST)
    mine = select(func.count()).where(col(FollowUp.customer_id) == customer_id, is_planned())
    if session.exec(mine).one() >= MOST_PLANNED:
        raise Refused(TOO_MANY)
    row = FollowUp(
        customer_id=customer_id,
        channel=address.channel,
        external_id=address.external_id,
        text=text,
        due_at=due_at.astimezone(UTC),
        planned_by=planned_by,
        agent=agent,
        cancel_if_written=cancel_if_written,
        source_id=source_id,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return row


def add_task(
    session: Session,
    *,
    customer_id: UUID,
    address: Address,
    text: str,
    due_at: datetime,
    agent: str,
    now: datetime,
) -> FollowUp:
    """Something that an agent has to do for a customer at a time; nothing is sent by itself."""
    row = FollowUp(
        customer_id=customer_id,
        channel=address.channel,
        external_id=address.external_id,
        text=text,
        due_at=due_at.astimezone(UTC),
        state="task",
        planned_by=f"agent:{agent}",
        agent=agent,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    return row


def cancel(session: Session, followup_id: UUID, reason: str, now: datetime) -> FollowUp:
    """Neither send nor do it. Refused when it is being sent or is over; cancelling twice is once."""
    found = get_followup(session, followup_id, lock=True)
    if found.state == "cancelled":
        return found
    if found.state not in ("planned", "task"):
        raise Refused(OVER)
    if found.message_id and found.message_id not in _take_back(session, [found.message_id], reason):
        raise Refused(BEING_SENT)
    _end(found, "cancelled", reason, now)
    session.add(found)
    session.flush()
    return found


def complete(session: Session, followup_id: UUID, now: datetime) -> FollowUp:
    """An agent has done the task. Refused for what is no task; doing it twice is once."""
    found = get_followup(session, followup_id, lock=True)
    if found.state == "done":
        return found
    if found.state not in ("task", "missed"):
        raise Refused(NO_TASK)
    _end(found, "done", found.reason, now)
    session.add(found)
    session.flush()
    return found


def _is_awaiting() -> ColumnElement[bool]:
    # As the index says it: a comparison with true would not find it.
    return is_planned() & _TO_BE_CANCELLED


def is_awaited(customer_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether something is planned for the case that this customer does not write."""
    # Each customer looked up by itself: a join may be begun at the follow-ups, however many are planned.
    return select(FollowUp.id).where(col(FollowUp.customer_id) == customer_id, _is_awaiting()).exists()


def cancel_awaiting(session: Session, customer_ids: Collection[UUID], now: datetime) -> None:
    """These customers have written: what was planned for their silence is not sent."""
    waits = (_is_awaiting(), col(FollowUp.customer_id).in_(customer_ids))
    query = select(FollowUp).where(*waits).order_by(col(FollowUp.id))
    found = session.exec(query.with_for_update()).all()
    queued = [row.message_id for row in found if row.message_id]
    taken = _take_back(session, queued, WRITTEN) if queued else set()
    for row in found:
        # One that is being sent in this moment cannot be called back.
        if row.message_id is None or row.message_id in taken:
            _end(row, "cancelled", WRITTEN, now)
            session.add(row)


def end_all(session: Session, customer_id: UUID, reason: str, now: datetime) -> None:
    """Cancel all that is planned for a customer, or still to be done; the outbox is left to the caller."""
    query = select(FollowUp).where(
        col(FollowUp.customer_id) == customer_id, col(FollowUp.state).in_(("planned", "task"))
    )
    for row in session.exec(query.order_by(col(FollowUp.id)).with_for_update()).all():
        _end(row, "cancelled", reason, now)
        session.add(row)


def _take_back(session: Session, message_ids: Collection[UUID], reason: str) -> set[UUID]:
    """Those of the rows in the outbox that nobody has begun to send, and that are not sent any more."""
    queued = select(Message.seq).where(col(Message.id).in_(message_ids), col(Message.status) == "queued")
    mine = queued.order_by(col(Message.seq)).with_for_update()
    taken = update(Message).where(col(Message.seq).in_(mine)).values(status="skipped", reason=reason)
    return set(session.scalars(taken.returning(col(Message.id))))


def _end(row: FollowUp, state: State, reason: str | None, now: datetime) -> None:
    row.state, row.reason, row.updated_at = state, reason, now
