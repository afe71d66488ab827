"""What is done to a campaign: launched, paused, resumed, stopped. Each stands in the audit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from crm_store.campaign_runs import find_active
from crm_store.campaign_texts import read_texts
from crm_store.campaigns import Campaign, get_campaign, note_campaign
from crm_store.messages import Refused
from crm_store.schedules import first_time

NO_TEXT = "a campaign needs a text"
IN_THE_PAST = "the time of the campaign has passed"
NOT_A_DRAFT = "only a draft can be launched"
NOT_RUNNING = "only a running or a scheduled campaign can be paused"
NOT_PAUSED = "only a paused campaign can be resumed"
ENDED = "the campaign has ended already"
REASONS = (NO_TEXT, IN_THE_PAST, NOT_A_DRAFT, NOT_RUNNING, NOT_PAUSED, ENDED)


def check_complete(campaign: Campaign, now: datetime) -> None:
    """Refused with what a campaign still lacks before it can be launched."""
    texts = read_texts(campaign.texts)
    if not texts or not all(text.text.strip() for text in texts):
        raise Refused(NO_TEXT)
    first = first_time(campaign.schedule, now)
    if first is None or first < now:
        raise Refused(IN_THE_PAST)


def launch(session: Session, campaign_id: UUID, *, actor: str, now: datetime) -> Campaign:
    """From now on it runs by itself, at its time."""
    row = get_campaign(session, campaign_id, lock=True)
    if row.status != "draft":
        raise Refused(NOT_A_DRAFT)
    check_complete(row, now)
    row.next_at = first_time(row.schedule, now)
    return _become(session, row, "scheduled", "launched", actor, now)


def reschedule(session: Session, row: Campaign, now: datetime) -> None:
    """After an edit of a scheduled campaign: its new time."""
    if row.status == "scheduled":
        check_complete(row, now)
        row.next_at = first_time(row.schedule, now)
        session.add(row)
        session.flush()


def pause(session: Session, campaign_id: UUID, *, actor: str, now: datetime) -> Campaign:
    """Nothing more goes out from this commit on; what is queued is held."""
    row = get_campaign(session, campaign_id, lock=True)
    if row.status not in ("running", "scheduled"):
        raise Refused(NOT_RUNNING)
    run = find_active(session, campaign_id)
    if run:
        run.status = "paused"
        session.add(run)
    return _become(session, row, "paused", "paused", actor, now)


def resume(session: Session, campaign_id: UUID, *, actor: str, now: datetime) -> Campaign:
    """Go on. A campaign whose time came while it was paused begins now, once."""
    row = get_campaign(session, campaign_id, lock=True)
    if row.status != "paused":
        raise Refused(NOT_PAUSED)
    run = find_active(session, campaign_id)
    if run:
        run.status, run.resumed_at = "running", now
        session.add(run)
    return _become(session, row, "running" if run else "scheduled", "resumed", actor, now)


def stop(session: Session, campaign_id: UUID, *, actor: str, now: datetime) -> Campaign:
    """End it for good: what has not gone out yet does not go out any more."""
    row = get_campaign(session, campaign_id, lock=True)
    if row.status in ("stopped", "finished"):
        raise Refused(ENDED)
    run = find_active(session, campaign_id)
    if run:
        run.status = "stopped"
        session.add(run)
    row.next_at = None
    return _become(session, row, "stopped", "stopped", actor, now)


def _become(session: Session, row: Campaign, status: str, deed: str, actor: str, now: datetime) -> Campaign:
    changes = {"status": {"from": row.status, "to": status}}
    row.status, row.updated_at = status, now
    session.add(row)
    session.flush()
    note_campaign(session, row, deed, actor, now, changes)
    return row
