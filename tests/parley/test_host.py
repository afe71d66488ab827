"""What channels are given: shared values made once, history that misses nothing, files kept safely."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bots.base import LiveEvent
from crm_store import conversations, outbox, sending
from crm_store.db import Database
from crm_store.media import MediaFolder, TooLarge
from crm_store.messages import Address, Content, Incoming, Policy, Sent
from crm_store.recording import record
from parley.host import HouseHost
from parley.live import Hub

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANNA = Address("site", "anna")


class Clock:
    """A time to move by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def open_host(database: Database, folder: Path, clock: Clock | None = None) -> HouseHost:
    return HouseHost(database, Hub(), MediaFolder(folder / "media", 1000), clock or Clock())


def test_fifty_callers_make_a_shared_value_once(database: Database, tmp_path: Path) -> None:
    made = 0

    async def make() -> tuple[str, datetime]:
        nonlocal made
        made += 1
        await asyncio.sleep(0)
        return f"token-{made}", NOW + timedelta(hours=2)

    async def main() -> None:
        host = open_host(database, tmp_path)
        assert set(await asyncio.gather(*(host.remember("t", make) for _ in range(50)))) == {"token-1"}
        refused = [host.remember("t", make, stale="token-1") for _ in range(50)]
        assert set(await asyncio.gather(*refused)) == {"token-2"}

    asyncio.run(main())
    assert made == 2


def test_a_shared_value_reaches_other_processes_and_ends(database: Database, tmp_path: Path) -> None:
    clock = Clock()

    async def make() -> tuple[str, datetime]:
        return f"made at {clock().hour}", clock() + timedelta(hours=2)

    async def main() -> None:
        one, other = open_host(database, tmp_path, clock), open_host(database, tmp_path, clock)
        assert await one.remember("t", make) == await other.remember("t", make) == "made at 9"
        clock.now += timedelta(hours=3)
        assert await other.remember("t", make) == "made at 12"

    asyncio.run(main())


def test_a_line_sent_after_a_later_one_was_seen_is_not_missed(database: Database, tmp_path: Path) -> None:
    """The bot's answer was queued before the customer's next message, but sent after it."""
    with database.writing() as session:
        (first,) = record(session, [Incoming(ANNA, "1", Content(text="one"))], "w", NOW)
        assert first is not None
        conversation = conversations.get_conversation(session, first.conversation_id)
        row = outbox.draft(conversation, Content(text="answer"), sender="bot", source="x", now=NOW)
        outbox.queue(session, [row])
    with database.writing() as session:
        later = NOW + timedelta(seconds=1)
        (second,) = record(session, [Incoming(ANNA, "2", Content(text="two"))], "w", later)
        assert second is not None
    host = open_host(database, tmp_path)
    assert [line.content.text for line in asyncio.run(host.history(ANNA))] == ["one", "two"]
    with database.writing() as session:
        sent_at = NOW + timedelta(seconds=2)
        sending.start_sending(session, "site", Policy(), 1, sent_at)
        sending.finish(session, [sending.Outcome(row["id"], ANNA, Sent("accepted"))], sent_at)
    behind = asyncio.run(host.history(ANNA, after=second.seq))
    assert [line.content.text for line in behind] == ["answer"]
    assert [line.content.text for line in asyncio.run(host.history(ANNA))] == ["one", "answer", "two"]


def test_what_was_skipped_is_never_shown_to_the_customer(database: Database, tmp_path: Path) -> None:
    with database.writing() as session:
        (first,) = record(session, [Incoming(ANNA, "1", Content(text="one"))], "w", NOW)
        assert first is not None
        conversation = conversations.get_conversation(session, first.conversation_id)
        row = outbox.draft(conversation, Content(text="not this"), sender="bot", source="x", now=NOW)
        outbox.queue(session, [row])
        conversations.take_over(session, first.conversation_id, "lin")
        sending.start_sending(session, "site", Policy(), 1, NOW)
    host = open_host(database, tmp_path)
    assert [line.content.text for line in asyncio.run(host.history(ANNA))] == ["one"]


def test_files_get_names_that_nobody_guesses_and_limits_hold(database: Database, tmp_path: Path) -> None:
    host = open_host(database, tmp_path)
    media = MediaFolder(tmp_path / "media", 1000)
    path = asyncio.run(host.keep(b"GIF89a", "image/gif", "../../etc/passwd"))
    found = media.find(path.removeprefix("/media/"))
    assert found is not None
    assert found[0].read_bytes() == b"GIF89a"
    assert found[1] == "image/gif"
    for name in ("../parley.db", "..", "", "/etc/passwd", "nothing.gif"):
        assert media.find(name) is None
    with pytest.raises(TooLarge):
        asyncio.run(host.keep(b"x" * 1001, "image/gif"))


def test_a_page_that_reads_no_more_is_cut_off_and_others_go_on() -> None:
    async def main() -> None:
        hub = Hub()
        async with hub.follow(ANNA) as slow, hub.follow(ANNA) as quick:
            for number in range(600):
                hub.publish(ANNA, LiveEvent("typing", data={"n": number}))
                await anext(quick)
            assert len([event async for event in slow]) < 600
        hub.publish(ANNA, LiveEvent("typing"))

    asyncio.run(main())


def test_processes_that_need_the_same_value_at_once_make_it_once(postgres_url: str, tmp_path: Path) -> None:
    made = 0

    async def make() -> tuple[str, datetime]:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        return f"token-{made}", NOW + timedelta(hours=2)

    async def main() -> None:
        databases = [Database(postgres_url) for _ in range(2)]
        hosts = [open_host(database, tmp_path) for database in databases]
        storm = [host.remember("t", make) for host in hosts for _ in range(25)]
        assert set(await asyncio.gather(*storm)) == {"token-1"}
        refused = [host.remember("t", make, stale="token-1") for host in hosts for _ in range(25)]
        assert set(await asyncio.gather(*refused)) == {"token-2"}
        for database in databases:
            database.close()

    asyncio.run(main())
    assert made == 2


def test_who_could_not_make_a_value_leaves_it_to_the_next(postgres_url: str, tmp_path: Path) -> None:
    tries = 0

    async def make() -> tuple[str, datetime]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("the platform is away")
        return "token", NOW + timedelta(hours=2)

    async def main() -> None:
        databases = [Database(postgres_url) for _ in range(2)]
        asked = [open_host(database, tmp_path).remember("t", make) for database in databases]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(map(str, told)) == ["the platform is away", "token"]
        for database in databases:
            database.close()

    asyncio.run(main())
