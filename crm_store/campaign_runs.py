"""Runs of campaigns and their recipients: one row a person and run, whether it was reached or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Index, func, text
from sqlalchemy import select as select_rows
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.customers import Customer
from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, insert_into, new_id
from crm_store.history import Message, is_push, is_queued
from crm_store.messages import NotFound
from crm_store.send_rules import HELD

ACTIVE = ("running", "paused")
_OPEN = text("ended_at IS NULL")
SENT = ("accepted", "delivered", "read")
NOT_SENT = ("failed", "skipped", "unknown")


class CampaignRun(SQLModel, table=True):
    """One time that a campaign goes out. `cursor`: the last customer that has its row already."""

    __tablename__ = "campaign_runs"
    __table_args__ = (
        Index("uq_campaign_runs_planned", "campaign_id", "planned_at", unique=True),
        Index("ix_campaign_runs_open", "worked_at", sqlite_where=_OPEN, postgresql_where=_OPEN),
        {"info": NOT_PERSONAL},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaigns.id")
    planned_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    status: str = Field(default="running", sa_column=Column(CleanText, nullable=False))
    audience: int = 0  # how many the segment had when the run began
    cursor: UUID | None = None
    collected: bool = False
    resumed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    worked_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    @property
    def source(self) -> str:
        """What its rows in the outbox carry."""
        return f"campaign:{self.id}"


class Recipient(SQLModel, table=True):
    """A person whom a run meant, and the message that they got, or the reason why they got none."""

    __tablename__ = "campaign_recipients"
    __table_args__ = (
        Index("ix_campaign_recipients_reason", "run_id", "reason"),
        Index("ix_campaign_recipients_customer", "customer_id"),
        {"info": {"personal": {"external_id": "pseudonym"}}},
    )

    run_id: UUID = Field(foreign_key="campaign_runs.id", primary_key=True)
    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    channel: str | None = Field(default=None, sa_column=Column(CleanText))
    external_id: str | None = Field(default=None, sa_column=Column(CleanText))
    language: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    message_id: UUID | None = None  # its row in the outbox
    reason: str | None = Field(default=None, sa_column=Column(CleanText))  # why it was left out
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is."""

    audience: int
    statuses: Mapping[str, int]  # messages by status
    left_out: Mapping[str, int]  # people by reason
    collected: bool

    @property
    def sent(self) -> int:
        """People who have got it."""
        return sum(self.statuses.get(status, 0) for status in SENT)

    @property
    def failed(self) -> int:
        """Messages that did not arrive, or of which nobody knows it."""
        return sum(self.statuses.get(status, 0) for status in NOT_SENT)

    @property
    def waiting(self) -> int:
        """Messages in the outbox."""
        return self.statuses.get("queued", 0) + self.statuses.get("sending", 0)

    @property
    def seen(self) -> int:
        """People with whom the run is done or who wait in the outbox."""
        return sum(self.statuses.values()) + sum(self.left_out.values())

    @property
    def to_come(self) -> int:
        """People who are still to be reached or left out."""
        return self.waiting + (0 if self.collected else max(0, self.audience - self.seen))

    @property
    def done(self) -> float:
        """The share of people with whom the run is done, from 0 to 1."""
        whole = max(self.audience, self.seen)
        return 1.0 if not whole else 1 - self.to_come / whole if self.to_come < whole else 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one person in a run."""

    customer_id: UUID
    display_name: str
    channel: str | None
    status: str  # of the message; "left_out"
    reason: str | None
    at: datetime
    conversation_id: UUID | None


def get_run(session: Session, run_id: UUID, *, lock: bool = False) -> CampaignRun:
    """The run, its row locked for this transaction if asked; NotFound if there is none."""
    query = select(CampaignRun).where(col(CampaignRun.id) == run_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"there is no run {run_id}")
    return found


def list_runs(session: Session, campaign_id: UUID, limit: int = 50) -> Sequence[CampaignRun]:
    """The runs of a campaign, newest first."""
    query = select(CampaignRun).where(col(CampaignRun.campaign_id) == campaign_id)
    return session.exec(query.order_by(col(CampaignRun.planned_at).desc()).limit(limit)).all()


def last_runs(session: Session, campaign_ids: Collection[UUID]) -> dict[UUID, CampaignRun]:
    """The newest run of each of these campaigns that has had one."""
    query = select(CampaignRun).where(col(CampaignRun.campaign_id).in_(campaign_ids))
    return {run.campaign_id: run for run in session.exec(query.order_by(col(CampaignRun.planned_at)))}


def longest_waiting_run(session: Session) -> CampaignRun | None:
    """Of the runs with work left, the one that nobody has worked on for the longest time."""
    at_work = col(CampaignRun.status).in_(("running", "stopped")) & col(CampaignRun.ended_at).is_(None)
    return session.exec(
        select(CampaignRun).where(at_work).order_by(col(CampaignRun.worked_at)).limit(1)
    ).first()


def find_active(session: Session, campaign_id: UUID) -> CampaignRun | None:
    """The campaign's run that has not ended, locked."""
    query = select(CampaignRun).where(
        col(CampaignRun.campaign_id) == campaign_id, col(CampaignRun.status).in_(ACTIVE)
    )
    return session.exec(query.with_for_update()).first()


