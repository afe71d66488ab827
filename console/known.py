"""What is known of a customer, as pages draw it: facts with source, accounts, consents, follow-ups."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store import customers, edits, followups, masking
from crm_store.consents import Consent
from crm_store.customers import Attribute, Customer
from crm_store.followups import FollowUp
from crm_store.history import Message
from crm_store.identities import Identity, identities_of, window_left
from crm_store.messages import Policy

MOST_FOLLOWUPS = 20


@dataclass(frozen=True, slots=True)
class Fact:
    """One attribute with where it comes from."""

    name: str
    value: Any
    shown: str
    masked: bool  # `shown` hides a part of it
    source: str  # "message", "agent", "api", "import", …
    who: str  # the agent, or the owner of the program's token
    conversation_id: UUID | None  # in which it was said
    message_id: UUID | None
    updated_at: datetime
    stamp: str

    @property
    def editable(self) -> bool:
        """Whether a text field can hold it."""
        return self.value is None or isinstance(self.value, str | int | float)


@dataclass(frozen=True, slots=True)
class Account:
    """An address at which the customer is reached, and until when we may write there."""

    identity: Identity
    left: int | None = None  # messages that the open window allows; None: any number
    until: datetime | None = None  # None: no window is open, or none is needed
    needs_window: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """A consent with the message that proves it."""

    consent: Consent
    conversation_id: UUID | None


@dataclass(frozen=True, slots=True)
class Known:
    """All of it."""

    customer: Customer
    facts: Sequence[Fact]
    tags: Sequence[str]
    accounts: Sequence[Account]
    consents: Sequence[Given]
    followups: Sequence[FollowUp]

    @property
    def name(self) -> str:
        """What the customer is called; empty if unknown."""
        told = next((str(fact.value) for fact in self.facts if fact.name == "name"), "")
        return self.customer.display_name or told

    def fact(self, name: str) -> Fact | None:
        """The fact of this name."""
        return next((fact for fact in self.facts if fact.name == name), None)


def known_of(
    session: Session,
    customer_id: UUID,
    policies: Mapping[str, Policy],
    now: datetime,
    revealed: Collection[str] = (),
) -> Known:
    """What is known of the customer; NotFound if there is none. `revealed`: facts to show in full."""
    customer = customers.get_customer(session, customer_id)
    attributes = customers.attributes_of(session, [customer_id]).get(customer_id, [])
    given = session.exec(select(Consent).where(col(Consent.customer_id) == customer_id)).all()
    proofs = [row.source_id for row in attributes] + [row.source_id for row in given]
    said_in = _conversations_of(session, [proof for proof in proofs if proof])
    accounts = identities_of(session, [customer_id]).get(customer_id, [])
    return Known(
        customer=customer,
        facts=[_fact(row, said_in, revealed) for row in attributes],
        tags=customers.tags(session, customer_id),
        accounts=[_account(row, policies.get(row.channel, Policy()), now) for row in accounts],
        consents=[Given(row, said_in.get(row.source_id) if row.source_id else None) for row in given],
        followups=followups.open_for_customer(session, customer_id, MOST_FOLLOWUPS),
    )


def _conversations_of(session: Session, message_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    if not message_ids:
        return {}
    query = select(Message.id, Message.conversation_id).where(col(Message.id).in_(message_ids))
    return dict(session.exec(query).all())


def _fact(row: Attribute, said_in: Mapping[UUID, UUID], revealed: Collection[str]) -> Fact:
    kind, _, who = row.source.partition(":")
    hides = row.name in masking.MASKED and row.name not in revealed
    shown = masking.mask(row.name, row.value) if hides else row.value
    return Fact(
        name=row.name,
        value=row.value,
        shown=str(shown) if not isinstance(shown, bool) else str(shown).lower(),
        masked=hides,
        source=kind,
        who=who,
        conversation_id=said_in.get(row.source_id) if row.source_id else None,
        message_id=row.source_id,
        updated_at=row.updated_at,
        stamp=edits.stamp(row.value),
    )


def _account(row: Identity, policy: Policy, now: datetime) -> Account:
    best = window_left(row.windows, now) if policy.needs_window else None
    left, until = (best[1], best[2]) if best else (None, None)
    return Account(row, left, until, policy.needs_window)
