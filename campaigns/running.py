"""Campaigns that run: once a second each is taken a piece further. The rows are the truth.

A piece is one transaction: people get their rows as recipients, their messages stand in the outbox and
the run remembers how far it is. Whatever is interrupted has happened wholly or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlmodel import Session, col, select

from campaigns.base import find_trigger
from campaigns.plan import count, piece
from campaigns.reach import LeftOut, Reached, Wanted, reach
from crm_store import outbox
from crm_store.campaign_runs import (
    CampaignRun,
    add_recipients,
    get_run,
    is_waiting,
    longest_waiting_run,
    queued_of,
)
from crm_store.campaigns import Campaign, get_campaign
from crm_store.conversations import open_for
from crm_store.history import Message
from crm_store.identities import lock_identities
from crm_store.schedules import next_time
from crm_store.send_rules import CAMPAIGN_STOPPED, HELD, Rules

MOST_BEGUN = 10
PIECE = 250  # people in one tick: an answer that comes meanwhile waits for no more on SQLite
ROWS = 2000  # of the outbox that are held no more, or stopped, in one tick
RELEASE_FOR = timedelta(minutes=1)  # a row may still be held by who read the pause just before its end


def tick(session: Session, now: datetime, *, rules: Rules) -> set[str]:
    """Begin what is due and take what runs a piece further; returns channels with something to send."""
    _begin_due(session, now)
    # One a tick: its locks are taken in the order in which everybody takes them, once.
    found = longest_waiting_run(session)
    if found is None:
        return set()
    campaign, run = (
        get_campaign(session, found.campaign_id, lock=True),
        get_run(session, found.id, lock=True),
    )
    run.worked_at = now
    session.add(run)
    if run.status == "running":
        return _advance(session, campaign, run, rules, now)
    if run.status == "stopped":
        _stop_rows(session, run, now)
    return set()


def _begin_due(session: Session, now: datetime) -> None:
    due = (col(Campaign.status) == "scheduled", col(Campaign.next_at) <= now)
    query = select(Campaign).where(*due).order_by(col(Campaign.id)).limit(MOST_BEGUN)
    for campaign in session.exec(query.with_for_update(skip_locked=True)).all():
        people = find_trigger(campaign.trigger).whom(session, campaign.params, now)
        session.add(
            CampaignRun(
                campaign_id=campaign.id,
                planned_at=campaign.next_at or now,
                audience=count(session, people),
                started_at=now,
                worked_at=now,
            )
        )
        # Times that were missed, because nothing ran then, are one time.
        campaign.status, campaign.next_at = "running", next_time(campaign.schedule, now)
        campaign.updated_at = now
        session.add(campaign)
        session.flush()


def _advance(
    session: Session, campaign: Campaign, run: CampaignRun, rules: Rules, now: datetime
) -> set[str]:
    queued = set[str]()
    if not run.collected:
        queued |= _collect(session, campaign, run, rules, now)
    if run.resumed_at:
        queued |= _release(session, run, now)
    if run.collected and not run.resumed_at and not is_waiting(session, run.source):
        _finish(session, campaign, run, now)
    session.flush()
    return queued


def _collect(
    session: Session, campaign: Campaign, run: CampaignRun, rules: Rules, now: datetime
) -> set[str]:
    """The next people of a run: their rows, and their messages into the outbox."""
    people = find_trigger(campaign.trigger).whom(session, campaign.params, run.started_at)
    ids = piece(session, people, run.cursor, PIECE)
    outcomes = reach(session, ids, Wanted.of(session, campaign, rules), now)
    queued = _queue(session, run, [o for o in outcomes if isinstance(o, Reached)], now)
    add_recipients(session, [_row(run, outcome, queued, now) for outcome in outcomes])
    if ids:
        run.cursor = ids[-1]
    run.collected = len(ids) < PIECE
    return {outcome.address.channel for outcome in outcomes if isinstance(outcome, Reached)}


def _queue(
    session: Session, run: CampaignRun, reached: Sequence[Reached], now: datetime
) -> dict[UUID, UUID]:
    """Messages into the outbox; their ids by customer."""
    identities = lock_identities(session, [one.address for one in reached])
    owners = {address: identity.customer_id for address, identity in identities.items()}
    conversations = open_for(session, owners, now) if owners else {}
    rows, found = [], dict[UUID, UUID]()
    for one in reached:
        if one.address not in conversations:
            continue  # Erased in this very moment.
        row = outbox.draft(
            conversations[one.address],
            one.content,
            sender="campaign",
            source=run.source,
            key=f"campaign:{run.id.hex}",
            now=now,
        )
        rows.append(row)
        found[one.customer_id] = row["id"]
    outbox.queue(session, rows)
    return found


def _row(
    run: CampaignRun, outcome: Reached | LeftOut, queued: dict[UUID, UUID], now: datetime
) -> dict[str, Any]:
    address = outcome.address if isinstance(outcome, Reached) else None
    return {
        "run_id": run.id,
        "customer_id": outcome.customer_id,
        "channel": address.channel if address else None,
        "external_id": address.external_id if address else None,
        "language": outcome.language,
        "message_id": queued.get(outcome.customer_id),
        "reason": outcome.reason if isinstance(outcome, LeftOut) else None,
        "created_at": now,
    }


def _release(session: Session, run: CampaignRun, now: datetime) -> set[str]:
    """After a pause: what was held is due again."""
    seqs = queued_of(session, run.source, ROWS, held_since=HELD)
    if not seqs:
        if run.resumed_at and now - run.resumed_at > RELEASE_FOR:
            run.resumed_at = None
        return set()
    held = col(Message.seq).in_(seqs)
    session.execute(update(Message).where(held).values(due_at=now, reason=None))
    return set(session.exec(select(Message.channel).where(held).distinct()))


def _stop_rows(session: Session, run: CampaignRun, now: datetime) -> None:
    """What has not gone out yet does not go out any more."""
    seqs = queued_of(session, run.source, ROWS)
    skipped = update(Message).where(col(Message.seq).in_(seqs))
    session.execute(skipped.values(status="skipped", reason=CAMPAIGN_STOPPED))
    if not seqs and not is_waiting(session, run.source):
        run.ended_at = now
        session.flush()


def _finish(session: Session, campaign: Campaign, run: CampaignRun, now: datetime) -> None:
    run.status, run.ended_at = "finished", now
    if campaign.status == "running":
        campaign.status = "scheduled" if campaign.next_at else "finished"
        campaign.updated_at = now
        session.add(campaign)
