"""Segments: saved descriptions of customers. What one may say, and its SQL: `segment_query.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, func
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit
from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id
from crm_store.messages import NotFound, Refused
from crm_store.segment_query import check_definition

NO_NAME = "a segment needs a name"
REASONS = (NO_NAME,)


class Segment(SQLModel, table=True):
    """A description of customers under a name. Whom it fits is asked anew each time."""

    __tablename__ = "segments"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))
    definition: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    created_by: str = Field(sa_column=Column(CleanText, nullable=False))  # "staff:lin", "token:ID"
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def get_segment(session: Session, segment_id: UUID) -> Segment:
    """The segment; NotFound if there is none."""
    found = session.get(Segment, segment_id)
    if found is None:
        raise NotFound(f"there is no segment {segment_id}")
    return found


def list_segments(session: Session, *, after: UUID | None = None, limit: int = 50) -> Sequence[Segment]:
    """Segments, newest first, older than `after`."""
    query = select(Segment).order_by(col(Segment.id).desc()).limit(limit)
    return session.exec(query.where(col(Segment.id) < after) if after else query).all()


def save_segment(
    session: Session,
    name: str,
    definition: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
    segment_id: UUID | None = None,
) -> Segment:
    """Save a new segment, or change one. InvalidSegment if it is wrong, Refused for a taken name."""
    name = name.strip()
    if not name:
        raise Refused(NO_NAME)
    check_definition(definition)
    _check_name(session, name, segment_id)
    if segment_id is None:
        row = Segment(name=name, definition={}, created_by=actor, created_at=now, updated_at=now)
    else:
        row = get_segment(session, segment_id)
    changes = {"name": name, "definition": dict(definition)}
    row.name, row.definition, row.updated_at = name, dict(definition), now
    session.add(row)
    session.flush()
    action = "segment.created" if segment_id is None else "segment.edited"
    audit.note(
        session, actor=actor, action=action, noun="segment", noun_id=row.id, now=now, changes=changes
    )
    return row


def delete_segment(session: Session, segment_id: UUID, *, actor: str, now: datetime) -> None:
    """Forget a segment. Campaigns keep the description that they were written with."""
    row = get_segment(session, segment_id)
    session.delete(row)
    changes = {"name": row.name}
    audit.note(
        session,
        actor=actor,
        action="segment.deleted",
        noun="segment",
        noun_id=segment_id,
        now=now,
        changes=changes,
    )


def _check_name(session: Session, name: str, own: UUID | None) -> None:
    same = select(Segment.id).where(func.lower(col(Segment.name)) == name.lower())
    if any(found != own for found in session.exec(same)):
        raise Refused(f"there is a segment named {name} already")
