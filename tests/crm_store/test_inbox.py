"""The inbox: the order of its list, its filters, its pages, and that it reads no more than it shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from crm_store import channels, conversations, inbox, outbox
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Policy, Sender
from crm_store.recording import record
from tests.crm_store.plans import explained

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)


def fill(database: Database) -> list[UUID]:
    """Twelve conversations on two channels, one a minute; every third waits, every fourth has an agent."""
    made = []
    with database.writing() as session:
        for name in ("shop", "site"):
            channels.write_channel(session, name, "x", Policy(), NOON)
        for n in range(12):
            address = Address("shop" if n % 2 else "site", f"o{n}")
            incoming = Incoming(address, "k", Content(text=f"text {n}"), profile={"display_name": f"N{n}"})
            (found,) = record(session, [incoming], "w", NOON + timedelta(minutes=n))
            assert found is not None
            conversation = conversations.get_conversation(session, found.conversation_id)
            conversation.floor = "waiting" if n % 3 == 0 else "agent" if n % 4 == 0 else "bot"
            conversation.agent = ("lin" if n == 4 else "bo") if conversation.floor == "agent" else None
            session.add(conversation)
            made.append(found.conversation_id)
    return made


def numbers(made: list[UUID], found: list[conversations.Conversation]) -> list[int]:
    return [made.index(each.id) for each in found]


def test_who_wrote_last_stands_first_whatever_channel_and_floor(database: Database) -> None:
    made = fill(database)
    with database.reading() as session:
        assert numbers(made, inbox.list_inbox(session)) == list(range(11, -1, -1))


def test_floor_channel_and_agent_narrow_the_list(database: Database) -> None:
    made = fill(database)
    with database.reading() as session:
        assert numbers(made, inbox.list_inbox(session, floors=["waiting"])) == [9, 6, 3, 0]
        assert numbers(made, inbox.list_inbox(session, floors=["waiting"], channel="shop")) == [9, 3]
        assert numbers(made, inbox.list_inbox(session, agent="lin")) == [4]


def test_pages_follow_each_other_without_gap_or_repeat(database: Database) -> None:
    made, seen = fill(database), list[int]()
    with database.reading() as session:
        place = None
        while page := inbox.list_inbox(session, before=place, limit=5):
            seen += numbers(made, page)
            assert page[-1].heard_at is not None
            place = (page[-1].heard_at, page[-1].id)
    assert seen == list(range(11, -1, -1))


def test_who_only_subscribes_or_was_written_to_first_stands_not_in_the_inbox(database: Database) -> None:
    with database.writing() as session:
        channels.write_channel(session, "shop", "x", Policy(), NOON)
        follow = Incoming(Address("shop", "o"), "k", Content(kind="event", data={"name": "follow"}))
        record(session, [follow], "w", NOON)
        assert inbox.list_inbox(session) == []
        record(session, [Incoming(Address("shop", "o"), "l", Content(text="hi"))], "w", NOON)
        assert len(inbox.list_inbox(session)) == 1


def test_an_entry_tells_the_name_the_last_words_and_what_nobody_has_read(database: Database) -> None:
    made = fill(database)
    with database.writing() as session:
        more = [Incoming(Address("site", "o0"), f"more {n}", Content(text=f"more {n}")) for n in range(2)]
        found = record(session, more, "w", NOON + timedelta(hours=1))[-1]
        assert found is not None
        (entry,) = inbox.entries(session, inbox.list_inbox(session, floors=["waiting"], limit=1))
        assert entry.last is not None
        assert (entry.name, entry.last.text, entry.unread) == ("N0", "more 1", 3)
        conversations.mark_read(session, entry.conversation, found.seq - 1)
        (entry,) = inbox.entries(session, [entry.conversation])
        assert (entry.conversation.id, entry.unread) == (made[0], 1)
        under_bot = inbox.entries(session, inbox.list_inbox(session, floors=["bot"]))
        assert {each.unread for each in under_bot} == {0}


def test_of_who_waits_their_own_words_are_told_and_of_nobody_what_everybody_was_sent(
    database: Database,
) -> None:
    made = fill(database)
    with database.writing() as session:
        senders: list[tuple[int, Sender]] = [(0, "bot"), (1, "bot"), (1, "campaign")]
        for place, sender in senders:
            conversation = conversations.get_conversation(session, made[place])
            row = outbox.draft(
                conversation, Content(text=f"from {sender}"), sender=sender, source="x", now=NOON
            )  # fmt: skip
            outbox.queue(session, [row])
        wanted = [conversations.get_conversation(session, made[place]) for place in (0, 1)]
        lasts = [entry.last.text for entry in inbox.entries(session, wanted) if entry.last]
    assert lasts == ["text 0", "from bot"]


def test_the_tabs_are_counted(database: Database) -> None:
    fill(database)
    with database.reading() as session:
        counts = inbox.count(session)
    assert (counts.waiting, dict(counts.held)) == (4, {"lin": 1, "bo": 1})


def test_no_view_of_the_inbox_scans_or_sorts_a_table(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    made = fill(database)
    with explained(database) as plans, database.reading() as session:
        for options in ({}, {"floors": ["waiting"]}, {"channel": "shop"}, {"agent": "lin"}):
            inbox.list_inbox(session, before=(NOON, made[0]), **options)
        inbox.entries(session, inbox.list_inbox(session))
        inbox.count(session)
    scans = [
        (step, statement)
        for step, statement in plans
        if step.startswith("SCAN") and step.split()[1] in ("conversations", "messages", "customers")
        if "USING" not in step
    ]
    sorted_pages = [
        step for step, statement in plans if "TEMP B-TREE FOR ORDER" in step and "UNION" not in statement
    ]
    database.close()
    assert len(plans) > 10
    assert scans == []
    assert sorted_pages == []
