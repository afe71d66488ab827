"""Segments: what a description may say, whom it fits, and that a large table is not read for a rare tag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, col, select

from crm_store import customers, segments
from crm_store.audit import list_entries
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.events import Event
from crm_store.messages import Address, Content, Incoming, Refused
from crm_store.recording import record
from crm_store.segment_query import (
    InvalidSegment,
    check_definition,
    count_customers,
    customers_in,
    sample_customers,
)
from tests.crm_store.plans import plans_of

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)


class People:
    """Four customers who differ in everything that a description can say."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.writing() as session:
            anna = self._meet(session, "anna", "shop", "zh-CN", NOW - 100 * DAY)
            ben = self._meet(session, "ben", "site", "en", NOW - 3 * DAY)
            carl = self._meet(session, "carl", "shop", "zh", NOW - 40 * DAY)
            self._meet(session, "dora", "site", "", NOW)
            for person, tag in ((anna, "vip"), (anna, "tea"), (ben, "vip"), (carl, "tea")):
                customers.add_tag(session, person, tag, source="t", now=NOW)
            for person, name, value in (
                (anna, "city", "杭州"), (ben, "city", "杭州西湖"), (carl, "points", 12),
                (ben, "points", "12"), (carl, "note", 'says "hi"'), (carl, "agreed", True),
            ):  # fmt: skip
                customers.set_attribute(session, person, name, value, source="t", now=NOW)
            for person, key, days in ((anna, "1", 1), (anna, "2", 80), (ben, "3", 200)):
                session.add(
                    Event(
                        customer_id=person, name="order.paid", source="t", key=key,
                        at=NOW - days * DAY, data={}, created_at=NOW,
                    )
                )  # fmt: skip

    def _meet(self, session: Session, name: str, channel: str, language: str, at: datetime) -> UUID:
        profile = {"display_name": name, "language": language}
        hello = Incoming(Address(channel, name), name, Content(text="hi"), profile=profile)
        (found,) = record(session, [hello], "w", at)
        assert found
        return session.get_one(Conversation, found.conversation_id).customer_id

    def fit(self, definition: dict[str, Any]) -> list[str]:
        """The names of whom a description fits."""
        check_definition(definition)
        with self.database.reading() as session:
            ids = session.exec(customers_in(session, definition, NOW)).all()
            assert count_customers(session, definition, NOW) == len(ids) == len(set(ids))
            names = select(Customer.display_name).where(col(Customer.id).in_(ids))
            return sorted(session.exec(names))


@pytest.fixture
def people(database: Database) -> People:
    return People(database)


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["anna", "ben", "carl", "dora"]),
    ({"all": []}, ["anna", "ben", "carl", "dora"]),
    ({"tag": "vip"}, ["anna", "ben"]),
    ({"all": [{"tag": "vip"}, {"tag": "tea"}]}, ["anna"]),
    ({"any": [{"tag": "vip"}, {"tag": "tea"}]}, ["anna", "ben", "carl"]),
    ({"not": {"tag": "vip"}}, ["carl", "dora"]),
    ({"all": [{"tag": "tea"}, {"not": {"tag": "vip"}}]}, ["carl"]),
    ({"attribute": "city", "is": "杭州"}, ["anna"]),
    ({"attribute": "city", "contains": "杭州"}, ["anna", "ben"]),
    ({"attribute": "city", "contains": "%"}, []),
    ({"attribute": "note", "contains": '"hi"'}, ["carl"]),
    ({"attribute": "city", "known": True}, ["anna", "ben"]),
    ({"attribute": "city", "known": False}, ["carl", "dora"]),
    ({"attribute": "points", "is": 12}, ["ben", "carl"]),
    ({"attribute": "points", "is": "12"}, ["ben", "carl"]),
    ({"attribute": "agreed", "is": True}, ["carl"]),
    ({"channel": "shop"}, ["anna", "carl"]),
    ({"language": "zh"}, ["anna", "carl"]),
    ({"written_within_days": 7}, ["ben", "dora"]),
    ({"not_written_within_days": 30}, ["anna", "carl"]),
    ({"created_within_days": 50}, ["ben", "carl", "dora"]),
    ({"event": "order.paid"}, ["anna", "ben"]),
    ({"event": "order.paid", "within_days": 90}, ["anna"]),
    ({"event": "order.paid", "within_days": 90, "at_least": 2}, ["anna"]),
    ({"event": "order.paid", "within_days": 30, "at_least": 2}, []),
    ({"not": {"event": "order.paid", "within_days": 90}}, ["ben", "carl", "dora"]),
    ({"all": [{"tag": "vip"}, {"any": [{"language": "en"}, {"attribute": "city", "is": "?"}]}]}, ["ben"]),
]


