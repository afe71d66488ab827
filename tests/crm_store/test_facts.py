"""What is known of a customer, asked within a transaction that has read or changed some of it already."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import Session, SQLModel
from sqlmodel import select as select_objects

from crm_store import customers
from crm_store.customers import Attribute, Customer
from crm_store.db import Database
from tests.crm_store.test_followups import NOW

NAMES = ("phone", "timezone")
ATTRIBUTES = SQLModel.metadata.tables[str(Attribute.__tablename__)]
WAYS = ("value", "object", "all", "rows", "one", "scalars", "scalar", "connection", "nobody asks")
Facts = dict[tuple[UUID, str], Any]
DEEDS = st.tuples(
    st.sampled_from(("learn", "learn", "forget", "read all", "read all", "call", "begin", "undo", "keep")),
    st.sampled_from((0, 0, 0, 1)),
    st.sampled_from(NAMES),
    st.integers(0, 2),
    st.sampled_from(WAYS),
)


def learn(session: Session, customer: UUID, name: str, value: Any) -> None:
    customers.set_attribute(session, customer, name, value, source="message", now=NOW)


def asked(session: Session, way: str, customer: UUID, name: str) -> Any:
    """What is known, by any of the ways in which an action may ask for it."""
    mine = (ATTRIBUTES.c.customer_id == customer, ATTRIBUTES.c.name == name)
    query = select(ATTRIBUTES.c.value).where(*mine)
    if way == "value":
        return customers.find_value(session, customer, name)
    if way in ("object", "all", "one"):
        row = {
            "object": lambda: session.get(Attribute, (customer, name)),
            "all": lambda: customers.attributes(session, customer).get(name),
            "one": lambda: session.exec(select_objects(Attribute).where(*mine)).one_or_none(),
        }[way]()
        return row.value if row else None
    return {
        "rows": lambda: session.execute(query).scalar(),
        "scalars": lambda: session.scalars(query).first(),
        "scalar": lambda: session.scalar(query),
        "connection": lambda: session.connection().execute(query).scalar(),
    }[way]()


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=st.lists(DEEDS, max_size=30))
def test_each_question_is_answered_as_the_transaction_has_left_it(
    database: Database, deeds: list[tuple[str, int, str, int, str]]
) -> None:
    with database.writing() as session:
        people = [Customer(created_at=NOW, updated_at=NOW) for _ in range(2)]
        session.add_all(people)
        session.flush()
        two = [one.id for one in people]
    known, called = Facts(), dict.fromkeys(two, "")
    with database.writing() as session:
        before = list[tuple[Any, Facts, dict[UUID, str]]]()
        for deed, who, name, value, way in deeds:
            customer = two[who]
            if deed == "learn":
                learn(session, customer, name, value)
                known[customer, name] = value
            elif deed == "call":
                customers.set_display_name(session, customer, str(value), NOW)
                called[customer] = str(value)
            elif deed == "forget":
                customers.forget_attribute(session, customer, name)
                known.pop((customer, name), None)
            elif deed == "read all":
                found = customers.facts_of(session, two)
                assert {(one, told): is_ for one, told, is_ in found} == known
            elif deed == "begin":
                before.append((session.begin_nested(), {**known}, {**called}))
            elif before and deed == "undo":
                savepoint, known, called = before.pop()
                savepoint.rollback()
            elif before:
                before.pop()[0].commit()
            for one in two if way != "nobody asks" else ():
                for told in NAMES:
                    assert asked(session, way, one, told) == known.get((one, told))
        while before:
            before.pop()[0].commit()
    with database.reading() as session:
        assert {(c, n): v for c, n, v in customers.facts_of(session, two)} == known
        assert {one: customers.get_customer(session, one).display_name for one in two} == called
