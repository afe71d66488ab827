"""FAQ entries over the API."""

from __future__ import annotations

from typing import Any

from crm_store import audit, trainings
from crm_store.faq import Wording, find_entry
from crm_store.faq_edits import Draft
from crm_store.faq_project import import_project
from tests.console.api.shop import NOBODY, NOON, Shop, check_problem

CARDS: dict[str, Any] = {
    "phrasings": ["有礼品卡吗", "Do you sell gift cards?", " do you sell gift cards "],
    "answers": [
        {"language": "zh", "text": "有的。", "buttons": [{"title": "买", "payload": "我要买"}]},
        {"language": "en", "text": "Yes."},
    ],
    "titles": {"en": "Gift cards"},
}


def test_an_entry_is_made_read_changed_and_deleted(shop: Shop) -> None:
    response = shop.post("/faqs", CARDS)
    assert response.status_code == 201
    made = response.json()
    assert (made["name"], made["origin"], made["version"], made["learned"]) == (
        "faq/gift_cards", "console", 1, False
    )  # fmt: skip
    assert made["phrasings"] == ["有礼品卡吗", "Do you sell gift cards?"]
    assert made["answers"][0]["buttons"] == [{"title": "买", "payload": "我要买"}]
    assert shop.get(f"/faqs/{made['id']}") == made
    assert shop.get("/faqs", params={"q": "礼品"})["items"] == [made]
    changed = CARDS | {"version": 1, "answers": [{"language": "en", "text": "Sold out."}]}
    answer = shop.ask("PUT", f"/api/v1/faqs/{made['id']}", json=changed)
    assert answer.status_code == 200
    assert (answer.json()["version"], answer.json()["answers"][0]["text"]) == (2, "Sold out.")
    check_problem(shop.ask("PUT", f"/api/v1/faqs/{made['id']}", json=changed), 409)
    assert shop.ask("DELETE", f"/api/v1/faqs/{made['id']}").status_code == 200
    check_problem(shop.ask("GET", f"/api/v1/faqs/{made['id']}"), 404)
    with shop.database.reading() as session:
        assert trainings.waits(session)
        noted = [entry.action for entry in audit.list_entries(session, noun="faq")]
    assert noted == ["faq.deleted", "faq.edited", "faq.created"]


def test_a_repeat_with_its_key_makes_one_entry(shop: Shop) -> None:
    first = shop.post("/faqs", CARDS, headers={"Idempotency-Key": "cards"})
    again = shop.post("/faqs", CARDS, headers={"Idempotency-Key": "cards"})
    assert again.json() == first.json()
    assert again.headers["idempotent-replay"] == "true"
    assert len(shop.get("/faqs")["items"]) == 1


def test_an_entry_of_the_project_is_listed_and_not_changed(shop: Shop) -> None:
    long = {"buttons": [{"title": "x" * 100, "payload": "y"}]}
    with shop.database.writing() as session:
        draft = Draft(("wifi?",), (Wording("Yes.", "en", more=long),), name="faq/wifi")
        import_project(session, {"faq/wifi": draft}, NOON)
        entry = find_entry(session, "faq/wifi")
        assert entry is not None
    (found,) = shop.get("/faqs", params={"origin": "project"})["items"]
    assert (found["name"], found["learned"]) == ("faq/wifi", True)
    check_problem(shop.ask("PUT", f"/api/v1/faqs/{entry.id}", json=CARDS | {"version": 1}), 409)
    check_problem(shop.ask("DELETE", f"/api/v1/faqs/{entry.id}"), 409)


def test_pages_come_in_the_order_of_names(shop: Shop) -> None:
    for name in ("faq/b", "faq/a", "faq/茶", "faq/" + "长" * 80):
        assert shop.post("/faqs", CARDS | {"name": name}).status_code == 201
    names = [one["name"] for one in shop.everything("/faqs", 1)]
    assert len(names) == 4
    assert names[:2] == ["faq/a", "faq/b"]


def test_what_cannot_be_an_entry_is_refused_with_what_is_wrong(shop: Shop) -> None:
    check_problem(shop.post("/faqs", CARDS | {"phrasings": []}), 422)
    check_problem(shop.post("/faqs", CARDS | {"answers": [{"text": " "}]}), 422)
    check_problem(shop.post("/faqs", CARDS | {"name": "chat/x"}), 422)
    twice = [{"language": "en", "text": "a"}, {"language": "en", "text": "b"}]
    problem = shop.post("/faqs", CARDS | {"answers": twice})
    check_problem(problem, 422)
    assert "two answers" in problem.json()["detail"]
    shop.post("/faqs", CARDS | {"name": "faq/x"})
    check_problem(shop.post("/faqs", CARDS | {"name": "faq/x"}), 422)
    check_problem(shop.ask("GET", f"/api/v1/faqs/{NOBODY}"), 404)
