"""Facts of the record that slots are bound to: read for a whole round, and how they are kept."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from actions.leave_email import normalise_email
from actions.leave_phone import normalise_phone
from actions.tell_name import normalise_name
from crm_store import consents, customers
from nlu.bound_slots import Bound

Fact = tuple[str, str]  # kind and name


def read_facts(
    session: Session, bound: Collection[Bound], customer_ids: Collection[UUID]
) -> dict[UUID, dict[Fact, Any]]:
    """What the record holds of what these slots are bound to; one query for each kind of fact."""
    kinds = {one.fact[0] for one in bound}
    found: dict[UUID, dict[Fact, Any]] = {one: {} for one in customer_ids}
    if "attribute" in kinds:
        for customer, name, value in customers.facts_of(session, customer_ids):
            found[customer]["attribute", name] = value
    if "tag" in kinds:
        for customer, tags in customers.tags_of(session, customer_ids).items():
            found[customer] |= {("tag", tag): True for tag in tags}
    for name in {one.name for one in bound if one.kind == "consent"}:
        for customer, given in consents.consents_of(session, customer_ids, name).items():
            found[customer]["consent", name] = given.granted
    return found


def kept(name: str, value: Any) -> str | None:
    """A value of a profile attribute as the record keeps it; None if it is none."""
    text = str(value).strip()
    if name == "phone":
        return normalise_phone(text)
    if name == "email":
        return normalise_email(text)
    if name == "name":
        return normalise_name(text)
    with suppress(LookupError, ValueError, OSError):
        return date.fromisoformat(text).isoformat() if name == "birthday" else ZoneInfo(text).key
    return None
