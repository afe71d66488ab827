"""Customers over the API: lists, look-up, timeline, export, erasure."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from crm_store import consents, conversations, customers
from crm_store.identities import find_identity
from crm_store.messages import Address
from tests.console.api.shop import NOBODY, NOON, XIAOLIN, Shop, check_problem


def _known(shop: Shop) -> str:
    """A customer with tags and facts; their id."""
    said = shop.say("你好，我的电话是 13800000000")
    with shop.database.writing() as session:
        identity = find_identity(session, XIAOLIN)
        assert identity
        who = identity.customer_id
        customers.add_tag(session, who, "regular", source="agent", now=NOON)
        customers.add_tag(session, who, "VIP", source="agent", now=NOON)
        customers.set_attribute(
            session, who, "phone", "13800000000", source="message", source_id=said.message_id, now=NOON
        )
        customers.set_attribute(session, who, "sizes", {"shoe": [42, None]}, source="import", now=NOON)
    return str(who)


def test_a_customer_has_the_shape_that_programs_rely_on(shop: Shop) -> None:
    who = _known(shop)
    found = shop.get(f"/customers/{who}")
    sources = found.pop("attribute_sources")
    assert found == {
        "id": who,
        "display_name": "小林",
        "language": "",
        "attributes": {"phone": "13800000000", "sizes": {"shoe": [42, None]}},
        "tags": ["VIP", "regular"],
        "identities": [{"channel": "shop", "external_id": "8f14e45f", "reachable": True}],
    }
    assert sources["phone"]["source"] == "message"
    assert sources["phone"]["source_id"] == shop.get(f"/customers/{who}/timeline")["items"][0]["id"]
    assert sources["sizes"] == {"source": "import", "source_id": None, "updated_at": "2026-03-02T04:00:00Z"}


def test_a_customer_is_found_by_their_account(shop: Shop) -> None:
    shop.say("hi", address=Address("site", "someone:else"), name="Ann")
    shop.say("hi")
    page = shop.get("/customers", params={"identity": "shop:8f14e45f"})
    assert [each["display_name"] for each in page["items"]] == ["小林"]
    assert page["next_cursor"] is None
    with_colon = shop.get("/customers", params={"identity": "site:someone:else"})
    assert [each["display_name"] for each in with_colon["items"]] == ["Ann"]
    assert shop.get("/customers", params={"identity": "site:8f14e45f"})["items"] == []


@pytest.mark.parametrize("identity", ["shop", ":", "shop:", ":8f14e45f"])
def test_an_account_without_channel_or_id_is_refused(sqlite_shop: Shop, identity: str) -> None:
    problem = check_problem(sqlite_shop.ask("GET", "/api/v1/customers", params={"identity": identity}), 422)
    assert problem["errors"][0]["pointer"] == "#/identity"
    assert problem["errors"][0]["location"] == "query"


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
def test_pages_of_customers_hold_everyone_once_and_oldest_first(shop: Shop, limit: int) -> None:
    for number in range(7):
        shop.say("hi", address=Address("shop", str(number)), name=f"Customer {number}")
    names = [each["display_name"] for each in shop.everything("/customers", limit)]
    assert names == [f"Customer {number}" for number in range(7)]


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(shop: Shop) -> None:
    seen: list[str] = []
    event.listen(shop.database.engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    counts = []
    for rounds in (1, 20):
        for number in range(rounds):
            shop.say("hi", address=Address("shop", f"{rounds}-{number}"))
        seen.clear()
        shop.get("/customers")
        counts.append(len([statement for statement in seen if statement.startswith("SELECT")]))
    assert counts == [5, 5]  # the token, then customers, attributes, tags, identities


def test_a_timeline_holds_all_conversations_oldest_first(shop: Shop) -> None:
    first = shop.say("一", "二")
    shop.post(f"/conversations/{first.conversation_id}/messages", {"text": "三"})
    shop.post(f"/conversations/{first.conversation_id}/close")
    second = shop.say("四")
    assert second.conversation_id != first.conversation_id
    shop.say("not theirs", address=Address("shop", "other"))
    who = shop.get("/customers", params={"identity": str(XIAOLIN)})["items"][0]["id"]
    for limit in (1, 3, 50):
        texts = [each["text"] for each in shop.everything(f"/customers/{who}/timeline", limit)]
        assert texts == ["一", "二", "三", "四"]


def test_an_export_holds_every_row_about_a_customer(shop: Shop) -> None:
    who = _known(shop)
    shop.say("somebody else", address=Address("shop", "other"), name="Other")
    found = shop.get(f"/customers/{who}/export", token=shop.tokens["admin"])
    assert [row["display_name"] for row in found["customers"]] == ["小林"]
    assert [row["text"] for row in found["messages"]] == ["你好，我的电话是 13800000000"]
    assert {row["tag"] for row in found["customer_tags"]} == {"VIP", "regular"}
    assert "Other" not in str(found)
    assert "somebody else" not in str(found)


def test_an_erased_customer_keeps_an_id_and_nothing_that_names_them(shop: Shop) -> None:
    who = _known(shop)
    shop.say("and somebody else", address=Address("shop", "other"), name="Other")
    with shop.database.writing() as session:
        identity = find_identity(session, XIAOLIN)
        assert identity
        consents.withdraw(session, identity.customer_id, "marketing", source_id=None, now=NOON)
    response = shop.ask("DELETE", f"/api/v1/customers/{who}", token=shop.tokens["admin"])
    assert response.status_code == 200
    left = response.json()
    assert left == shop.get(f"/customers/{who}")
    assert (left["id"], left["display_name"], left["attributes"], left["tags"]) == (who, "", {}, [])
    assert shop.get("/customers", params={"identity": str(XIAOLIN)})["items"] == []
    everything = str(shop.get(f"/customers/{who}/export", token=shop.tokens["admin"]))
    for secret in ("小林", "13800000000", "8f14e45f", "regular"):
        assert secret not in everything
    assert "marketing" in everything  # The proof of a "stop" outlives their data.
    assert shop.get("/customers", params={"identity": "shop:other"})["items"][0]["display_name"] == "Other"


def test_erasing_again_changes_nothing(shop: Shop) -> None:
    who = _known(shop)
    erased = [
        shop.ask("DELETE", f"/api/v1/customers/{who}", token=shop.tokens["admin"]).json() for _ in range(2)
    ]
    for each in erased:
        each["identities"] = len(each["identities"])
    assert erased[0] == erased[1]


@pytest.mark.parametrize("who", [NOBODY, "nobody", "1", "%00", "..%2f..", "x" * 3000, "💥"])
@pytest.mark.parametrize("what", ["", "/timeline", "/export"])
def test_a_customer_who_is_not_there_is_not_found(sqlite_shop: Shop, who: str, what: str) -> None:
    token = sqlite_shop.tokens["admin"]
    check_problem(sqlite_shop.ask("GET", f"/api/v1/customers/{who}{what}", token=token), 404)
    check_problem(sqlite_shop.ask("DELETE", f"/api/v1/customers/{who}", token=token), 404)


def test_a_customer_who_has_left_is_shown_as_unreachable(shop: Shop) -> None:
    shop.say("hi")
    with shop.database.writing() as session:
        identity = find_identity(session, XIAOLIN)
        assert identity
        identity.reachable = False
        session.add(identity)
    found = shop.get("/customers", params={"identity": str(XIAOLIN)})["items"][0]
    assert found["identities"][0]["reachable"] is False


def test_times_are_utc_with_a_z(shop: Shop) -> None:
    shop.time += timedelta(microseconds=250)
    said = shop.say("hi")
    with shop.database.reading() as session:
        row = conversations.get_conversation(session, said.conversation_id)
        assert row.created_at.utcoffset() == timedelta(0)
    found = shop.get(f"/conversations/{said.conversation_id}")
    assert found["created_at"] == "2026-03-02T04:00:00.000250Z"
