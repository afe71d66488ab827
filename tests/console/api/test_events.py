"""Events over the API: told once, whoever tells them again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crm_store import customers, events, privacy
from crm_store.identities import find_identity
from tests.console.api.shop import NOBODY, NOON, XIAOLIN, Shop, check_problem

ORDER: dict[str, Any] = {
    "identity": str(XIAOLIN),
    "name": "order.paid",
    "key": "order-4711",
    "at": "2026-03-01T10:00:00+08:00",
    "data": {"total": 128, "items": ["龙井"]},
}


def _who(shop: Shop) -> str:
    shop.say("hi")
    return str(shop.get("/customers", params={"identity": str(XIAOLIN)})["items"][0]["id"])


def test_an_event_is_kept_with_who_told_it(shop: Shop) -> None:
    who = _who(shop)
    response = shop.post("/events", ORDER)
    assert response.status_code == 201
    told = response.json()
    assert (told["customer_id"], told["name"], told["key"]) == (who, "order.paid", "order-4711")
    assert (told["source"], told["at"]) == ("write-owner", "2026-03-01T02:00:00Z")
    assert told["data"] == ORDER["data"]
    assert shop.get("/events", params={"customer": who})["items"] == [told]


def test_a_repeat_answers_200_with_the_first_event(shop: Shop) -> None:
    who = _who(shop)
    first = shop.post("/events", ORDER)
    again = shop.post("/events", ORDER | {"data": {"total": 999}})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert len(shop.get("/events", params={"customer": who})["items"]) == 1


def test_the_same_key_of_another_source_is_another_event(shop: Shop) -> None:
    who = _who(shop)
    shop.post("/events", ORDER)
    assert shop.post("/events", ORDER, token=shop.tokens["admin"]).status_code == 201
    assert len(shop.get("/events", params={"customer": who})["items"]) == 2


def test_an_event_told_by_many_at_once_is_kept_once(shop: Shop) -> None:
    who = _who(shop)

    def tell(number: int) -> bool:
        with shop.database.writing() as session:
            customer_id = customers.list_customers(session, after=None, limit=1)[0].id
            happened = events.Happened(customer_id, "order.paid", "same", NOON)
            ((_, new),) = events.add_events(session, "system", [happened], NOON)
            return new

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(tell, range(24))) == 1
    assert len(shop.get("/events", params={"customer": who})["items"]) == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"identity": None}, "#"),
        ({"customer": NOBODY}, "#"),
        ({"identity": "shop"}, "#"),
        ({"name": "Order Paid"}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"key": ""}, "#/key"),
        ({"key": "k" * 256}, "#/key"),
        ({"at": "2026-03-01T10:00:00"}, "#/at"),
        ({"at": "yesterday"}, "#/at"),
        ({"data": [1]}, "#/data"),
    ],
)
def test_an_event_that_is_not_one_is_refused_with_the_flaw(
    sqlite_shop: Shop, change: dict[str, Any], pointer: str
) -> None:
    _who(sqlite_shop)
    problem = check_problem(sqlite_shop.post("/events", ORDER | change), 422)
    assert problem["errors"][0]["pointer"] == pointer


def test_what_is_no_json_is_refused(shop: Shop) -> None:
    _who(shop)
    body = json.dumps(ORDER | {"data": {"x": float("nan")}})
    headers = {"content-type": "application/json"}
    check_problem(shop.ask("POST", "/api/v1/events", content=body, headers=headers), 422)


def test_an_event_of_nobody_is_not_found(sqlite_shop: Shop) -> None:
    check_problem(sqlite_shop.post("/events", ORDER), 404)
    check_problem(sqlite_shop.post("/events", ORDER | {"identity": None, "customer": NOBODY}), 404)


def test_an_event_of_somebody_who_was_erased_is_refused(shop: Shop) -> None:
    who = _who(shop)
    shop.post("/events", ORDER)
    assert shop.ask("DELETE", f"/api/v1/customers/{who}", token=shop.tokens["admin"]).status_code == 200
    check_problem(shop.post("/events", ORDER), 404)
    check_problem(shop.post("/events", ORDER | {"identity": None, "customer": who}), 409)
    (left,) = shop.get("/events", params={"customer": who})["items"]
    assert (left["name"], left["data"]) == ("order.paid", {})
    assert "4711" not in left["key"]


def test_many_events_are_told_in_one_request(shop: Shop) -> None:
    _who(shop)
    bulk = [ORDER | {"key": f"k{number % 300}"} for number in range(499)]
    bulk.append(ORDER | {"identity": "shop:nobody", "key": "x"})
    told = shop.post("/events/bulk", {"items": bulk}).json()["items"]
    assert [each["status"] for each in told] == ["created"] * 300 + ["repeated"] * 199 + ["refused"]
    assert told[0]["event_id"] == told[300]["event_id"]
    assert told[-1]["detail"] == "there is no customer shop:nobody"
    check_problem(shop.post("/events/bulk", {"items": [*bulk, ORDER]}), 422)


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_pages_of_events_hold_each_once_and_the_latest_first(shop: Shop, limit: int) -> None:
    who = _who(shop)
    for number in range(7):
        # Some of them happened in the same second.
        shop.post("/events", ORDER | {"key": str(number), "at": f"2026-03-01T10:00:0{number // 2}Z"})
    found = shop.everything("/events", limit, customer=who)
    assert sorted(each["key"] for each in found) == list("0123456")
    times = [each["at"] for each in found]
    assert times == sorted(times, reverse=True)


def test_an_erasure_takes_what_an_event_said(shop: Shop) -> None:
    _who(shop)
    shop.post("/events", ORDER)
    with shop.database.writing() as session:
        identity = find_identity(session, XIAOLIN)
        assert identity
        privacy.erase(session, identity.customer_id, NOON)
        (event,) = events.list_events(session, identity.customer_id)
        session.refresh(event)
    assert event.data == {}
