"""What staff and programs do with follow-ups: plan them where they can arrive, cancel, do; with audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store import audit, followups
from crm_store.consents import find_consent
from crm_store.conversations import Conversation
from crm_store.customers import Erased, get_customer
from crm_store.due_followups import foresee
from crm_store.followups import FollowUp
from crm_store.identities import Identity, find_identity, identities_of
from crm_store.messages import Address, NotFound, Refused
from crm_store.send_rules import STOPPED_BY_CUSTOMER

NO_ACCOUNT = "this customer has no account to write to"
REASONS = (NO_ACCOUNT,)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A follow-up that somebody wants to be planned."""

    customer_id: UUID
    text: str
    due_at: datetime
    agent: str
    address: Address | None = None  # None: where the customer wrote last
    is_task: bool = False
    cancel_if_written: bool = False


def make(session: Session, wanted: Wanted, actor: str, now: datetime) -> tuple[FollowUp, str | None]:
    """Plan it; returns the row, and why it would become a task as things stand, if so."""
    if get_customer(session, wanted.customer_id).erased_at:
        raise Erased
    address = _address_of(session, wanted)
    if not wanted.is_task and find_consent(session, wanted.customer_id, "marketing") is False:
        raise Refused(STOPPED_BY_CUSTOMER)
    if wanted.is_task:
        row = followups.add_task(
            session, customer_id=wanted.customer_id, address=address, text=wanted.text,
            due_at=wanted.due_at, agent=wanted.agent, now=now,
        )  # fmt: skip
    else:
        row = followups.plan(
            session, customer_id=wanted.customer_id, address=address, text=wanted.text,
            due_at=wanted.due_at, planned_by=f"agent:{wanted.agent}", agent=wanted.agent,
            cancel_if_written=wanted.cancel_if_written, now=now,
        )  # fmt: skip
    _note(session, row, "followup.planned", actor, now)
    return row, expected_of(session, row)


def expected_of(session: Session, row: FollowUp) -> str | None:
    """Of a planned one, as things stand: why it would become a task."""
    return foresee(session, row.address, row.due_at) if row.state == "planned" else None


def cancel(session: Session, followup_id: UUID, actor: str, now: datetime) -> FollowUp:
    """Cancel it and note who did."""
    before = followups.get_followup(session, followup_id).state
    row = followups.cancel(session, followup_id, followups.CANCELLED, now)
    if row.state != before:
        _note(session, row, "followup.cancelled", actor, now)
    return row


def complete(session: Session, followup_id: UUID, actor: str, now: datetime) -> FollowUp:
    """Say that it is done and note who did."""
    before = followups.get_followup(session, followup_id).state
    row = followups.complete(session, followup_id, now)
    if row.state != before:
        _note(session, row, "followup.done", actor, now)
    return row


def best_address(session: Session, customer_id: UUID) -> Address | None:
    """Where the customer wrote last, among the accounts on which they can be reached, if there is one."""
    accounts = identities_of(session, [customer_id]).get(customer_id, [])
    latest = select(Conversation).where(col(Conversation.customer_id) == customer_id)
    times: dict[Address, datetime] = {}
    for conversation in session.exec(latest):
        heard = conversation.heard_at or conversation.created_at
        times[conversation.address] = max(times.get(conversation.address, heard), heard)

    def rank(account: Identity) -> tuple[bool, datetime]:
        return account.reachable, times.get(account.address, account.created_at)

    return max(accounts, key=rank).address if accounts else None


def _address_of(session: Session, wanted: Wanted) -> Address:
    if wanted.address is None:
        found = best_address(session, wanted.customer_id)
        if found is None:
            raise Refused(NO_ACCOUNT)
        return found
    identity = find_identity(session, wanted.address)
    if identity is None or identity.customer_id != wanted.customer_id:
        raise NotFound(f"this customer has no account {wanted.address}")
    return wanted.address


def _note(session: Session, row: FollowUp, action: str, actor: str, now: datetime) -> None:
    audit.note(
        session, actor=actor, action=action, noun="followup", noun_id=row.id, customer_id=row.customer_id,
        changes={"text": row.text, "due_at": row.due_at.isoformat()}, now=now,
    )  # fmt: skip
