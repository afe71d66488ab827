"""What is to be sent: in order, once, under the right floor, with a true status."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from crm_store import conversations, history, identities, outbox, sending
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy, Sender, Sent, Window
from crm_store.recording import record
from crm_store.sending import OpenRequest, Outcome

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
FREE = Policy()


class Shop:
    """One conversation and short words for what happens in it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.conversation = self.open("anna")

    def open(self, who: str, **more: object) -> UUID:
        incoming = Incoming(Address("shop", who), "1", Content(text="hi"), **more)  # type: ignore[arg-type]
        with self.database.writing() as session:
            (recorded,) = record(session, [incoming], "w1", NOW)
            assert recorded is not None
            return recorded.conversation_id

    def queue(
        self, text: str, conversation: UUID | None = None, sender: Sender = "bot", **more: object
    ) -> UUID:
        with self.database.writing() as session:
            found = conversations.get_conversation(session, conversation or self.conversation, lock=True)
            row = outbox.draft(found, Content(text=text), sender=sender, source="test", now=NOW, **more)  # type: ignore[arg-type]
            outbox.queue(session, [row])
            return UUID(str(row["id"]))

    def start(self, policy: Policy = FREE, limit: int = 10, now: datetime = NOW) -> list[str]:
        with self.database.writing() as session:
            rows, _ = sending.start_sending(session, "shop", policy, limit, now)
            return [row.content.text for row in rows]

    def inline(
        self,
        carry: Callable[[list[Content]], int],
        policy: Policy = FREE,
        who: str = "anna",
        again: UUID | None = None,
        brings: UUID | None = None,
        now: datetime = NOW,
    ) -> list[str]:
        with self.database.writing() as session:
            request = OpenRequest(Address("shop", who), policy, carry, again, brings or again)
            (rows,) = sending.start_inline(session, [request], now)
            return [row.content.text for row in rows]

    def finish(self, message: UUID, sent: Sent, now: datetime = NOW) -> None:
        with self.database.writing() as session:
            found = history.get_message(session, message)
            sending.finish(session, [Outcome(message, found.address, sent)], now)

    def status(self, message: UUID) -> tuple[str, str | None]:
        with self.database.reading() as session:
            found = history.get_message(session, message)
            return found.status, found.reason


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_rows_of_one_address_go_one_after_the_other(shop: Shop) -> None:
    first, second = shop.queue("one"), shop.queue("two")
    assert shop.start() == ["one"]
    assert shop.start() == []
    shop.finish(first, Sent("accepted", platform_id="p"))
    assert shop.status(first) == ("accepted", None)
    assert shop.start() == ["two"]
    assert shop.status(second)[0] == "sending"


def test_another_address_does_not_wait(shop: Shop) -> None:
    shop.queue("for anna")
    shop.queue("for ben", shop.open("ben"))
    assert sorted(shop.start()) == ["for anna", "for ben"]


def test_a_row_that_is_due_later_holds_nobody_up(shop: Shop) -> None:
    shop.queue("tomorrow", due_at=NOW + timedelta(days=1))
    shop.queue("now")
    assert shop.start() == ["now"]
    assert shop.start(now=NOW + timedelta(days=2)) == []  # "now" is still being sent


def test_a_retry_keeps_its_place(shop: Shop) -> None:
    first = shop.queue("one")
    shop.queue("two")
    shop.start()
    shop.finish(first, Sent("queued", reason="busy", retry_after=30))
    assert shop.status(first) == ("queued", "busy")
    assert shop.start(now=NOW + timedelta(seconds=10)) == []
    assert shop.start(now=NOW + timedelta(seconds=31)) == ["one"]


def test_an_inline_answer_never_overtakes_what_is_under_way(shop: Shop) -> None:
    first = shop.queue("one")
    assert shop.start() == ["one"]
    shop.queue("two")
    assert shop.inline(len) == []
    shop.finish(first, Sent("accepted"))
    assert shop.inline(len) == ["two"]


def test_a_platform_that_asks_again_gets_the_same_answer_again(shop: Shop, database: Database) -> None:
    with database.reading() as session:
        (asked,) = history.list_messages(session, shop.conversation)
    answer = shop.queue("the answer", reply_to=asked.id)
    assert shop.inline(len, brings=asked.id) == ["the answer"]
    assert shop.inline(len, again=asked.id) == ["the answer"]
    shop.finish(answer, Sent("unknown"))
    assert shop.inline(len) == []
    assert shop.inline(len, again=asked.id) == ["the answer"]
    shop.finish(answer, Sent("accepted"))
    shop.queue("something new")
    assert shop.inline(len, again=asked.id) == ["the answer"]
    assert shop.status(answer) == ("accepted", None)


def test_what_one_answer_carried_is_given_again_together_also_what_answered_something_else(
    shop: Shop, database: Database
) -> None:
    with database.reading() as session:
        (asked,) = history.list_messages(session, shop.conversation)
    shop.queue("of before")
    shop.queue("the answer", reply_to=asked.id)
    assert shop.inline(len, brings=asked.id) == ["of before", "the answer"]
    assert shop.inline(len, again=asked.id) == ["of before", "the answer"]


def test_what_went_out_by_itself_is_not_given_again(shop: Shop, database: Database) -> None:
    with database.reading() as session:
        (asked,) = history.list_messages(session, shop.conversation)
    sent = shop.queue("the answer", reply_to=asked.id)
    assert shop.start() == ["the answer"]
    assert shop.inline(len, again=asked.id) == []
    shop.finish(sent, Sent("unknown"))
    assert shop.inline(len, again=asked.id) == []