@pytest.mark.parametrize(("definition", "names"), CASES)
def test_a_description_fits_whom_it_says(
    people: People, definition: dict[str, Any], names: list[str]
) -> None:
    assert people.fit(definition) == names


@pytest.mark.parametrize(
    ("definition", "path", "expected"),
    [
        ([], "", "a condition, as an object"),
        ({"tga": "vip"}, "", "one of all, any, not, tag, attribute"),
        ({"all": {"tag": "vip"}}, "all", "a list of conditions"),
        ({"all": [{"tag": "a"}, {"any": [{"tag": 5}]}]}, "all[1].any[0].tag", "a text of 1 to 200"),
        ({"any": []}, "any", "at least one condition"),
        ({"tag": "a", "is": "b"}, "is", "only tag here"),
        ({"attribute": "city"}, "", "one of is, contains, known"),
        ({"attribute": "city", "is": "a", "known": True}, "", "one of is, contains, known"),
        ({"not": {"written_within_days": 0}}, "not.written_within_days", "a number of days"),
        ({"event": "a", "at_least": True}, "at_least", "a number from 1 to 1000"),
        ({"all": [{"tag": "x"}] * 61}, "", "at most 60 conditions"),
    ],
)
def test_a_wrong_description_is_refused_with_its_place(definition: Any, path: str, expected: str) -> None:
    with pytest.raises(InvalidSegment) as refused:
        check_definition(definition)
    assert refused.value.path == path
    assert expected in refused.value.expected


def test_a_description_that_is_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {"tag": "a"}
    for _ in range(2000):
        deep = {"not": deep}
    with pytest.raises(InvalidSegment):
        check_definition(deep)


def test_who_was_erased_is_in_no_segment(people: People) -> None:
    with people.database.writing() as session:
        anna = session.exec(select(Customer).where(Customer.display_name == "anna")).one()
        anna.erased_at = NOW
        session.add(anna)
    assert people.fit({"tag": "vip"}) == ["ben"]


def test_a_sample_is_a_few_of_them(people: People) -> None:
    with people.database.reading() as session:
        found = sample_customers(session, {"tag": "vip"}, 1, NOW)
    assert len(found) == 1


def test_the_rarest_tag_drives_the_query(sqlite_url: str) -> None:
    people = People(Database(sqlite_url))
    definition = {"all": [{"tag": "tea"}, {"tag": "vip"}, {"language": "zh"}]}
    with people.database.writing() as session:
        for person in session.exec(select(Customer.id)).all():
            customers.add_tag(session, person, "all of them", source="t", now=NOW)

    def work(session: Session) -> None:
        check = {"all": [{"tag": "all of them"}, *definition["all"]]}
        query = customers_in(session, check, NOW)
        (key,) = query.selected_columns
        # As a campaign works them off: piece by piece in the order of their ids.
        assert len(session.exec(query.order_by(key).limit(5)).all()) == 1

    plan = [step for step, asked in plans_of(people.database, work) if "JOIN customers" in asked]
    assert plan[0].startswith("SEARCH customer_tags USING")
    assert not any(step.startswith(("SCAN", "USE TEMP B-TREE")) for step in plan)
    people.database.close()


def test_segments_are_saved_renamed_and_deleted_with_an_audit(database: Database) -> None:
    with database.writing() as session:
        row = segments.save_segment(session, " VIP ", {"tag": "vip"}, actor="staff:mia", now=NOW)
        assert (row.name, row.definition) == ("VIP", {"tag": "vip"})
        with pytest.raises(Refused, match="named vip already"):
            segments.save_segment(session, "vip", {}, actor="staff:mia", now=NOW)
        segments.save_segment(session, "Tea", {"tag": "tea"}, actor="staff:mia", now=NOW, segment_id=row.id)
        segments.delete_segment(session, row.id, actor="staff:mia", now=NOW)
        assert segments.list_segments(session) == []
        session.flush()
        found = [entry.action for entry in list_entries(session, noun="segment")]
    assert found == ["segment.deleted", "segment.edited", "segment.created"]
