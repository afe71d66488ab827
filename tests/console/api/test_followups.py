"""Follow-ups, edits and the audit over the API; and that a request that comes twice counts once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlmodel import select

from crm_store import due_followups, privacy
from crm_store.idempotency import IdempotencyKey, tick
from crm_store.identities import find_identity
from crm_store.messages import Address
from tests.console.api.shop import NOBODY, NOON, XIAOLIN, Shop, check_problem

DUE = "2026-03-03T10:00:00+08:00"


def _who(shop: Shop, address: Address = XIAOLIN) -> str:
    shop.say("hi", address=address)
    return str(shop.get("/customers", params={"identity": str(address)})["items"][0]["id"])


def _new(shop: Shop, **more: Any) -> dict[str, Any]:
    return {"customer": _who(shop), "text": "Did the tea arrive?", "due_at": DUE} | more


def test_a_followup_is_planned_where_the_customer_wrote_last(shop: Shop) -> None:
    response = shop.post("/followups", _new(shop, agent="lin", cancel_if_written=True))
    assert response.status_code == 201
    planned = response.json()
    assert (planned["state"], planned["address"], planned["due_at"]) == (
        "planned", str(XIAOLIN), "2026-03-03T02:00:00Z",
    )  # fmt: skip
    assert (planned["agent"], planned["planned_by"], planned["expected"]) == ("lin", "agent:lin", None)
    assert shop.get(f"/followups/{planned['id']}") == planned
    assert shop.get("/followups", params={"agent": "lin", "state": "planned"})["items"] == [planned]
    shop.say("hello again")
    assert shop.get(f"/followups/{planned['id']}")["state"] == "cancelled"


def test_a_followup_is_cancelled_once_and_a_task_is_done_once(shop: Shop) -> None:
    body = _new(shop)
    planned = shop.post("/followups", body).json()["id"]
    task = shop.post("/followups", body | {"kind": "task"}).json()
    assert task["state"] == "task"
    for _ in range(2):
        assert shop.post(f"/followups/{planned}/cancel").json()["state"] == "cancelled"
        assert shop.post(f"/followups/{task['id']}/done").json()["state"] == "done"
    check_problem(shop.post(f"/followups/{planned}/done"), 409)
    check_problem(shop.post(f"/followups/{NOBODY}/cancel"), 404)
    audit = shop.get("/audit", params={"noun": "followup"}, token=shop.tokens["admin"])["items"]
    assert [entry["action"] for entry in audit] == [
        "followup.done", "followup.cancelled", "followup.planned", "followup.planned",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"due_at": "2026-03-01T10:00:00Z"}, 409),
        ({"due_at": "2026-03-03T10:00:00"}, 422),
        ({"text": " "}, 422),
        ({"identity": "shop"}, 422),
        ({"identity": "shop:somebody-else"}, 404),
        ({"customer": NOBODY}, 404),
        ({"kind": "song"}, 422),
    ],
)
def test_a_followup_that_cannot_be_is_refused(shop: Shop, change: dict[str, Any], status: int) -> None:
    check_problem(shop.post("/followups", _new(shop) | change), status)


def test_the_same_request_under_a_key_is_done_once(shop: Shop) -> None:
    body, headers = _new(shop), {"Idempotency-Key": "one"}
    first = shop.post("/followups", body, headers=headers)
    again = shop.post("/followups", body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert len(shop.get("/followups")["items"]) == 1
    problem = check_problem(shop.post("/followups", body | {"text": "other"}, headers=headers), 422)
    assert "Idempotency-Key" in problem["detail"]
    other = shop.post("/followups", body, headers=headers, token=shop.tokens["admin"])
    assert other.json()["id"] != first.json()["id"]


def test_a_request_that_failed_does_not_use_its_key_up(shop: Shop) -> None:
    headers = {"Idempotency-Key": "one"}
    check_problem(shop.post("/followups", _new(shop, customer=NOBODY), headers=headers), 404)
    assert shop.post("/followups", _new(shop), headers=headers).status_code == 201


def test_of_many_at_once_under_one_key_one_is_done(shop: Shop) -> None:
    body, answers = _new(shop), []
    others = [Shop(shop.database) for _ in range(6)]

    def ask(other: Shop) -> None:
        answers.append(
            other.post("/followups", body, headers={"Idempotency-Key": "one"}, token=shop.token).json()[
                "id"
            ]
        )

    threads = [threading.Thread(target=ask, args=(other,)) for other in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in others:
        other.__exit__()
    assert len(answers) == 6
    assert len(set(answers)) == 1
    assert len(shop.get("/followups")["items"]) == 1


def test_a_key_is_forgotten_after_a_day_and_with_the_customer(shop: Shop) -> None:
    shop.post("/followups", _new(shop), headers={"Idempotency-Key": "one"})
    with shop.database.writing() as session:
        identity = find_identity(session, XIAOLIN)
        assert identity
        caller = session.exec(select(IdempotencyKey)).one().caller
        privacy.erase(session, identity.customer_id, NOON)
        assert session.exec(select(IdempotencyKey)).all() == []
        session.add(IdempotencyKey(caller=caller, key="old", digest="", created_at=NOON))
        session.flush()
        assert tick(session, NOON) == set()
        assert len(session.exec(select(IdempotencyKey)).all()) == 1
        tick(session, NOON.replace(day=4))
        assert session.exec(select(IdempotencyKey)).all() == []


def test_what_was_sent_is_told_with_its_message(shop: Shop) -> None:
    planned = shop.post("/followups", _new(shop)).json()
    with shop.database.writing() as session:
        due_followups.tick(session, NOON.replace(day=4))
    found = shop.get(f"/followups/{planned['id']}")
    timeline = shop.get(f"/customers/{found['customer_id']}/timeline")["items"]
    assert [m["id"] for m in timeline if m["sender"] == "agent"] == [found["message_id"]]


def test_a_customer_is_changed_and_the_change_is_audited(shop: Shop) -> None:
    who = _who(shop)
    change = {
        "display_name": "林",
        "language": "zh-CN",
        "attributes": {"city": "杭州"},
        "add_tags": ["VIP"],
    }
    response = shop.ask("PATCH", f"/api/v1/customers/{who}", json=change)
    assert response.status_code == 200, response.text
    found = response.json()
    assert found == shop.get(f"/customers/{who}")
    assert (found["display_name"], found["tags"], found["attributes"]) == ("林", ["VIP"], {"city": "杭州"})
    assert found["attribute_sources"]["city"]["source"] == "api:write-owner"
    (entry,) = shop.get("/audit", params={"customer": who}, token=shop.tokens["admin"])["items"]
    assert entry["changes"]["display_name"] == {"from": "小林", "to": "林"}
    assert entry["actor"].startswith("token:")


def test_of_two_programs_that_change_what_they_read_the_second_is_told(shop: Shop) -> None:
    who = _who(shop)
    path = f"/api/v1/customers/{who}"
    tag = shop.ask("GET", path).headers["ETag"]
    first = shop.ask("PATCH", path, json={"display_name": "A"}, headers={"If-Match": tag})
    assert first.status_code == 200
    check_problem(shop.ask("PATCH", path, json={"display_name": "B"}, headers={"If-Match": tag}), 412)
    tag = first.headers["ETag"]
    assert shop.ask("PATCH", path, json={"display_name": "B"}, headers={"If-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    "change",
    [{"language": "中文"}, {"add_tags": [""]}, {"attributes": {"": 1}}, {"display_name": "x" * 201}],
)
def test_a_change_that_cannot_be_is_refused(sqlite_shop: Shop, change: dict[str, Any]) -> None:
    who = _who(sqlite_shop)
    check_problem(sqlite_shop.ask("PATCH", f"/api/v1/customers/{who}", json=change), 422)


def test_exports_and_erasures_are_audited(shop: Shop) -> None:
    who = _who(shop)
    shop.get(f"/customers/{who}/export", token=shop.tokens["admin"])
    shop.ask("DELETE", f"/api/v1/customers/{who}", token=shop.tokens["admin"])
    entries = shop.get("/audit", params={"noun": "customer"}, token=shop.tokens["admin"])["items"]
    assert [entry["action"] for entry in entries] == ["customer.erased", "customer.exported"]
    check_problem(shop.ask("PATCH", f"/api/v1/customers/{who}", json={"display_name": "x"}), 409)
    check_problem(shop.post("/followups", {"customer": who, "text": "x", "due_at": DUE}), 409)


def test_the_audit_is_for_administrators(sqlite_shop: Shop) -> None:
    check_problem(sqlite_shop.ask("GET", "/api/v1/audit"), 403)
