"""Conversations over the API: lists, and who has the floor."""

from __future__ import annotations

from uuid import UUID

import pytest

from crm_store.messages import Address
from tests.console.api.shop import NOBODY, XIAOLIN, Shop, check_problem


def test_a_conversation_has_the_shape_that_programs_rely_on(shop: Shop) -> None:
    said = shop.say("你好")
    who = shop.get("/customers")["items"][0]["id"]
    found = shop.get(f"/conversations/{said.conversation_id}")
    assert found == {
        "id": str(said.conversation_id),
        "channel": "shop",
        "address": "shop:8f14e45f",
        "customer_id": who,
        "floor": "bot",
        "agent": None,
        "created_at": "2026-03-02T04:00:00Z",
        "closed_at": None,
    }
    assert shop.get("/conversations")["items"] == [found]


def test_conversations_are_filtered_and_come_newest_first(shop: Shop) -> None:
    ids = [
        str(shop.say("hi", address=Address(channel, str(n))).conversation_id)
        for n in range(3)
        for channel in ("shop", "site")
    ]
    shop.post(f"/conversations/{ids[0]}/takeover")
    shop.set_floor(UUID(ids[1]), "waiting")
    shop.post(f"/conversations/{ids[2]}/close")

    def listed(query: str) -> list[str]:
        return [each["id"] for each in shop.get(f"/conversations?{query}")["items"]]

    assert listed("") == ids[::-1]
    assert listed("floor=agent") == [ids[0]]
    assert listed("floor=waiting") == [ids[1]]
    assert listed("floor=closed") == [ids[2]]
    assert listed("channel=site") == [ids[5], ids[3], ids[1]]
    assert listed("channel=site&floor=bot") == [ids[5], ids[3]]
    assert listed("channel=elsewhere") == []
    who = shop.get(f"/conversations/{ids[4]}")["customer_id"]
    assert listed(f"customer={who}") == [ids[4]]
    assert listed(f"customer={NOBODY}") == []
    assert [each["id"] for each in shop.everything("/conversations", 2)] == ids[::-1]


def test_a_takeover_silences_the_bot_and_tells_open_pages(shop: Shop) -> None:
    said = shop.say("a person, please")
    response = shop.post(f"/conversations/{said.conversation_id}/takeover")
    assert response.status_code == 200
    assert (response.json()["floor"], response.json()["agent"]) == ("agent", "write-owner")
    assert shop.floors == [(XIAOLIN, "agent")]
    assert shop.get(f"/conversations/{said.conversation_id}") == response.json()


@pytest.mark.parametrize("what", ["takeover", "assign"])
def test_the_agent_may_be_named(shop: Shop, what: str) -> None:
    said = shop.say("hi")
    path = f"/conversations/{said.conversation_id}/{what}"
    assert shop.post(path, {"agent": "李雷"}).json()["agent"] == "李雷"
    assert shop.post(path, {}).json()["agent"] == "write-owner"
    assert shop.post(path, {"agent": None}).json()["agent"] == "write-owner"
    assert shop.post(path, content=b"", headers={"Content-Type": "application/json"}).status_code == 200
    assert shop.floors == [(XIAOLIN, "agent")] * 2  # Taking over one's own conversation changes nothing.


def test_a_released_conversation_is_the_bots_again(shop: Shop) -> None:
    said = shop.say("hi")
    path = f"/conversations/{said.conversation_id}"
    shop.post(f"{path}/takeover")
    released = shop.post(f"{path}/release")
    assert released.status_code == 200
    assert (released.json()["floor"], released.json()["agent"]) == ("bot", None)
    assert shop.post(f"{path}/release").json() == released.json()
    assert [floor for _, floor in shop.floors] == ["agent", "bot"]


def test_a_closed_conversation_stays_closed(shop: Shop) -> None:
    said = shop.say("hi")
    path = f"/conversations/{said.conversation_id}"
    closed = shop.post(f"{path}/close")
    assert closed.status_code == 200
    assert (closed.json()["floor"], closed.json()["closed_at"]) == ("closed", "2026-03-02T04:01:00Z")
    assert shop.post(f"{path}/close").json() == closed.json()
    for what in ("takeover", "release", "assign"):
        problem = check_problem(shop.post(f"{path}/{what}"), 409)
        assert problem["detail"] == "the conversation is closed"
        assert problem["title"] == "Conflict"
    check_problem(shop.post(f"{path}/messages", {"text": "too late"}), 409)
    assert [floor for _, floor in shop.floors] == ["closed"]
    assert shop.queued == []
    assert len(shop.get(f"{path}/messages")["items"]) == 1


def test_the_next_message_after_a_closing_opens_another_conversation(shop: Shop) -> None:
    first = shop.say("hi")
    shop.post(f"/conversations/{first.conversation_id}/close")
    second = shop.say("hi again")
    found = shop.get("/conversations")["items"]
    assert [each["floor"] for each in found] == ["bot", "closed"]
    assert [each["id"] for each in found] == [str(second.conversation_id), str(first.conversation_id)]


@pytest.mark.parametrize("conversation", [NOBODY, "x", "0", "%00", NOBODY + "0", "💥"])
def test_a_conversation_that_is_not_there_is_not_found(sqlite_shop: Shop, conversation: str) -> None:
    path = f"/api/v1/conversations/{conversation}"
    check_problem(sqlite_shop.ask("GET", path), 404)
    check_problem(sqlite_shop.ask("GET", f"{path}/messages"), 404)
    check_problem(sqlite_shop.ask("POST", f"{path}/messages", json={"text": "hi"}), 404)
    for what in ("takeover", "release", "assign", "close"):
        check_problem(sqlite_shop.ask("POST", f"{path}/{what}"), 404)


@pytest.mark.parametrize(
    "query", ["floor=nobody", "customer=x", "limit=0", "limit=201", "limit=99999999999999"]
)
def test_a_filter_that_makes_no_sense_is_refused(sqlite_shop: Shop, query: str) -> None:
    problem = check_problem(sqlite_shop.ask("GET", f"/api/v1/conversations?{query}"), 422)
    assert problem["errors"][0]["pointer"] == "#/" + query.partition("=")[0]


@pytest.mark.parametrize("agent", ["", " ", "x" * 201, "a\x00b", 7, ["lin"], {"a": 1}])
def test_an_agent_whose_name_is_none_is_refused(shop: Shop, agent: object) -> None:
    said = shop.say("hi")
    problem = check_problem(
        shop.post(f"/conversations/{said.conversation_id}/takeover", {"agent": agent}), 422
    )
    assert problem["errors"][0]["pointer"] == "#/agent"
    assert shop.get(f"/conversations/{said.conversation_id}")["floor"] == "bot"