def test_who_has_taken_an_answer_again_is_the_only_one_to_put_it_back(
    shop: Shop, database: Database
) -> None:
    with database.reading() as session:
        (asked,) = history.list_messages(session, shop.conversation)
    answer = shop.queue("the answer", reply_to=asked.id)
    first = OpenRequest(Address("shop", "anna"), FREE, len, None, asked.id)
    with database.writing() as session:
        ((mine,),) = sending.start_inline(session, [first], NOW)
    later = NOW + timedelta(seconds=1)
    assert shop.inline(len, again=asked.id, now=later) == ["the answer"]
    with database.writing() as session:
        sending.put_back(session, [mine], later)
    assert shop.status(answer) == ("sending", None)


def test_after_a_takeover_the_bots_answer_is_not_given_again(shop: Shop, database: Database) -> None:
    with database.reading() as session:
        (asked,) = history.list_messages(session, shop.conversation)
    shop.queue("the answer", reply_to=asked.id)
    assert shop.inline(len, brings=asked.id) == ["the answer"]
    with database.writing() as session:
        conversations.take_over(session, shop.conversation, "lin")
    assert shop.inline(len, again=asked.id) == []


def test_who_is_refused_too_often_fails_with_the_last_reason(shop: Shop) -> None:
    message, now = shop.queue("one"), NOW
    for _ in range(sending.RETRIES + 1):
        assert shop.start(now=now) == ["one"]
        shop.finish(message, Sent("queued", reason="busy"), now)
        now += timedelta(hours=1)
    assert shop.status(message) == ("failed", "busy")


def test_the_same_answer_is_never_queued_twice(shop: Shop, database: Database) -> None:
    shop.queue("one", key="re:1")
    with pytest.raises(Exception, match=r"(?i)unique"):
        shop.queue("one", key="re:1")


def test_after_a_takeover_the_bots_rows_are_skipped_and_the_agents_go(
    shop: Shop, database: Database
) -> None:
    bots = shop.queue("from the bot")
    with database.writing() as session:
        conversations.take_over(session, shop.conversation, "lin")
    agents = shop.queue("from lin", sender="agent")
    assert shop.start() == []
    assert shop.status(bots) == ("skipped", "an agent has the floor")
    assert shop.start() == ["from lin"]
    assert shop.status(agents)[0] == "sending"


def test_what_the_bot_wrote_before_an_agent_came_is_not_sent_after_they_went(
    shop: Shop, database: Database
) -> None:
    stale = shop.queue("old news")
    with database.writing() as session:
        conversations.take_over(session, shop.conversation, "lin")
        conversations.release(session, shop.conversation)
    fresh = shop.queue("fresh")
    shop.start()
    assert shop.status(stale) == ("skipped", "the floor has changed since it was written")
    assert shop.start() == ["fresh"]
    assert shop.status(fresh)[0] == "sending"


def test_outside_its_window_a_message_is_skipped_with_the_reason(shop: Shop) -> None:
    message = shop.queue("hello")
    assert shop.start(Policy(needs_window=True)) == []
    status, reason = shop.status(message)
    assert status == "skipped"
    assert "window is closed" in str(reason)


def test_a_window_is_used_up_by_what_was_accepted(shop: Shop, database: Database) -> None:
    strict = Policy(needs_window=True)
    ben = shop.open("ben", opens=Window("message", timedelta(hours=48), 2))
    for text in ("one", "two"):
        message = shop.queue(text, ben)
        assert shop.start(strict) == [text]
        shop.finish(message, Sent("accepted"))
    third = shop.queue("three", ben)
    assert shop.start(strict) == []
    assert "used up" in str(shop.status(third)[1])


def test_a_passive_only_account_waits_for_the_next_message(shop: Shop) -> None:
    passive = Policy(push=False, inline_within=4)
    message = shop.queue("later")
    assert shop.start(passive) == []
    status, reason = shop.status(message)
    assert status == "queued"
    assert "next message" in str(reason)
    assert shop.inline(len, passive) == ["later"]
    assert shop.status(message) == ("sending", None)


def test_an_inline_answer_carries_what_fits_and_the_rest_is_due(shop: Shop) -> None:
    held = NOW + timedelta(seconds=4)
    first, second = shop.queue("one", due_at=held), shop.queue("two", due_at=held)
    assert shop.start() == []
    assert shop.inline(lambda contents: 1) == ["one"]
    assert shop.status(second)[0] == "queued"
    shop.finish(first, Sent("accepted"))
    assert shop.start() == ["two"]


def test_an_inline_answer_says_nothing_of_the_bots_after_a_takeover(shop: Shop, database: Database) -> None:
    message = shop.queue("from the bot")
    with database.writing() as session:
        conversations.take_over(session, shop.conversation, "lin")
    assert shop.inline(len) == []
    assert shop.status(message)[0] == "skipped"


def test_what_was_in_flight_at_a_kill_is_unknown_and_stays_so(shop: Shop, database: Database) -> None:
    message = shop.queue("one")
    shop.start()
    with database.writing() as session:
        assert sending.give_up_lost(session, NOW + timedelta(seconds=5)) == 0
        assert sending.give_up_lost(session, NOW + timedelta(seconds=60)) == 1
    assert shop.status(message)[0] == "unknown"
    assert shop.start(now=NOW + timedelta(hours=1)) == []
    shop.finish(message, Sent("accepted"))
    assert shop.status(message)[0] == "unknown"


def test_somebody_who_has_left_is_not_written_to_any_more(shop: Shop, database: Database) -> None:
    first, second = shop.queue("one"), shop.queue("two")
    shop.start()
    shop.finish(first, Sent("failed", reason="blocked", code="403", gone=True))
    assert shop.start() == []
    assert shop.status(second) == ("skipped", "the customer has left or blocked us")
    with database.reading() as session:
        found = identities.find_identity(session, Address("shop", "anna"))
        assert found is not None
        assert not found.reachable
