"""Customers: who they are, what we know of them (each fact with its source) and their tags."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ClauseElement, Column, Index, bindparam, delete, func, insert
from sqlalchemy import select as select_rows
from sqlalchemy.orm.util import identity_key
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanJson, CleanText, UtcDateTime, as_list, listing, new_id
from crm_store.learnt import learnt_in
from crm_store.messages import NotFound, Refused
from crm_store.statements import Rows, Statement
from crm_store.writing import write_later

ZONE = "timezone"  # the attribute that says where a customer lives


class Erased(Refused):
    """This customer's data were erased."""


class Customer(SQLModel, table=True):
    """A person who writes to us, however many identities they have."""

    __tablename__ = "customers"
    __table_args__ = ({"info": {"personal": {"display_name": "erase", "language": "erase"}}},)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    display_name: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    language: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    erased_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class Attribute(SQLModel, table=True):
    """One fact about a customer, with where it comes from."""

    __tablename__ = "customer_attributes"
    __table_args__ = ({"info": {"personal": {"value": "delete"}}},)

    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    name: str = Field(sa_column=Column(CleanText, primary_key=True))
    value: Any = Field(default=None, sa_column=Column(CleanJson))
    source: str = Field(sa_column=Column(CleanText, nullable=False))
    source_id: UUID | None = None
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class CustomerTag(SQLModel, table=True):
    """A customer carries a tag. Rows, so that the rarest tag can drive a segment's query."""

    __tablename__ = "customer_tags"
    __table_args__ = (
        Index("ix_customer_tags_customer", "customer_id"),
        {"info": {"personal": {"tag": "delete"}}},
    )

    tag: str = Field(sa_column=Column(CleanText, primary_key=True))
    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    source: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def get_customer(session: Session, customer_id: UUID) -> Customer:
    """The customer; NotFound if there is none."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}")
    return customer


def customers_by_id(session: Session, ids: Collection[UUID]) -> Sequence[Customer]:
    """Those of these customers that there are."""
    return session.exec(select(Customer).where(col(Customer.id).in_(ids))).all() if ids else ()


def list_customers(session: Session, *, after: UUID | None, limit: int) -> Sequence[Customer]:
    """Customers, oldest first, behind `after`."""
    query = select(Customer).order_by(col(Customer.id)).limit(limit)
    if after:
        query = query.where(col(Customer.id) > after)
    return session.exec(query).all()


def newest_customers(
    session: Session, *, tag: str = "", after: UUID | None = None, limit: int = 50
) -> Sequence[Customer]:
    """Customers, the newest first, behind `after`, those who were erased left out; with a tag if named."""
    query = select(Customer).where(col(Customer.erased_at).is_(None))
    if tag:
        worn = col(CustomerTag.customer_id) == col(Customer.id)
        query = query.join(CustomerTag, worn).where(col(CustomerTag.tag) == tag)
    if after:
        query = query.where(col(Customer.id) < after)
    return session.exec(query.order_by(col(Customer.id).desc()).limit(limit)).all()


def customers_in(session: Session, ids: Sequence[UUID], *, tag: str = "") -> list[Customer]:
    """These customers in this order, without those who are erased; with a tag only who carry it."""
    query = select(Customer).where(col(Customer.id).in_(ids), col(Customer.erased_at).is_(None))
    if tag:
        worn = col(CustomerTag.customer_id) == col(Customer.id)
        query = query.join(CustomerTag, worn).where(col(CustomerTag.tag) == tag)
    places = {one: place for place, one in enumerate(ids)}
    return sorted(session.exec(query), key=lambda found: places[found.id])


def common_tags(session: Session, limit: int = 30) -> Sequence[str]:
    """Some tags that are in use, in alphabetical order, each found by a step in the index."""
    found: list[str] = []
    while len(found) < limit:
        query = select(CustomerTag.tag).order_by(col(CustomerTag.tag)).limit(1)
        nearest = session.exec(query.where(col(CustomerTag.tag) > found[-1]) if found else query).first()
        if nearest is None:
            break
        found.append(nearest)
    return found


def attributes(session: Session, customer_id: UUID) -> dict[str, Attribute]:
    """All facts about a customer by name."""
    return {found.name: found for found in attributes_of(session, [customer_id]).get(customer_id, ())}


def tags(session: Session, customer_id: UUID) -> Sequence[str]:
    """The customer's tags in alphabetical order."""
    return tags_of(session, [customer_id]).get(customer_id, [])


def attributes_of(session: Session, customer_ids: Collection[UUID]) -> dict[UUID, list[Attribute]]:
    """All facts about these customers, by name; one query for any number of them."""
    query = select(Attribute).where(col(Attribute.customer_id).in_(customer_ids))
    found: dict[UUID, list[Attribute]] = defaultdict(list)
    for row in session.exec(query.order_by(col(Attribute.name))):
        found[row.customer_id].append(row)
    return found


