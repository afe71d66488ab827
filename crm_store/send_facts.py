"""What send rules need to know of rows in the outbox, looked up for all of them at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store.campaign_runs import CampaignRun
from crm_store.consents import Consent, consents_of, lock_consents
from crm_store.conversations import Conversation
from crm_store.customers import ZONE, Attribute
from crm_store.followups import BY_CUSTOMER, FollowUp
from crm_store.history import PUSHES, Message, is_push
from crm_store.identities import Identity, identities_at
from crm_store.messages import Address, Policy
from crm_store.send_rules import Facts, Push, Rules

MARKETING = "marketing"
_GOT = ("sending", "accepted", "delivered", "read", "unknown")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the people and campaigns of some rows, whose conversations are locked."""

    conversations: Mapping[UUID, Conversation]
    identities: Mapping[Address, Identity]
    rules: Rules
    consents: Mapping[UUID, Consent]
    sent: dict[UUID, list[datetime]]
    zones: Mapping[UUID, str]
    runs: Mapping[str, str]  # state by source
    asked: Mapping[str, datetime]  # when the customer asked for it, by source

    def facts(self, row: Message, policy: Policy, takes: int = 1) -> Facts:
        """All that the verdict on a row depends on. `takes`: how many of a window's messages it is."""
        conversation, identity = self.conversations[row.conversation_id], self.identities[row.address]
        return Facts(
            sender=row.sender,
            written_under=row.version,
            version=conversation.version,
            floor=conversation.floor,
            policy=policy,
            reachable=identity.reachable,
            windows=identity.windows,
            push=self._push(row, identity.customer_id) if row.lane == PUSHES else None,
            takes=takes,
        )

    def note_sent(self, row: Message, now: datetime) -> None:
        """A push goes out: others of the same person are counted with it."""
        if row.lane == PUSHES:
            self.sent.setdefault(self.identities[row.address].customer_id, []).append(now)

    def _push(self, row: Message, customer_id: UUID) -> Push:
        consent = self.consents.get(customer_id)
        asked = self.asked.get(row.source)
        return Push(
            kind="followup" if row.source.startswith("followup:") else "campaign",
            rules=self.rules,
            written_at=row.created_at,
            granted=consent.granted if consent else None,
            asked_since=asked is not None and (consent is None or asked > consent.updated_at),
            at_their_time=asked is not None,
            sent=self.sent.get(customer_id, ()),
            zone=self.zones.get(customer_id, ""),
            run=self.runs.get(row.source, "running"),
        )


def look_up(
    session: Session,
    rows: Sequence[Message],
    conversations: Mapping[UUID, Conversation],
    rules: Rules,
    now: datetime,
) -> Known:
    """All about these rows in a few queries. Locks the consents of those who would get a push."""
    identities = identities_at(session, {row.address for row in rows})
    pushes = [row for row in rows if row.lane == PUSHES]
    people = {identities[row.address].customer_id for row in pushes}
    lock_consents(session, people)
    return Known(
        conversations=conversations,
        identities=identities,
        rules=rules,
        consents=consents_of(session, people, MARKETING) if people else {},
        sent=pushes_of(session, people, rules, now),
        zones=zones_of(session, people),
        runs=_runs(session, {row.source for row in pushes}),
        asked=_asked(session, {row.source for row in pushes}),
    )


def pushes_of(
    session: Session, customer_ids: Collection[UUID], rules: Rules, now: datetime
) -> dict[UUID, list[datetime]]:
    """When these customers got pushes within the period of the cap, on any channel, oldest first."""
    found: dict[UUID, list[datetime]] = defaultdict(list)
    if customer_ids and rules.cap:
        # By address, not by the customer whom the message was written to: people are joined.
        same = (col(Message.channel) == col(Identity.channel)) & (
            col(Message.external_id) == col(Identity.external_id)
        )
        query = (
            select(Identity.customer_id, Message.sent_at)
            .join(Message, same)
            .where(
                is_push(),
                col(Identity.customer_id).in_(customer_ids),
                col(Message.sent_at) > now - rules.period,
                col(Message.status).in_(_GOT),
            )
        )
        for customer_id, sent_at in session.exec(query.order_by(col(Message.sent_at))):
            if sent_at is not None:
                found[customer_id].append(sent_at)
    return found


def zones_of(session: Session, customer_ids: Collection[UUID]) -> dict[UUID, str]:
    """Where these customers live, as far as their records say."""
    if not customer_ids:
        return {}
    query = select(Attribute.customer_id, Attribute.value).where(
        col(Attribute.customer_id).in_(customer_ids), col(Attribute.name) == ZONE
    )
    return {customer_id: str(value) for customer_id, value in session.exec(query)}


def _ids(sources: Collection[str], kind: str) -> list[UUID]:
    return [UUID(source.removeprefix(kind)) for source in sources if source.startswith(kind)]


def _runs(session: Session, sources: Collection[str]) -> dict[str, str]:
    if not (ids := _ids(sources, "campaign:")):
        return {}
    query = select(CampaignRun.id, CampaignRun.status).where(col(CampaignRun.id).in_(ids))
    return {f"campaign:{run_id}": status for run_id, status in session.exec(query)}


def _asked(session: Session, sources: Collection[str]) -> dict[str, datetime]:
    """Follow-ups that the customers themselves asked for, with the message that proves it."""
    if not (ids := _ids(sources, "followup:")):
        return {}
    query = select(FollowUp.id, FollowUp.created_at).where(
        col(FollowUp.id).in_(ids),
        col(FollowUp.planned_by) == BY_CUSTOMER,
        col(FollowUp.source_id).is_not(None),
    )
    return {f"followup:{followup_id}": at for followup_id, at in session.exec(query)}