def progress_of(session: Session, run: CampaignRun) -> Progress:
    """How far a run is, counted over indexes."""
    sent = select(Message.status, func.count()).where(is_push(), col(Message.source) == run.source)
    out = select(Recipient.reason, func.count()).where(
        col(Recipient.run_id) == run.id, col(Recipient.reason).is_not(None)
    )
    return Progress(
        audience=run.audience,
        statuses=dict(session.exec(sent.group_by(col(Message.status))).all()),
        left_out={str(why): n for why, n in session.exec(out.group_by(col(Recipient.reason)))},
        collected=run.collected,
    )


def reasons_of(session: Session, run: CampaignRun) -> Counter[str]:
    """Why messages of the run were not sent, or are not yet, by reason."""
    query = select(Message.reason, func.count()).where(
        is_push(), col(Message.source) == run.source, col(Message.reason).is_not(None)
    )
    return Counter({str(why): n for why, n in session.exec(query.group_by(col(Message.reason)))})


def latest_due(session: Session, run: CampaignRun, now: datetime) -> datetime | None:
    """When the last message that waits for its time, as in quiet hours, may go; None: none waits."""
    query = select(func.max(col(Message.due_at))).where(
        is_push(), is_queued(), col(Message.source) == run.source, col(Message.due_at) < HELD
    )
    latest = session.exec(query).one()
    return latest if latest and latest > now else None


def add_recipients(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write down whom a run means; a person who has a row in it already keeps it."""
    if rows:
        session.execute(insert_into(session, Recipient).on_conflict_do_nothing(), rows)


def is_waiting(session: Session, source: str) -> bool:
    """Whether anything of a run still stands in the outbox."""
    mine = (is_push(), col(Message.source) == source)
    query = select(Message.id).where(*mine, col(Message.status).in_(("queued", "sending")))
    return session.exec(query.limit(1)).first() is not None


def queued_of(
    session: Session, source: str, limit: int, *, held_since: datetime | None = None
) -> list[int]:
    """Rows of a run in the outbox, locked, as seqs; those that are held if `held_since` is given."""
    query = select(Message.seq).where(is_push(), is_queued(), col(Message.source) == source)
    if held_since:
        query = query.where(col(Message.due_at) >= held_since)
    # "+ 0": the run's own index, and not the order of the whole table.
    found = session.exec(
        query.order_by(col(Message.seq) + 0).limit(limit).with_for_update(skip_locked=True)
    )
    return [seq for seq in found if seq is not None]


def list_results(
    session: Session,
    run: CampaignRun,
    *,
    statuses: Collection[str] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> list[Result]:
    """What became of each person behind `after`, by their ids; only these states if any are named."""
    joined = col(Message.id) == col(Recipient.message_id)
    columns: list[Any] = [
        Recipient,
        Message.status,
        Message.reason,
        Message.sent_at,
        Message.conversation_id,
    ]
    query = select_rows(*columns).join(Message, joined, isouter="left_out" in statuses or not statuses)
    query = query.where(col(Recipient.run_id) == run.id)
    if statuses:
        wanted: ColumnElement[bool] = col(Message.status).in_(statuses)
        if "left_out" in statuses:
            wanted |= col(Recipient.reason).is_not(None)
        query = query.where(wanted)
    if after:
        query = query.where(col(Recipient.customer_id) > after)
    rows = session.execute(query.order_by(col(Recipient.customer_id)).limit(limit)).all()
    ids = [row[0].customer_id for row in rows]
    named = select(Customer.id, Customer.display_name).where(col(Customer.id).in_(ids))
    names = dict(session.exec(named).all()) if ids else {}
    return [
        Result(
            customer_id=recipient.customer_id,
            display_name=names.get(recipient.customer_id, ""),
            channel=recipient.channel,
            status=status or "left_out",
            reason=recipient.reason or reason,
            at=sent_at or recipient.created_at,
            conversation_id=conversation_id,
        )
        for recipient, status, reason, sent_at, conversation_id in rows
    ]