def tags_of(session: Session, customer_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """The tags of these customers, in alphabetical order; one query for any number of them."""
    query = select(CustomerTag.customer_id, CustomerTag.tag)
    found: dict[UUID, list[str]] = defaultdict(list)
    for customer_id, tag in session.exec(query.where(col(CustomerTag.customer_id).in_(customer_ids))):
        found[customer_id].append(tag)
    return {customer_id: sorted(names) for customer_id, names in found.items()}


def count_tags(session: Session, limit: int = 1000) -> Sequence[tuple[str, int]]:
    """Tags in alphabetical order, each with how many customers carry it."""
    query = select(CustomerTag.tag, func.count()).group_by(col(CustomerTag.tag))
    return session.exec(query.order_by(col(CustomerTag.tag)).limit(limit)).all()


_CUSTOMERS = SQLModel.metadata.tables[str(Customer.__tablename__)]
_CALL = Rows(_CUSTOMERS, ("display_name", "updated_at"), {"id": "of_id"})
_ATTRIBUTES = SQLModel.metadata.tables[str(Attribute.__tablename__)]
_LEARN = Rows(_ATTRIBUTES, [each.name for each in _ATTRIBUTES.columns], replaces=("customer_id", "name"))


def _asking(_dialect: str) -> ClauseElement:
    mine = _ATTRIBUTES.c.customer_id == bindparam("of_customer")
    return select_rows(_ATTRIBUTES.c.value).where(mine, _ATTRIBUTES.c.name == bindparam("of_name"))


_KNOW = Statement(_asking)


def find_value(session: Session, customer_id: UUID, name: str) -> Any:
    """What is known of a customer under this name; None if nothing."""
    learnt = learnt_in(session)
    if row := learnt.facts.get((customer_id, name)):
        return row["value"]
    if customer_id in learnt.known:
        return learnt.known[customer_id].get(name)
    rows = _KNOW.fetch(session, of_customer=customer_id, of_name=name)
    return rows[0][0] if rows else None


def _stating(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_ATTRIBUTES.c.customer_id,))
    return select_rows(*(_ATTRIBUTES.c[name] for name in ("customer_id", "name", "value"))).join(
        wanted, same
    )


_STATE = Statement(_stating)


def facts_of(session: Session, customer_ids: Collection[UUID]) -> list[tuple[UUID, str, Any]]:
    """Customer, name and value of all that is known of these customers, one query for all.

    What is asked about one of them in the same transaction is answered out of it.
    """
    rows = _STATE.fetch(session, rows=as_list([(one.hex,) for one in customer_ids]))
    known = learnt_in(session).known
    known |= {one: {} for one in customer_ids}
    for customer_id, name, value in rows:
        known[customer_id][name] = value
    return [(*row,) for row in rows]


def find_zone(session: Session, customer_id: UUID) -> ZoneInfo | None:
    """Where a customer lives; None if nobody knows."""
    told = find_value(session, customer_id, ZONE)
    with suppress(LookupError, ValueError, OSError):  # What an import or an agent wrote may be no zone.
        return ZoneInfo(str(told)) if told else None
    return None


def set_attribute(
    session: Session,
    customer_id: UUID,
    name: str,
    value: Any,
    *,
    source: str,
    source_id: UUID | None = None,
    now: datetime,
) -> None:
    """Learn a fact in place of an earlier one. `source`: message, agent:NAME, api:OWNER, import."""
    row = {
        "customer_id": customer_id,
        "name": name,
        "value": value,
        "source": source,
        "source_id": source_id,
        "updated_at": now,
    }
    facts = learnt_in(session).facts
    if facts.get((customer_id, name)) == row:
        return  # A slot that is bound to the record and the action that asked for it tell the same.
    write_later(session, _LEARN.write, (customer_id, name), row)
    _read_again(session, Attribute, (customer_id, name))
    facts[customer_id, name] = row


def find_learnt(session: Session, customer_id: UUID, name: str) -> Mapping[str, Any] | None:
    """The row of a fact that this transaction has written down; None if it has written none."""
    return learnt_in(session).facts.get((customer_id, name))


def _read_again(session: Session, table: type[SQLModel], key: Any) -> None:
    """What the session holds of this row counts no more."""
    known = session.identity_map.get(identity_key(table, key))
    if known is not None:
        session.flush()
        session.expire(known)


def forget_attribute(session: Session, customer_id: UUID, name: str) -> None:
    """Know a fact no more."""
    learnt = learnt_in(session)
    learnt.facts.pop((customer_id, name), None)
    learnt.known.pop(customer_id, None)
    session.execute(
        delete(Attribute).where(col(Attribute.customer_id) == customer_id, col(Attribute.name) == name)
    )


def set_display_name(session: Session, customer_id: UUID, name: str, now: datetime) -> None:
    """Call the customer by this name from now on."""
    row = {"of_id": customer_id, "display_name": name, "updated_at": now}
    names = learnt_in(session).names
    if names.get(customer_id) == row:
        return
    write_later(session, _CALL.write, customer_id, row)
    _read_again(session, Customer, customer_id)
    names[customer_id] = row


def add_tag(session: Session, customer_id: UUID, tag: str, *, source: str, now: datetime) -> bool:
    """Tag a customer; False if they carried the tag already."""
    if session.get(CustomerTag, (tag, customer_id)):
        return False
    session.execute(
        insert(CustomerTag).values(tag=tag, customer_id=customer_id, source=source, created_at=now)
    )
    return True


def remove_tag(session: Session, customer_id: UUID, tag: str) -> None:
    """Take a tag off a customer."""
    session.execute(
        delete(CustomerTag).where(col(CustomerTag.tag) == tag, col(CustomerTag.customer_id) == customer_id)
    )
