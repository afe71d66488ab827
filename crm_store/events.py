"""Events: what other systems know of a customer, such as orders and visits. Each is written down once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanJson, CleanText, UtcDateTime, insert_into, listed, new_id
from crm_store.messages import clean


class Event(SQLModel, table=True):
    """Something that happened to a customer elsewhere. Its source and key make a repeat recognisable."""

    __tablename__ = "events"
    __table_args__ = (
        Index("uq_events_key", "source", "key", unique=True),
        Index("ix_events_name", "name", "at", "customer_id"),
        Index("ix_events_customer", "customer_id", "at"),
        # That something was bought stays countable; what, and under which number, does not stay.
        {"info": {"personal": {"key": "pseudonym", "data": "erase"}}},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    customer_id: UUID = Field(foreign_key="customers.id")
    name: str = Field(sa_column=Column(CleanText, nullable=False))  # "order.paid"
    source: str = Field(sa_column=Column(CleanText, nullable=False))  # who says so: the token's owner
    key: str = Field(sa_column=Column(CleanText, nullable=False))  # the source's own, of this event
    at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))  # when it happened
    data: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


@dataclass(frozen=True, slots=True)
class Happened:
    """What a source tells of one event."""

    customer_id: UUID
    name: str
    key: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


def add_events(
    session: Session, source: str, happened: Sequence[Happened], now: datetime
) -> list[tuple[Event, bool]]:
    """Write events down; of each the row, and whether it is new. A repeat gives the first row."""
    if not happened:
        return []
    rows = [_row(source, each, now) for each in happened]
    # In the order of their keys, as everywhere: two bulks that overlap do not wait for each other.
    rows.sort(key=lambda row: row["key"])
    session.execute(insert_into(session, Event).on_conflict_do_nothing(), rows)
    ids = {row["id"] for row in rows}
    wanted, same = listed(session, (col(Event.source), col(Event.key)), [(source, r["key"]) for r in rows])
    found = {event.key: event for event in session.exec(select(Event).join(wanted, same))}
    new: list[tuple[Event, bool]] = []
    for each in happened:
        event = found[clean(each.key)]
        new.append((event, event.id in ids))
        ids.discard(event.id)  # The second of two equal ones in one bulk is a repeat.
    return new


def list_events(
    session: Session, customer_id: UUID, *, after: UUID | None = None, limit: int = 50
) -> Sequence[Event]:
    """A customer's events, the latest to happen first, those behind the event `after`."""
    query = select(Event).where(col(Event.customer_id) == customer_id)
    last = session.get(Event, after) if after else None
    if last:
        same_time = (col(Event.at) == last.at) & (col(Event.id) < last.id)
        query = query.where((col(Event.at) < last.at) | same_time)
    return session.exec(query.order_by(col(Event.at).desc(), col(Event.id).desc()).limit(limit)).all()


def _row(source: str, happened: Happened, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "customer_id": happened.customer_id,
        "name": happened.name,
        "source": source,
        "key": clean(happened.key),
        "at": happened.at,
        "data": happened.data,
        "created_at": now,
    }
