"""A test: a campaign's texts to one of our own people, before it goes to customers.

Who is of our own carries the tag `staff-test`, on a customer record like any other: so the test takes
the way that the campaign will take. Consent, cap and quiet hours do not bind what one asks for oneself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from campaigns.reach import Reached, Wanted, reach
from crm_store import outbox
from crm_store.campaign_texts import Text
from crm_store.campaigns import Campaign
from crm_store.conversations import open_for
from crm_store.customers import Customer, CustomerTag
from crm_store.identities import lock_identities
from crm_store.messages import NotFound, Refused
from crm_store.send_rules import Rules

TAG = "staff-test"
MOST = 50
NO_TEXT = "there is no text to test yet"
NOBODY = "this person does not carry the tag staff-test"
REASONS = (NO_TEXT, NOBODY)


def testers(session: Session) -> Sequence[Customer]:
    """Our own people, who may be sent a test."""
    tagged = col(CustomerTag.customer_id) == col(Customer.id)
    query = select(Customer).join(CustomerTag, tagged).where(col(CustomerTag.tag) == TAG)
    return session.exec(query.order_by(col(Customer.id)).limit(MOST)).all()


def send_test(session: Session, campaign: Campaign, tester: UUID, now: datetime) -> list[str]:
    """Queue each text of a campaign to one of our own people; returns the channels it goes out on.

    NotFound for others. Refused, with the reason, if they cannot be reached now.
    """
    if all(person.id != tester for person in testers(session)):
        raise NotFound(NOBODY)
    wanted = Wanted.of(session, campaign, Rules())
    if not any(text.text.strip() for text in wanted.texts):
        raise Refused(NO_TEXT)
    found = [_reach(session, tester, replace(wanted, texts=[_shown(text)]), now) for text in wanted.texts]
    owners = {
        address: identity.customer_id
        for address, identity in lock_identities(session, [one.address for one in found]).items()
    }
    conversations = open_for(session, owners, now)
    rows = [
        outbox.draft(
            conversations[one.address],
            one.content,
            sender="campaign",
            source=f"test:{campaign.id}",
            now=now,
        )
        for one in found
    ]
    outbox.queue(session, rows)
    return sorted({one.address.channel for one in found})


def _reach(session: Session, tester: UUID, wanted: Wanted, now: datetime) -> Reached:
    (outcome,) = reach(session, [tester], wanted, now, own=True)
    if not isinstance(outcome, Reached):
        raise Refused(outcome.reason)
    return outcome


def _shown(text: Text) -> Text:
    """A variable without a value stands in a test as it was written."""
    return replace(text, text=text.shown())
