"""Campaigns: what a marketer wants to say, to whom and when. Their runs are in `campaign_runs.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit
from crm_store.campaign_texts import read_texts
from crm_store.channels import policies
from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id
from crm_store.messages import NotFound, Refused
from crm_store.schedules import check_schedule

State = Literal["draft", "scheduled", "running", "paused", "stopped", "finished"]
STATES: tuple[State, ...] = ("draft", "scheduled", "running", "paused", "stopped", "finished")
EDITABLE: tuple[State, ...] = ("draft", "scheduled")
FIELDS = ("name", "trigger", "params", "texts", "channels", "schedule")

NO_NAME = "a campaign needs a name"
NOT_EDITABLE = "only a draft or a scheduled campaign can be edited"
NO_CHANNEL = "there is no such channel"
REASONS = (NO_NAME, NOT_EDITABLE, NO_CHANNEL)


class Campaign(SQLModel, table=True):
    """A message for many. `trigger` and `params` say to whom; `next_at` is when its next run begins."""

    __tablename__ = "campaigns"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False))
    trigger: str = Field(default="broadcast", sa_column=Column(CleanText, nullable=False))
    params: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    # {"language", "text": "… {display_name} …", "buttons": [{"title", "payload"}]}, the default first
    texts: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(CleanJson, nullable=False))
    # Names of channels; none: all of them.
    channels: list[str] = Field(default_factory=list, sa_column=Column(CleanJson, nullable=False))
    # {"kind": "now"}, {"kind": "at", "at": ISO time}, {"kind": "cron", "cron": "0 10 * * mon", "timezone"}
    schedule: dict[str, Any] = Field(
        default_factory=lambda: {"kind": "now"}, sa_column=Column(CleanJson, nullable=False)
    )
    status: str = Field(default="draft", sa_column=Column(CleanText, nullable=False))
    next_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    created_by: str = Field(sa_column=Column(CleanText, nullable=False))  # "staff:lin", "token:ID"
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def get_campaign(session: Session, campaign_id: UUID, *, lock: bool = False) -> Campaign:
    """The campaign, its row locked for this transaction if asked; NotFound if there is none."""
    query = select(Campaign).where(col(Campaign.id) == campaign_id)
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"there is no campaign {campaign_id}")
    return found


def list_campaigns(
    session: Session,
    *,
    statuses: Collection[str] = (),
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[Campaign]:
    """Campaigns, newest first, older than `after`; in one of these states if any are named."""
    query = select(Campaign).order_by(col(Campaign.id).desc()).limit(limit)
    if statuses:
        query = query.where(col(Campaign.status).in_(statuses))
    return session.exec(query.where(col(Campaign.id) < after) if after else query).all()


def make_campaign(session: Session, fields: Mapping[str, Any], *, actor: str, now: datetime) -> Campaign:
    """A draft: it may be incomplete, but what is there must be right. The caller checks `params`."""
    row = Campaign(name="", created_by=actor, created_at=now, updated_at=now)
    _set(session, row, fields)
    session.add(row)
    session.flush()
    note_campaign(session, row, "created", actor, now, {name: fields[name] for name in fields})
    return row


def edit_campaign(
    session: Session, campaign_id: UUID, fields: Mapping[str, Any], *, actor: str, now: datetime
) -> Campaign:
    """Change what is given. Refused unless it is a draft or scheduled."""
    row = get_campaign(session, campaign_id, lock=True)
    if row.status not in EDITABLE:
        raise Refused(NOT_EDITABLE)
    before = {name: getattr(row, name) for name in fields}
    _set(session, row, fields)
    row.updated_at = now
    session.add(row)
    session.flush()
    changed = {
        n: {"from": old, "to": getattr(row, n)} for n, old in before.items() if old != getattr(row, n)
    }
    if changed:
        note_campaign(session, row, "edited", actor, now, changed)
    return row


def note_campaign(
    session: Session,
    row: Campaign,
    deed: str,
    actor: str,
    now: datetime,
    changes: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what to a campaign."""
    action = f"campaign.{deed}"
    audit.note(
        session, actor=actor, action=action, noun="campaign", noun_id=row.id, now=now, changes=changes
    )


def _set(session: Session, row: Campaign, fields: Mapping[str, Any]) -> None:
    for name in FIELDS:
        if name in fields:
            setattr(row, name, fields[name])
    row.name = row.name.strip()
    if not row.name:
        raise Refused(NO_NAME)
    read_texts(row.texts)
    check_schedule(row.schedule)
    if set(row.channels) - set(policies(session)):
        raise Refused(NO_CHANNEL)
