"""Queries for lists: what belongs to many customers at once, so that a page costs the same for 1 or 200."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store.conversations import Conversation
from crm_store.customers import Attribute, CustomerTag
from crm_store.history import Message
from crm_store.identities import Identity


def attributes_of(session: Session, customer_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Attribute]]:
    """All facts about these customers, by name."""
    query = select(Attribute).where(col(Attribute.customer_id).in_(customer_ids))
    found: dict[UUID, list[Attribute]] = defaultdict(list)
    for row in session.exec(query.order_by(col(Attribute.name))):
        found[row.customer_id].append(row)
    return found


def tags_of(session: Session, customer_ids: Collection[UUID]) -> Mapping[UUID, Sequence[str]]:
    """The tags of these customers, in alphabetical order."""
    query = select(CustomerTag.customer_id, CustomerTag.tag)
    found: dict[UUID, list[str]] = defaultdict(list)
    for customer_id, tag in session.exec(query.where(col(CustomerTag.customer_id).in_(customer_ids))):
        found[customer_id].append(tag)
    return {customer_id: sorted(tags) for customer_id, tags in found.items()}


def identities_of(session: Session, customer_ids: Collection[UUID]) -> Mapping[UUID, Sequence[Identity]]:
    """The addresses of these customers, oldest first."""
    query = select(Identity).where(col(Identity.customer_id).in_(customer_ids))
    order = (col(Identity.created_at), col(Identity.channel), col(Identity.external_id))
    found: dict[UUID, list[Identity]] = defaultdict(list)
    for row in session.exec(query.order_by(*order)):
        found[row.customer_id].append(row)
    return found


def timeline(session: Session, customer_id: UUID, *, after: int, limit: int) -> Sequence[Message]:
    """Messages of a customer in all conversations behind `after` (a seq), oldest first."""
    own = select(col(Conversation.id)).where(col(Conversation.customer_id) == customer_id)
    query = select(Message).where(col(Message.conversation_id).in_(own), col(Message.seq) > after)
    return session.exec(query.order_by(col(Message.seq)).limit(limit)).all()


def find_posted(session: Session, conversation: Conversation, key: str) -> Message | None:
    """The message that was queued on the conversation's address under this key."""
    query = select(Message).where(
        col(Message.channel) == conversation.channel,
        col(Message.external_id) == conversation.external_id,
        col(Message.key) == key,
    )
    return session.exec(query).one_or_none()
