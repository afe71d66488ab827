"""Segments and campaigns over the API: described, counted, written, tried, launched, watched, stopped."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from campaigns import running
from console.campaign_csv import guard
from crm_store import customers, sending
from crm_store.channels import write_channel
from crm_store.messages import Address, Policy, Sent
from tests.console.api.shop import NOBODY, NOON, Shop

HELLO = {"language": "en", "text": "Hello {display_name|friend}"}


@pytest.fixture
def market(shop: Shop) -> Shop:
    """Three customers on a channel, two of them with a tag."""
    with shop.database.writing() as session:
        write_channel(session, "shop", "pigeon", Policy(per_second=30), NOON)
    for who in ("anna", "ben", "carl"):
        shop.say("hi", address=Address("shop", who), name="")
    people = shop.get("/customers")["items"]
    with shop.database.writing() as session:
        for person in people[:2]:
            customers.add_tag(session, UUID(person["id"]), "vip", source="t", now=NOON)
    return shop


def go(shop: Shop, deliver: bool = True) -> None:
    """A second passes."""
    with shop.database.writing() as session:
        running.tick(session, shop.time, rules=shop.host.rules)
    shop.time += timedelta(seconds=1)
    if deliver:
        with shop.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", Policy(), 50, shop.time)
            outcomes = [sending.Outcome(row.id, row.address, Sent("accepted")) for row in rows]
            sending.finish(session, outcomes, shop.time)


def post(shop: Shop, path: str, status: int = 200, **json: Any) -> dict[str, Any]:
    response = shop.ask("POST", f"/api/v1{path}", json=json)
    assert response.status_code == status, response.text
    found: dict[str, Any] = response.json()
    return found


def test_tags_are_listed_with_how_many_carry_them(market: Shop) -> None:
    assert market.get("/tags") == {"items": [{"tag": "vip", "customers": 2}], "next_cursor": None}


def test_a_segment_is_tried_saved_changed_counted_and_deleted(market: Shop) -> None:
    tried = post(market, "/segments/preview", definition={"tag": "vip"})
    assert tried["count"] == 2
    assert len(tried["sample"]) == 2
    made = post(market, "/segments", 201, name="VIP", definition={"tag": "vip"})
    assert market.get(f"/segments/{made['id']}/preview")["count"] == 2
    change = {"definition": {"not": {"tag": "vip"}}}
    changed = market.ask("PATCH", f"/api/v1/segments/{made['id']}", json=change).json()
    assert changed["name"] == "VIP"
    assert market.get(f"/segments/{made['id']}/preview")["count"] == 1
    assert market.get("/segments")["items"] == [changed]
    assert market.ask("DELETE", f"/api/v1/segments/{made['id']}").status_code == 200
    assert market.get("/segments")["items"] == []


def test_a_wrong_definition_is_refused_with_its_place(market: Shop) -> None:
    found = post(market, "/segments/preview", 422, definition={"all": [{"tag": 5}]})
    assert found["errors"][0]["pointer"] == "#/definition"
    assert found["errors"][0]["detail"].startswith("all[0].tag: expected a text")


def test_a_campaign_is_written_tried_launched_and_told_of(market: Shop) -> None:
    made = post(market, "/campaigns", 201, name="Spring", segment={"tag": "vip"}, texts=[HELLO])
    path = f"/campaigns/{made['id']}"
    assert made["status"] == "draft"
    tried = post(market, f"{path}/preflight")
    assert (tried["audience"], tried["reached"], tried["left_out"]) == (2, 2, {})
    assert tried["by_channel"][0]["preview"] == "Hello friend"
    assert market.get(f"{path}/report")["run_id"] is None
    assert post(market, f"{path}/launch")["status"] == "scheduled"
    go(market)
    report = market.get(f"{path}/report")
    assert (report["audience"], report["statuses"]) == (2, {"accepted": 2})
    assert [one["status"] for one in report["items"]] == ["accepted", "accepted"]
    go(market)
    assert market.get(path)["status"] == "finished"


def test_it_is_paused_resumed_and_stopped(market: Shop) -> None:
    made = post(market, "/campaigns", 201, name="Spring", texts=[HELLO])
    path = f"/campaigns/{made['id']}"
    post(market, f"{path}/launch")
    go(market, deliver=False)
    assert post(market, f"{path}/pause")["status"] == "paused"
    go(market)
    assert market.get(f"{path}/report")["statuses"] == {"queued": 3}
    assert post(market, f"{path}/resume")["status"] == "running"
    assert post(market, f"{path}/stop")["status"] == "stopped"
    post(market, f"{path}/resume", 409)
    go(market)
    assert market.get(f"{path}/report")["statuses"] == {"skipped": 3}


def test_what_runs_cannot_be_edited_and_what_is_scheduled_can(market: Shop) -> None:
    cron = {"kind": "cron", "cron": "0 13 * * *", "timezone": "Asia/Shanghai"}
    made = post(market, "/campaigns", 201, name="Spring", texts=[HELLO], schedule=cron)
    path = f"/api/v1/campaigns/{made['id']}"
    launched = post(market, f"/campaigns/{made['id']}/launch")
    assert launched["next_at"].startswith("2026-03-02T05:00")
    later = {"schedule": {**cron, "cron": "30 13 * * *"}}
    assert market.ask("PATCH", path, json=later).json()["next_at"].startswith("2026-03-02T05:30")
    market.time = NOON + timedelta(hours=2)
    go(market, deliver=False)
    assert market.ask("PATCH", path, json={"name": "x"}).status_code == 409


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"segment": {"tga": "vip"}}, "#/params"),
        ({"trigger": "nothing", "params": {}}, "#/trigger"),
        ({"schedule": {"kind": "cron", "cron": "x", "timezone": "UTC"}}, "#/schedule"),
        ({"texts": [HELLO, HELLO]}, "#/texts"),
    ],
)
def test_a_wrong_field_is_named(market: Shop, fields: dict[str, Any], pointer: str) -> None:
    found = post(market, "/campaigns", 422, name="Spring", **fields)
    assert found["errors"][0]["pointer"] == pointer


def test_a_campaign_without_a_text_is_not_launched(market: Shop) -> None:
    made = post(market, "/campaigns", 201, name="Spring")
    assert post(market, f"/campaigns/{made['id']}/launch", 409)["detail"] == "a campaign needs a text"


def test_the_same_request_writes_one_campaign(market: Shop) -> None:
    for _ in range(2):
        market.ask("POST", "/api/v1/campaigns", json={"name": "Spring"}, headers={"Idempotency-Key": "one"})
    assert len(market.get("/campaigns")["items"]) == 1


def test_a_test_goes_to_our_own_people_only(market: Shop) -> None:
    made = post(market, "/campaigns", 201, name="Spring", texts=[HELLO])
    anna = market.get("/customers")["items"][0]["id"]
    post(market, f"/campaigns/{made['id']}/test", 404, customer=NOBODY)
    post(market, f"/campaigns/{made['id']}/test", 404, customer=anna)
    with market.database.writing() as session:
        customers.add_tag(session, UUID(anna), "staff-test", source="t", now=NOON)
    assert post(market, f"/campaigns/{made['id']}/test", customer=anna) == {"channels": ["shop"]}
    assert market.queued == ["shop"]


def test_the_table_is_one_that_a_spreadsheet_opens_and_never_calculates(market: Shop) -> None:
    made = post(market, "/campaigns", 201, name="Spring", texts=[HELLO])
    people = market.get("/customers")["items"]
    with market.database.writing() as session:
        customers.set_display_name(session, UUID(people[2]["id"]), "=1+1", NOON)
    path = f"/api/v1/campaigns/{made['id']}"
    assert market.ask("GET", f"{path}/report.csv").status_code == 404
    post(market, f"/campaigns/{made['id']}/launch")
    go(market)
    response = market.ask("GET", f"{path}/report.csv")
    assert response.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["status"] for row in rows] == ["accepted"] * 3
    assert rows[2]["display_name"] == "'=1+1"
    assert guard("+86") == "'+86"
    assert guard("Anna") == "Anna"
