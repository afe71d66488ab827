"""What comes in is written down once, in order, on both databases."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm_store import conversations, history, identities, outbox, sending
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy, Proof, Receipt, Sent, Window
from crm_store.recording import Recorded, record

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = Address("shop", "anna")
BEN = Address("shop", "ben")


def say(address: Address, key: str, text: str = "hello", **more: object) -> Incoming:
    return Incoming(address, key, Content(text=text), **more)  # type: ignore[arg-type]


def write(database: Database, *batch: Incoming, worker: str = "w1", now: datetime = NOW) -> list[Recorded]:
    with database.writing() as session:
        return [one for one in record(session, batch, worker, now) if one]


def test_a_first_message_makes_customer_identity_conversation_and_a_lease(database: Database) -> None:
    (recorded,) = write(database, say(ANNA, "1", profile={"display_name": "安娜 👋", "language": "zh"}))
    assert recorded.leased
    assert not recorded.repeat
    with database.reading() as session:
        conversation = conversations.get_conversation(session, recorded.conversation_id)
        assert (conversation.floor, conversation.leased_by) == ("bot", "w1")
        assert session.get_one(Customer, conversation.customer_id).display_name == "安娜 👋"
        message = history.get_message(session, recorded.message_id)
        assert (message.status, message.work, message.seq) == ("received", "waiting", recorded.seq)


def test_a_repeat_is_told_and_leaves_no_row(database: Database) -> None:
    (first,) = write(database, say(ANNA, "1"))
    again, also = write(database, say(ANNA, "1", "changed"), say(ANNA, "1"))
    assert again.repeat
    assert also.repeat
    assert again.message_id == also.message_id == first.message_id
    assert not again.leased
    with database.reading() as session:
        assert [m.text for m in session.exec(select(Message))] == ["hello"]


def test_what_holds_a_number_beyond_all_bounds_can_be_read_again(database: Database) -> None:
    # Hostile clients send what no double holds.
    raw = {"n": 10**400, "text": "茶🍵", "list": [1.5, None, True]}
    content = Content("unknown", data={"name": "odd", "raw": raw})
    (one,) = write(database, Incoming(ANNA, "1", content, wants_reply=True))
    with database.reading() as session:
        (waiting,) = history.read_waiting(session, [one.conversation_id], 1)
        assert waiting.said.data["raw"] == raw
        assert history.get_message(session, one.message_id).content["data"]["raw"] == raw


def test_a_repeat_within_one_batch_is_written_once(database: Database) -> None:
    first, second = write(database, say(ANNA, "1"), say(ANNA, "1"))
    assert (first.repeat, second.repeat) == (False, True)
    assert first.message_id == second.message_id


def test_the_same_key_from_two_people_is_two_messages(database: Database) -> None:
    first, second = write(database, say(ANNA, "1"), say(BEN, "1"))
    assert not first.repeat
    assert not second.repeat
    assert first.conversation_id != second.conversation_id


def test_a_batch_keeps_its_order(database: Database) -> None:
    batch = [say(BEN if n % 3 else ANNA, str(n), f"message {n}") for n in range(30)]
    write(database, *batch)
    with database.reading() as session:
        texts = [m.text for m in session.exec(select(Message).order_by(col(Message.seq)))]
    assert texts == [f"message {n}" for n in range(30)]


def test_a_lease_that_another_worker_holds_is_left_alone_until_it_ends(database: Database) -> None:
    write(database, say(ANNA, "1"), worker="w1")
    (second,) = write(database, say(ANNA, "2"), worker="w2")
    assert not second.leased
    (third,) = write(database, say(ANNA, "3"), worker="w2", now=NOW + timedelta(minutes=1))
    assert third.leased


def test_an_event_that_wants_no_reply_waits_for_no_turn(database: Database) -> None:
    (left,) = write(database, say(ANNA, "1", wants_reply=False, reachable=False))
    assert not left.leased
    with database.reading() as session:
        assert history.get_message(session, left.message_id).work is None
        found = identities.find_identity(session, ANNA)
        assert found is not None
        assert not found.reachable


def test_who_writes_again_can_be_reached_again(database: Database) -> None:
    write(database, say(ANNA, "1", wants_reply=False, reachable=False))
    write(database, say(ANNA, "2"))
    with database.reading() as session:
        found = identities.find_identity(session, ANNA)
        assert found is not None
        assert found.reachable


def test_a_message_opens_its_window_anew(database: Database) -> None:
    window = Window("message", timedelta(hours=48), 5)
    write(database, say(ANNA, "1", opens=window))
    later = NOW + timedelta(hours=1)
    with database.reading() as session:
        found = identities.find_identity(session, ANNA)
        assert found is not None
        assert identities.window_left(found.windows, later) == ("message", 5, NOW + timedelta(hours=48))
        assert identities.window_left(found.windows, NOW + timedelta(hours=49)) is None
        used = identities.use_window(found.windows, later)
        assert identities.window_left(used, later) == ("message", 4, NOW + timedelta(hours=48))


def test_a_message_that_comes_hours_late_has_what_was_sent_since_counted_against_it() -> None:
    menu, message = Window("menu", timedelta(minutes=1), 3), Window("message", timedelta(hours=48), 5)
    wrote, clicked = NOW + timedelta(seconds=18), NOW + timedelta(hours=8)
    windows = identities.use_window(identities.open_window({}, menu, NOW), wrote, 2)
    windows = identities.open_window(windows, menu, clicked)
    assert identities.window_left(windows, clicked) == ("menu", 3, clicked + timedelta(minutes=1))
    windows = identities.open_window(windows, message, clicked, wrote)
    later = clicked + timedelta(hours=1)
    assert identities.window_left(windows, later) == ("message", 3, wrote + timedelta(hours=48))


def test_after_closing_the_next_message_opens_another_conversation(database: Database) -> None:
    (first,) = write(database, say(ANNA, "1"))
    with database.writing() as session:
        conversations.close(session, first.conversation_id, NOW)
    (second,) = write(database, say(ANNA, "2"))
    assert second.conversation_id != first.conversation_id
    with database.reading() as session:
        assert len(session.exec(select(Customer)).all()) == 1


def test_a_repeat_after_closing_opens_no_conversation(database: Database) -> None:
    (first,) = write(database, say(ANNA, "1"))
    with database.writing() as session:
        conversations.close(session, first.conversation_id, NOW)
    (again,) = write(database, say(ANNA, "1"))
    assert (again.repeat, again.conversation_id) == (True, first.conversation_id)
    with database.reading() as session:
        assert len(session.exec(select(Conversation)).all()) == 1


def test_texts_that_no_database_takes_are_cleaned_not_refused(database: Database) -> None:
    dirty = "a\x00b\ud800c 茶 🍵"
    incoming = Incoming(
        Address("shop", "x\x00\ud800"),
        "k\x00ey",
        Content(text=dirty, data={"raw": {"\x00": ["\udfff", "ok"]}}),
        profile={"display_name": "\x00Zoë"},
    )
    (recorded,) = write(database, incoming)
    assert write(database, incoming)[0].repeat
    with database.reading() as session:
        message = history.get_message(session, recorded.message_id)
        assert message.text == "abc 茶 🍵"
        assert message.content["data"] == {"raw": {"": ["", "ok"]}}


def test_proofs_are_kept_with_their_message(database: Database) -> None:
    (recorded,) = write(database, say(ANNA, "1", proofs=(Proof("phone", "+8613800000000"),)))
    with database.reading() as session:
        content = history.get_message(session, recorded.message_id).content
    assert content["proofs"] == [{"kind": "phone", "value": "+8613800000000"}]


def test_a_receipt_updates_its_message_and_never_goes_back(database: Database) -> None:
    (recorded,) = write(database, say(ANNA, "1"))
    with database.writing() as session:
        conversation = conversations.get_conversation(session, recorded.conversation_id)
        row = outbox.draft(conversation, Content(text="hi"), sender="bot", source="action:x", now=NOW)
        outbox.queue(session, [row])
        sending.start_sending(session, "shop", Policy(), 1, NOW)
        sent = Sent("accepted", platform_id="p1")
        sending.finish(session, [sending.Outcome(row["id"], ANNA, sent)], NOW)
    for status, expected in (("read", "read"), ("delivered", "read"), ("failed", "read")):
        note = Incoming(ANNA, status, Content("event"), receipt=Receipt("p1", status))  # type: ignore[arg-type]
        assert write(database, note) == []
        with database.reading() as session:
            assert history.get_message(session, row["id"]).status == expected


@pytest.mark.parametrize("people", [1, 7])
def test_many_processes_at_once_write_each_message_once(database: Database, people: int) -> None:
    """Every message is handed in by every one of four threads, as platforms do when they retry."""
    batch = [say(Address("shop", f"p{n % people}"), str(n), f"text {n}") for n in range(40)]
    firsts: list[str] = []
    errors: list[Exception] = []

    def hand_in(offset: int) -> None:
        try:
            for start in range(0, 40, 8):
                part = batch[(start + offset) % 40 :][:8]
                results = write(database, *part, worker=f"w{offset}")
                firsts.extend(r.incoming.key for r in results if not r.repeat)
        except Exception as error:  # noqa: BLE001  (shown by the assertion below)
            errors.append(error)

    threads = [threading.Thread(target=hand_in, args=(offset,)) for offset in (0, 8, 16, 24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert sorted(firsts, key=int) == [str(n) for n in range(40)]
    with database.reading() as session:
        assert len(session.exec(select(Message)).all()) == 40
        assert len(session.exec(select(Customer)).all()) == people
        assert len(session.exec(select(Conversation)).all()) == people


def test_a_conversation_that_is_named_is_waited_for_and_a_sweep_passes_it_over(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.writing() as session:
        (one,) = record(session, [say(ANNA, "1")], None, NOW)
    assert one
    holds, let_go = threading.Event(), threading.Event()

    def hold_it() -> None:
        with database.writing() as session:
            conversations.get_conversation(session, one.conversation_id, lock=True)
            holds.set()
            let_go.wait(20)

    def lease(among: list[UUID] | None) -> list[UUID]:
        with database.writing() as session:
            return conversations.lease_waiting(session, "w", 64, NOW, among)

    with ThreadPoolExecutor(2) as pool:
        holding = pool.submit(hold_it)
        assert holds.wait(10)
        assert lease(None) == []
        named = pool.submit(lease, [one.conversation_id])
        time.sleep(0.1)  # Long enough to be passed over, if it were.
        assert not named.done()
        let_go.set()
        assert named.result(10) == [one.conversation_id]
        holding.result(10)
    database.close()
