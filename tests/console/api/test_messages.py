"""Messages over the API: what was said, and an agent's reply."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from crm_store import conversations, history, outbox, sending
from crm_store.db import Database
from crm_store.messages import Content, Policy
from tests.console.api.shop import XIAOLIN, Shop, check_problem, new_application


def _messages(shop: Shop, said: Any) -> str:
    return f"/conversations/{said.conversation_id}/messages"


def test_a_message_has_the_shape_that_programs_rely_on(shop: Shop) -> None:
    said = shop.say("你好 👋")
    found = shop.get(_messages(shop, said))["items"][0]
    assert found == {
        "id": str(said.message_id),
        "conversation_id": str(said.conversation_id),
        "direction": "in",
        "sender": "customer",
        "text": "你好 👋",
        "status": "received",
        "reason": None,
        "created_at": "2026-03-02T04:00:00Z",
        "content": {"kind": "text", "text": "你好 👋"},
        "understanding": None,
        "decision": None,
    }


def test_messages_show_what_the_bot_made_of_them(shop: Shop) -> None:
    said = shop.say("when do you open?")
    understanding = {"intent": {"name": "faq", "confidence": 0.97}}
    shop.set_message(str(said.message_id), understanding=understanding, decision=[{"rule": "faq"}])
    found = shop.get(_messages(shop, said))["items"][0]
    assert found["understanding"]["intent"] == {"name": "faq", "confidence": 0.97}
    assert found["decision"] == [{"rule": "faq"}]


@pytest.mark.parametrize("limit", [1, 3, 50])
def test_messages_come_oldest_first(shop: Shop, limit: int) -> None:
    said = shop.say(*map(str, range(7)))
    texts = [each["text"] for each in shop.everything(_messages(shop, said), limit)]
    assert texts == list("0123456")


@pytest.mark.parametrize("floor", ["bot", "waiting"])
def test_a_reply_under_the_bots_floor_takes_the_conversation_over(shop: Shop, floor: str) -> None:
    said = shop.say("hi")
    shop.set_floor(said.conversation_id, floor)
    response = shop.post(_messages(shop, said), {"text": "您好，我是小李"})
    assert response.status_code == 201
    found = response.json()
    assert (found["direction"], found["sender"], found["text"]) == ("out", "agent", "您好，我是小李")
    assert (found["status"], found["reason"]) == ("queued", None)
    assert shop.get(_messages(shop, said))["items"][-1] == found
    conversation = shop.get(f"/conversations/{said.conversation_id}")
    assert (conversation["floor"], conversation["agent"]) == ("agent", "write-owner")
    assert shop.floors == [(XIAOLIN, "agent")]
    assert shop.queued == ["shop"]


def test_a_reply_names_its_agent_and_may_come_from_a_colleague(shop: Shop) -> None:
    said = shop.say("hi")
    shop.post(_messages(shop, said), {"text": "one", "agent": "lin"})
    shop.post(_messages(shop, said), {"text": "two", "agent": "wang"})
    with shop.database.reading() as session:
        rows = history.list_messages(session, said.conversation_id)
    assert [row.source for row in rows] == ["", "agent:lin", "agent:wang"]
    assert shop.get(f"/conversations/{said.conversation_id}")["agent"] == "lin"
    assert len(shop.floors) == 1
    assert shop.queued == ["shop", "shop"]


def test_a_reply_may_be_sent_and_what_the_bot_had_queued_may_not(shop: Shop) -> None:
    said = shop.say("hi")
    with shop.database.writing() as session:
        conversation = conversations.get_conversation(session, said.conversation_id, lock=True)
        bots = outbox.draft(
            conversation, Content(text="I am a bot"), sender="bot", source="", now=shop.time
        )
        outbox.queue(session, [bots])
    posted = shop.post(_messages(shop, said), {"text": "I am a person"}).json()
    with shop.database.writing() as session:
        assert sending.start_sending(session, "shop", Policy(), 10, shop.time) == ([], 1)
    with shop.database.writing() as session:
        going, _ = sending.start_sending(session, "shop", Policy(), 10, shop.time)
    assert [str(each.id) for each in going] == [posted["id"]]
    statuses = {each["text"]: each["status"] for each in shop.get(_messages(shop, said))["items"]}
    assert statuses == {"hi": "received", "I am a bot": "skipped", "I am a person": "sending"}


def test_others_are_told_only_what_is_committed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    said = shop.say("hi")

    def queue(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("console.floor.outbox.queue", queue)
    problem = check_problem(shop.post(_messages(shop, said), {"text": "lost"}), 500)
    assert "RuntimeError" not in problem["detail"]
    assert (shop.queued, shop.floors) == ([], [])
    assert shop.get(f"/conversations/{said.conversation_id}")["floor"] == "bot"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            {"status": "failed", "reason": "blocked by the customer", "code": "43004"},
            "blocked by the customer",
        ),
        ({"status": "failed", "code": "43004"}, "the platform said 43004"),
        ({"status": "skipped", "reason": "the window is closed"}, "the window is closed"),
        ({"status": "unknown"}, "no reason was given"),
        ({"status": "queued", "due_at": None}, "waits for the customer's next message"),
        ({"status": "queued", "reason": "too many requests"}, "too many requests"),
        ({"status": "queued"}, None),
        ({"status": "accepted", "reason": "left from an earlier try"}, None),
        ({"status": "delivered"}, None),
        ({"status": "read"}, None),
    ],
)
def test_a_status_comes_with_its_reason(
    sqlite_shop: Shop, values: dict[str, Any], reason: str | None
) -> None:
    said = sqlite_shop.say("hi")
    posted = sqlite_shop.post(_messages(sqlite_shop, said), {"text": "hello"}).json()
    sqlite_shop.set_message(posted["id"], **values)
    found = sqlite_shop.get(_messages(sqlite_shop, said))["items"][-1]
    assert (found["status"], found["reason"]) == (values["status"], reason)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "x" * 4001, "a\x00b", "\x00", None, 7, True, ["a"], {"a": "b"}]
)
def test_a_text_that_cannot_be_sent_is_refused(sqlite_shop: Shop, text: object) -> None:
    said = sqlite_shop.say("hi")
    problem = check_problem(sqlite_shop.post(_messages(sqlite_shop, said), {"text": text}), 422)
    assert [(each["location"], each["pointer"]) for each in problem["errors"]] == [("body", "#/text")]
    assert len(sqlite_shop.get(_messages(sqlite_shop, said))["items"]) == 1
    assert sqlite_shop.floors == []


@pytest.mark.parametrize(
    "text", ["x", "汉" * 4000, "👩‍👩‍👧‍👦", "한국어", "a\r\nb", "</script><b>", "%s {0} \\"]
)
def test_a_text_arrives_as_it_was_written(shop: Shop, text: str) -> None:
    said = shop.say("hi")
    assert shop.post(_messages(shop, said), {"text": text}).json()["text"] == text
    with shop.database.reading() as session:
        assert history.list_messages(session, said.conversation_id)[-1].said == Content(text=text)


def _keyed(shop: Shop, said: Any, key: str, body: dict[str, Any], **rest: Any) -> httpx.Response:
    return shop.post(_messages(shop, said), body, headers={"Idempotency-Key": key}, **rest)


def test_the_same_request_again_returns_the_first_message_and_sends_nothing(shop: Shop) -> None:
    said = shop.say("hi")
    first = _keyed(shop, said, "k1", {"text": "hello"})
    again = _keyed(shop, said, "k1", {"text": "hello"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert len(shop.get(_messages(shop, said))["items"]) == 2
    assert shop.queued == ["shop"]
    assert _keyed(shop, said, "k2", {"text": "hello"}).json()["id"] != first.json()["id"]


def test_a_repeat_takes_nothing_over_and_is_answered_in_a_closed_conversation_too(shop: Shop) -> None:
    said = shop.say("hi")
    first = _keyed(shop, said, "k", {"text": "hello"}).json()
    shop.post(f"/conversations/{said.conversation_id}/release")
    assert _keyed(shop, said, "k", {"text": "hello"}).json() == first
    assert shop.get(f"/conversations/{said.conversation_id}")["floor"] == "bot"
    shop.post(f"/conversations/{said.conversation_id}/close")
    assert _keyed(shop, said, "k", {"text": "hello"}).json() == first


def test_a_key_that_was_used_for_another_request_is_refused(shop: Shop) -> None:
    said = shop.say("hi")
    _keyed(shop, said, "k", {"text": "hello"})
    check_problem(_keyed(shop, said, "k", {"text": "good-bye"}), 422)
    check_problem(_keyed(shop, said, "k", {"text": "hello", "agent": "wang"}), 422)
    shop.post(f"/conversations/{said.conversation_id}/close")
    next_one = shop.say("hi again")
    check_problem(_keyed(shop, next_one, "k", {"text": "hello"}), 422)
    assert len(shop.get(_messages(shop, next_one))["items"]) == 1


def test_keys_of_different_tokens_have_nothing_to_do_with_each_other(shop: Shop) -> None:
    said = shop.say("hi")
    body = {"text": "hello", "agent": "lin"}
    ids = {
        _keyed(shop, said, "k", body, token=shop.tokens[scope]).json()["id"] for scope in ("write", "admin")
    }
    assert len(ids) == 2


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(sqlite_shop: Shop, key: str) -> None:
    said = sqlite_shop.say("hi")
    problem = check_problem(_keyed(sqlite_shop, said, key, {"text": "hello"}), 422)
    assert problem["errors"][0]["location"] == "header"


def test_the_same_request_many_times_at_once_makes_one_message(shop: Shop, database_url: str) -> None:
    said = shop.say("hi")

    # Each has connections, an event loop and threads of its own, as different processes would.
    others = [OtherProcess(shop, database_url) for _ in range(6)]

    def post(other: Shop) -> httpx.Response:
        with other:
            return _keyed(other, said, "k", {"text": "hello"})

    with ThreadPoolExecutor(len(others)) as pool:
        answers = list(pool.map(post, others))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [answer.headers.get("idempotent-replay") for answer in answers].count(None) == 1
    assert len(shop.get(_messages(shop, said))["items"]) == 2


class OtherProcess(Shop):
    """The same database and token behind connections of its own."""

    def __init__(self, shop: Shop, database_url: str) -> None:
        super().__init__(Database(database_url), new_application())
        self.token = shop.token

    def __exit__(self, *given: object) -> None:
        super().__exit__(*given)
        self.database.close()
