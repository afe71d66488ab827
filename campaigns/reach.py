"""Who can be reached with a campaign now, where, and with which words; else why not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, func, select

from crm_store.campaign_texts import NAME, Text, choose_text, read_texts, variables_of
from crm_store.campaigns import Campaign
from crm_store.channels import policies
from crm_store.consents import consents_of
from crm_store.conversations import Conversation
from crm_store.customers import Attribute, Customer
from crm_store.identities import Identity, identities_of
from crm_store.messages import Address, Content, Policy
from crm_store.send_facts import MARKETING, pushes_of, zones_of
from crm_store.send_rules import (
    CANNOT_PUSH,
    CAPPED,
    GONE,
    Rules,
    capped_until,
    closed_window,
    quiet_until,
    unwanted,
)

NO_ADDRESS = "the customer has no address on the campaign's channels"
MISSING = "a variable of the text is not known of the customer"
REASONS = (NO_ADDRESS, MISSING)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reached:
    """A person, the address where they are reached, and what they are told."""

    customer_id: UUID
    name: str
    address: Address
    language: str
    content: Content
    later: datetime | None = None  # when their quiet hours end, if they are quiet now
    talking: bool = False  # with a person of ours, or waiting for one: it goes out afterwards


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A person who gets nothing, and why."""

    customer_id: UUID
    name: str
    language: str
    reason: str
    missing: tuple[str, ...] = ()  # variables


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be said, and the facts and rules that are the same for all."""

    texts: Sequence[Text]
    channels: Collection[str]  # none: all
    policies: Mapping[str, Policy]
    rules: Rules
    variables: frozenset[str] = frozenset()

    @classmethod
    def of(cls, session: Session, campaign: Campaign, rules: Rules) -> Wanted:
        """What a campaign says."""
        texts = read_texts(campaign.texts) or [Text("", "")]
        known = policies(session)
        return cls(texts, campaign.channels, known, rules, frozenset(variables_of(texts)))


@dataclass(slots=True)
class _People:
    """What is known of some people, looked up for all at once."""

    rows: Sequence[tuple[UUID, str, str]]
    identities: Mapping[UUID, list[Identity]]
    heard: Mapping[Address, datetime]
    talking: frozenset[Address]
    granted: Mapping[UUID, bool]
    sent: Mapping[UUID, list[datetime]]
    zones: Mapping[UUID, str]
    values: dict[UUID, dict[str, Any]] = field(default_factory=dict)


def reach(
    session: Session, ids: Sequence[UUID], wanted: Wanted, now: datetime, *, own: bool = False
) -> list[Reached | LeftOut]:
    """For each of these customers, in the order of their ids: how they are reached, or why not.

    `own`: people of ours who ask for it, whatever they have said to campaigns.
    """
    people = _look_up(session, ids, wanted, now)
    if own:
        people.granted = dict.fromkeys(ids, True)
    return [_judge(people, row, wanted, now) for row in people.rows]


def _look_up(session: Session, ids: Sequence[UUID], wanted: Wanted, now: datetime) -> _People:
    named = select(Customer.id, Customer.display_name, Customer.language).where(col(Customer.id).in_(ids))
    rows = session.exec(named.order_by(col(Customer.id))).all()
    heard = (
        select(Conversation.channel, Conversation.external_id, func.max(col(Conversation.heard_at)))
        .where(col(Conversation.customer_id).in_(ids), col(Conversation.heard_at).is_not(None))
        .group_by(col(Conversation.channel), col(Conversation.external_id))
    )
    people = _People(
        rows=rows,
        identities=identities_of(session, ids),
        heard={Address(channel, external_id): at for channel, external_id, at in session.exec(heard) if at},
        talking=_talking(session, ids),
        granted={each: row.granted for each, row in consents_of(session, ids, MARKETING).items()},
        sent=pushes_of(session, ids, wanted.rules, now),
        zones=zones_of(session, ids),
        values=_values(session, ids, wanted.variables - {NAME}),
    )
    for customer_id, name, _ in rows:
        people.values.setdefault(customer_id, {})[NAME] = name
    return people


def _talking(session: Session, ids: Sequence[UUID]) -> frozenset[Address]:
    query = select(Conversation.channel, Conversation.external_id).where(
        col(Conversation.customer_id).in_(ids),
        col(Conversation.closed_at).is_(None),
        col(Conversation.floor).in_(("agent", "waiting")),
    )
    return frozenset(Address(channel, external_id) for channel, external_id in session.exec(query))


def _values(session: Session, ids: Sequence[UUID], names: Collection[str]) -> dict[UUID, dict[str, Any]]:
    found: dict[UUID, dict[str, Any]] = defaultdict(dict)
    if names:
        query = select(Attribute.customer_id, Attribute.name, Attribute.value).where(
            col(Attribute.customer_id).in_(ids), col(Attribute.name).in_(names)
        )
        for customer_id, name, value in session.exec(query):
            found[customer_id][name] = value
    return found


def _judge(people: _People, row: tuple[UUID, str, str], wanted: Wanted, now: datetime) -> Reached | LeftOut:
    customer_id, name, language = row
    text = choose_text(wanted.texts, language)
    why = unwanted(people.granted.get(customer_id), wanted.rules)
    address, closed = (None, why) if why else _address(people, customer_id, wanted, now)
    if address is None:
        return LeftOut(customer_id, name, text.language, closed or NO_ADDRESS)
    if capped_until(people.sent.get(customer_id, ()), wanted.rules):
        return LeftOut(customer_id, name, text.language, CAPPED)
    values = people.values[customer_id]
    if missing := text.missing(values):
        return LeftOut(customer_id, name, text.language, MISSING, tuple(missing))
    later = quiet_until(wanted.rules, people.zones.get(customer_id, ""), now)
    talking = address in people.talking
    return Reached(customer_id, name, address, text.language, text.fill(values), later, talking)


def _address(
    people: _People, customer_id: UUID, wanted: Wanted, now: datetime
) -> tuple[Address | None, str | None]:
    """Where the customer is reached: of the addresses that work now, the one they wrote from last."""
    own = [
        identity
        for identity in people.identities.get(customer_id, ())
        if (not wanted.channels or identity.channel in wanted.channels)
        and identity.channel in wanted.policies
    ]
    own.sort(key=lambda identity: people.heard.get(identity.address, _LONG_AGO), reverse=True)
    why: str | None = None
    for identity in own:
        closed = _closed(identity, wanted.policies[identity.channel], now)
        if closed is None:
            return identity.address, None
        why = why or closed
    return None, why


def _closed(identity: Identity, policy: Policy, now: datetime) -> str | None:
    if not identity.reachable:
        return GONE
    if not policy.push:
        return CANNOT_PUSH
    return closed_window(identity.windows, now, is_push=True) if policy.needs_window else None
