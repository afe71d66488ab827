"""Follow-ups whose time has come: into the outbox, or to an agent; and what became of those sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store import channels, outbox
from crm_store.conversations import Conversation, open_for
from crm_store.followups import BY_CUSTOMER, FollowUp, State, get_followup, is_planned
from crm_store.history import Message
from crm_store.identities import Identity, find_identity, lock_identities
from crm_store.messages import Address, Content, Policy
from crm_store.send_rules import (
    AGENT_SPEAKS,
    CANNOT_PUSH,
    GONE,
    PERSON_AWAITED,
    WINDOW_CLOSED,
    WINDOW_KEPT,
    WINDOW_USED,
    closed_window,
)

MOST_AT_ONCE = 200  # a tick does a bounded piece of work; the next one comes in a second
# A skipped one that was skipped for one of these is something for a person to do.
FOR_AN_AGENT = (AGENT_SPEAKS, PERSON_AWAITED, GONE, CANNOT_PUSH, WINDOW_CLOSED, WINDOW_USED, WINDOW_KEPT)


def tick(session: Session, now: datetime) -> set[str]:
    """Do what is due, at most `MOST_AT_ONCE`; returns the channels for which something was queued."""
    _settle(session, now)
    return _fire(session, now)


def foresee(session: Session, address: Address, due_at: datetime) -> str | None:
    """Why a follow-up planned for this time would become an agent's task, as things stand; else None."""
    identity = find_identity(session, address)
    policy = channels.policies(session).get(address.channel, Policy())
    return GONE if identity is None else _obstacle(identity, policy, due_at)


def _obstacle(identity: Identity, policy: Policy, at: datetime) -> str | None:
    if not identity.reachable:
        return GONE
    if not policy.push:
        return CANNOT_PUSH
    return closed_window(identity.windows, at, is_push=True) if policy.needs_window else None


def _fire(session: Session, now: datetime) -> set[str]:
    due = (is_planned(), col(FollowUp.message_id).is_(None), col(FollowUp.due_at) <= now)
    first = select(FollowUp).where(*due).order_by(col(FollowUp.due_at)).limit(MOST_AT_ONCE)
    found = session.exec(first).all()
    if not found:
        return set()
    identities = lock_identities(session, {row.address for row in found})
    policies = channels.policies(session)
    owners = {
        address: identity.customer_id
        for address, identity in identities.items()
        if _obstacle(identity, policies.get(address.channel, Policy()), now) is None
    }
    spoken = open_for(session, owners, now) if owners else {}
    ids = [row.id for row in found]
    again = select(FollowUp).where(col(FollowUp.id).in_(ids), *due).order_by(col(FollowUp.id))
    rows = session.exec(again.with_for_update().execution_options(populate_existing=True)).all()
    return _queue(session, rows, identities, policies, spoken, now)


def _queue(
    session: Session,
    rows: Sequence[FollowUp],
    identities: Mapping[Address, Identity],
    policies: Mapping[str, Policy],
    spoken: Mapping[Address, Conversation],
    now: datetime,
) -> set[str]:
    drafts = []
    for row in sorted(rows, key=lambda row: (row.due_at, row.id)):
        identity = identities.get(row.address)
        policy = policies.get(row.channel, Policy())
        why = GONE if identity is None else _obstacle(identity, policy, now)
        conversation = spoken.get(row.address)
        if why is None and conversation is not None:
            why = _silence(row, conversation)
        if why is not None or conversation is None:
            _give_to_agent(row, conversation, why or GONE, now)
        else:
            drafts.append(_draft(row, conversation, now))
        session.add(row)
    session.flush()
    outbox.queue(session, drafts)
    return {draft["channel"] for draft in drafts}


def _silence(row: FollowUp, conversation: Conversation) -> str | None:
    """Why the bot may not say it now: an agent's own follow-up goes out whoever has the floor."""
    if row.planned_by != BY_CUSTOMER:
        return None
    return {"agent": AGENT_SPEAKS, "waiting": PERSON_AWAITED}.get(conversation.floor)


def _draft(row: FollowUp, conversation: Conversation, now: datetime) -> dict[str, Any]:
    draft = outbox.draft(
        conversation,
        Content(text=row.text),
        sender="bot" if row.planned_by == BY_CUSTOMER else "agent",
        source=f"followup:{row.id}",
        now=now,
        key=f"followup:{row.id.hex}",
    )
    row.message_id, row.updated_at = draft["id"], now
    return draft


def _give_to_agent(row: FollowUp, conversation: Conversation | None, why: str, now: datetime) -> None:
    row.state, row.reason, row.updated_at = "task", why, now
    if conversation is not None and conversation.floor == "agent":
        row.agent = conversation.agent or row.agent


def _settle(session: Session, now: datetime) -> None:
    """What became of those in the outbox is what their rows there say."""
    over = col(Message.status).notin_(("queued", "sending"))
    query = (
        select(FollowUp.id, Message.status, Message.reason, Message.conversation_id)
        .join(Message, col(Message.id) == col(FollowUp.message_id))
        .where(is_planned(), col(FollowUp.due_at) <= now, over)
    )
    for followup_id, status, reason, conversation_id in session.exec(
        query.order_by(col(FollowUp.id)).limit(MOST_AT_ONCE)
    ).all():
        row = get_followup(session, followup_id, lock=True)
        if row.state != "planned":
            continue
        _become(session, row, status, reason, conversation_id, now)
        session.add(row)
    session.flush()


def _become(
    session: Session, row: FollowUp, status: str, reason: str | None, conversation_id: UUID, now: datetime
) -> None:
    if status in ("accepted", "delivered", "read"):
        _end(row, "sent", None, now)
        return
    if status == "skipped" and reason in FOR_AN_AGENT:
        _give_to_agent(row, session.get(Conversation, conversation_id), reason or GONE, now)
        return
    _end(row, "missed", reason, now)


def _end(row: FollowUp, state: State, reason: str | None, now: datetime) -> None:
    row.state, row.reason, row.updated_at = state, reason, now
