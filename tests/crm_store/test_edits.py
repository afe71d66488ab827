"""Edits of a customer's record: with their source, audited, and never over an unseen change."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from crm_store import audit, customers, edits, privacy
from crm_store.customers import Erased
from crm_store.db import Database
from crm_store.edits import BadAttribute, BadTag, Edit, Editor, Outdated, stamp
from tests.crm_store.test_followups import NOW, Shop

UNKNOWN = {"attributes.city": stamp(None)}
LIN = Editor("staff:lin", "agent:lin")
MEI = Editor("staff:mei", "agent:mei")


@pytest.fixture
def customer(database: Database) -> UUID:
    return Shop(database).customer


def _edit(database: Database, customer: UUID, wanted: Edit, editor: Editor = LIN) -> dict[str, object]:
    with database.writing() as session:
        return edits.edit(session, customer, wanted, editor, NOW)


def test_an_edit_keeps_its_source_and_is_audited_with_old_and_new(
    database: Database, customer: UUID
) -> None:
    _edit(database, customer, Edit(display_name="小林", attributes={"city": "杭州"}, add_tags=["VIP"]))
    _edit(database, customer, Edit(attributes={"city": "上海"}, remove_tags=["VIP", "never worn"]), MEI)
    with database.reading() as session:
        city = customers.attributes(session, customer)["city"]
        assert (city.value, city.source) == ("上海", "agent:mei")
        second, first = audit.list_entries(session, customer_id=customer)
        assert first.actor == "staff:lin"
        assert first.changes == {
            "display_name": {"from": "", "to": "小林"},
            "attributes.city": {"from": None, "to": "杭州"},
            "tags": {"added": ["VIP"], "removed": []},
        }
        assert second.changes == {
            "attributes.city": {"from": "杭州", "to": "上海"},
            "tags": {"added": [], "removed": ["VIP"]},
        }


def test_what_changes_nothing_is_not_audited(database: Database, customer: UUID) -> None:
    assert _edit(database, customer, Edit(display_name="", remove_tags=["VIP"])) == {}
    with database.reading() as session:
        assert audit.list_entries(session, customer_id=customer) == []


def test_of_two_who_edit_the_same_field_the_second_is_told(database: Database, customer: UUID) -> None:
    _edit(database, customer, Edit(attributes={"city": "杭州"}, was=UNKNOWN))
    with pytest.raises(Outdated) as told:
        _edit(database, customer, Edit(attributes={"city": "上海"}, was=UNKNOWN), MEI)
    assert told.value.field == "attributes.city"
    with database.reading() as session:
        assert customers.attributes(session, customer)["city"].value == "杭州"


def test_two_who_edit_different_fields_or_agree_are_not_in_each_others_way(
    database: Database, customer: UUID
) -> None:
    seen = {"display_name": stamp(""), "attributes.city": stamp(None)}
    _edit(database, customer, Edit(display_name="小林", was=seen))
    _edit(database, customer, Edit(attributes={"city": "杭州"}, was=UNKNOWN), MEI)
    assert _edit(database, customer, Edit(attributes={"city": "杭州"}, was=UNKNOWN)) == {}


def test_a_fact_can_be_forgotten(database: Database, customer: UUID) -> None:
    _edit(database, customer, Edit(attributes={"city": "杭州"}))
    _edit(database, customer, Edit(attributes={"city": None}))
    with database.reading() as session:
        assert customers.attributes(session, customer) == {}


@pytest.mark.parametrize("tag", ["", "  ", "x" * 51])
def test_a_tag_that_is_none_is_refused(database: Database, customer: UUID, tag: str) -> None:
    with pytest.raises(BadTag):
        _edit(database, customer, Edit(add_tags=[tag]))


def test_an_attribute_needs_a_name(database: Database, customer: UUID) -> None:
    with pytest.raises(BadAttribute):
        _edit(database, customer, Edit(attributes={" ": 1}))


def test_white_space_in_tags_does_not_count(database: Database, customer: UUID) -> None:
    _edit(database, customer, Edit(add_tags=["big  spender ", "big spender"]))
    with database.reading() as session:
        assert customers.tags(session, customer) == ["big spender"]


def test_who_was_erased_is_not_edited(database: Database, customer: UUID) -> None:
    with database.writing() as session:
        privacy.erase(session, customer, datetime.now(UTC))
    with pytest.raises(Erased):
        _edit(database, customer, Edit(display_name="x"))
