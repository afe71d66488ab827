"""Edits: what staff and programs change on a customer's record. Each is audited, none overwrites unseen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from crm_store import audit, customers
from crm_store.conversations import Conversation, lock_conversations
from crm_store.customers import Customer, Erased
from crm_store.messages import ParleyError, Refused

LONGEST_TAG = 50  # characters
LONGEST_NAME = 60  # of an attribute
_ATTRIBUTE = "attributes."


class Outdated(Refused):
    """Somebody else has changed this meanwhile."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.field = field


class BadTag(ParleyError):
    """A tag has 1 to 50 characters."""


class BadAttribute(ParleyError):
    """An attribute's name has 1 to 60 characters."""


REASONS = tuple(str(error.__doc__) for error in (Outdated, BadTag, BadAttribute, Erased))


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits: for the audit, and as the source of what they write."""

    actor: str  # "staff:lin", "token:ID"
    source: str  # "agent:lin", "api:shop-system"


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to change; what is not named stays. `was` holds `stamp`s of the values that the editor saw.

    Its keys are `display_name`, `language`, `attributes.NAME`; what is not in it is not compared.
    """

    display_name: str | None = None
    language: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)  # None: forget it
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()
    was: Mapping[str, str] = field(default_factory=dict)


def stamp(value: Any) -> str:
    """What tells whether a value is still the same, without showing it."""
    written = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def lock_customer(session: Session, customer_id: UUID) -> Customer:
    """The customer, whom nobody else changes until this transaction ends, no turn of the bot either."""
    customers.get_customer(session, customer_id)
    open_ones = (col(Conversation.customer_id) == customer_id, col(Conversation.closed_at).is_(None))
    lock_conversations(session, session.exec(select(Conversation.id).where(*open_ones)).all())
    mine = select(Customer).where(col(Customer.id) == customer_id)
    locked = session.exec(mine.with_for_update().execution_options(populate_existing=True)).one()
    if locked.erased_at:
        raise Erased
    return locked


def edit(
    session: Session, customer_id: UUID, wanted: Edit, editor: Editor, now: datetime
) -> dict[str, Any]:
    """Change the record and note it; returns what changed, by field `{"from", "to"}`.

    `Outdated` if a field has another value than the one the editor saw, and than the one they want.
    """
    customer = lock_customer(session, customer_id)
    before = _before(session, customer, wanted)
    after = _after(wanted)
    for name, seen in wanted.was.items():
        if name in after and stamp(before[name]) != seen and before[name] != after[name]:
            raise Outdated(name)
    changes = {
        name: {"from": before[name], "to": value} for name, value in after.items() if value != before[name]
    }
    for name, change in changes.items():
        _write(session, customer, name, change["to"], editor, now)
    changes |= _tag(session, customer_id, wanted, editor, now)
    if changes:
        customer.updated_at = now
        session.add(customer)
        audit.note(
            session, actor=editor.actor, action="customer.edited", noun="customer", noun_id=customer_id,
            customer_id=customer_id, changes=changes, now=now,
        )  # fmt: skip
    session.flush()
    return changes


def read_tag(written: str) -> str:
    """A tag as it is kept: without spare white space."""
    tag = " ".join(written.split())
    if not 0 < len(tag) <= LONGEST_TAG:
        raise BadTag
    return tag


def _before(session: Session, customer: Customer, wanted: Edit) -> dict[str, Any]:
    known = customers.attributes(session, customer.id) if wanted.attributes else {}
    values: dict[str, Any] = {
        f"{_ATTRIBUTE}{name}": known[name].value if name in known else None for name in wanted.attributes
    }
    return values | {"display_name": customer.display_name, "language": customer.language}


def _after(wanted: Edit) -> dict[str, Any]:
    for name in wanted.attributes:
        if not 0 < len(name.strip()) <= LONGEST_NAME:
            raise BadAttribute
    named = {"display_name": wanted.display_name, "language": wanted.language}
    values = {name: value for name, value in named.items() if value is not None}
    return values | {f"{_ATTRIBUTE}{name}": value for name, value in wanted.attributes.items()}


def _write(
    session: Session, customer: Customer, name: str, value: Any, editor: Editor, now: datetime
) -> None:
    if not name.startswith(_ATTRIBUTE):
        setattr(customer, name, value)
        return
    attribute = name.removeprefix(_ATTRIBUTE)
    if value is None:
        customers.forget_attribute(session, customer.id, attribute)
    else:
        customers.set_attribute(session, customer.id, attribute, value, source=editor.source, now=now)


def _tag(
    session: Session, customer_id: UUID, wanted: Edit, editor: Editor, now: datetime
) -> dict[str, Any]:
    added = [
        tag
        for tag in sorted({read_tag(tag) for tag in wanted.add_tags})
        if customers.add_tag(session, customer_id, tag, source=editor.source, now=now)
    ]
    worn = set(customers.tags(session, customer_id)) if wanted.remove_tags else set()
    removed = sorted({read_tag(tag) for tag in wanted.remove_tags} & worn)
    for tag in removed:
        customers.remove_tag(session, customer_id, tag)
    return {"tags": {"added": added, "removed": removed}} if added or removed else {}
