"""What the demo shop has planned: follow-ups, tasks, a campaign that is over and one that goes out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from crm_store import outbox
from crm_store.campaign_runs import CampaignRun, Recipient
from crm_store.campaigns import Campaign
from crm_store.consents import Consent
from crm_store.conversations import Conversation, open_for
from crm_store.customers import Customer
from crm_store.followups import FollowUp, plan
from crm_store.identities import Identity
from crm_store.messages import Content
from crm_store.send_rules import STOPPED_BY_CUSTOMER, WINDOW_CLOSED

_READ = 5  # one in so many has read it
_RUNNING_SINCE = timedelta(minutes=12)


def plan_followups(session: Session, wanted: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Follow-ups of agents, and tasks that fell to them."""
    for one in wanted:
        query = select(Identity).where(col(Identity.external_id) == one["customer"])
        identity = session.exec(query).one()
        due_at = now + timedelta(hours=one["hours"])
        if one.get("task"):
            session.add(_task(one, identity, due_at, now))
            continue
        plan(
            session,
            customer_id=identity.customer_id,
            address=identity.address,
            text=one["text"],
            due_at=due_at,
            planned_by=f"agent:{one['agent']}",
            agent=one["agent"],
            cancel_if_written=one.get("cancel_if_written", False),
            now=now,
        )


def _task(one: Mapping[str, Any], identity: Identity, due_at: datetime, now: datetime) -> FollowUp:
    return FollowUp(
        customer_id=identity.customer_id,
        channel=identity.channel,
        external_id=identity.external_id,
        text=one["text"],
        due_at=due_at,
        state="task",
        planned_by=f"agent:{one['agent']}",
        agent=one["agent"],
        reason=one["reason"],
        created_at=due_at - timedelta(days=1),
        updated_at=now,
    )


def launch(session: Session, one: Mapping[str, Any], now: datetime) -> None:
    """A campaign that is over, or one of which a word goes out every few minutes."""
    running = "every" in one
    began = now - (_RUNNING_SINCE if running else timedelta(days=one["days"]))
    campaign, run = _begun(session, one, began, running)
    every = timedelta(minutes=one["every"]) if running else timedelta(seconds=2)
    reached = 0
    for customer, identity in _people(session, one["channels"], began):
        opened = open_for(session, {identity.address: customer.id}, began)
        conversation = opened[identity.address]
        reason = _left_out(session, identity, run.audience, running)
        language = "zh" if customer.language == "zh" else "en"
        row = None
        if reason is None:
            text = one["texts"][language].format(display_name=customer.display_name)
            row = _row(conversation, run, text, began + reached * every, now)
            outbox.queue(session, [row])
            reached += 1
        session.add(
            Recipient(
                run_id=run.id,
                customer_id=customer.id,
                channel=identity.channel,
                external_id=identity.external_id,
                language=language,
                message_id=row["id"] if row else None,
                reason=reason,
                created_at=began,
            )
        )
        run.audience += 1
    if not running:
        run.ended_at = began + reached * every
    session.add_all([campaign, run])


def _begun(
    session: Session, one: Mapping[str, Any], began: datetime, running: bool
) -> tuple[Campaign, CampaignRun]:
    status = "running" if running else "finished"
    campaign = Campaign(
        name=one["name"],
        params={"segment": one["segment"]},
        texts=[{"language": name, "text": text, "buttons": []} for name, text in one["texts"].items()],
        channels=list(one["channels"]),
        schedule={"kind": "now"},
        status=status,
        created_by="staff:marketer",
        created_at=began - timedelta(hours=3),
        updated_at=began,
    )
    session.add(campaign)
    session.flush()
    run = CampaignRun(
        campaign_id=campaign.id,
        planned_at=began,
        status=status,
        collected=True,
        started_at=began,
        worked_at=began,
    )
    session.add(run)
    session.flush()
    return campaign, run


def _people(
    session: Session, channels: Sequence[str], began: datetime
) -> Iterator[tuple[Customer, Identity]]:
    """Everybody who was known then, at one address on one of the channels."""
    query = select(Customer, Identity).join(Identity, col(Identity.customer_id) == col(Customer.id))
    query = query.where(col(Identity.channel).in_(channels), col(Customer.created_at) < began)
    seen = set()
    for customer, identity in session.exec(query.order_by(col(Customer.id), col(Identity.channel))).all():
        if customer.id not in seen:
            seen.add(customer.id)
            yield customer, identity


def _left_out(session: Session, identity: Identity, number: int, running: bool) -> str | None:
    consent = session.get(Consent, (identity.customer_id, "marketing"))
    if consent is not None and not consent.granted:
        return STOPPED_BY_CUSTOMER
    return WINDOW_CLOSED if not running and identity.windows and number % 2 else None


def _row(
    conversation: Conversation, run: CampaignRun, text: str, at: datetime, now: datetime
) -> dict[str, Any]:
    row = outbox.draft(
        conversation,
        Content(text=text),
        sender="campaign",
        source=f"campaign:{run.id}",
        now=min(at, now),
        due_at=at,
    )
    if at <= now:
        status = "read" if at.second % _READ == 0 else "accepted"
        row |= {"status": status, "sent_at": at, "due_at": None}
    return row
