"""What an operator sees from outside: `/metrics` and `/readyz`."""

from __future__ import annotations

import asyncio
import json
import signal
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from crm_store import channels
from crm_store.messages import Policy, Sent
from parley.metrics import MOST_OUTCOMES, OTHER, Metrics
from parley.watching import watched
from tests.parley.serving import free_port
from tests.parley.tiny import NOW, Ear, TinyHouse, fetch, tiny_house, until_true

Numbers = dict[tuple[str, ...], float]


def run(url: str, folder: Path, story: Callable[[TinyHouse], Awaitable[None]], **more: Any) -> None:
    async def main() -> None:
        async with tiny_house(url, folder, more.pop("policy", Policy()), **more) as tiny:
            await story(tiny)

    asyncio.run(main())


def read(page: str) -> Numbers:
    """Every number by its name and the values of its labels, which come in the order of their names."""
    families = text_string_to_metric_families(page)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def scrape(tiny: TinyHouse, client: str = "127.0.0.1", **headers: str) -> tuple[int, Numbers]:
    """Status and numbers of a GET from an address."""
    told: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(event: Any) -> None:
        told.append(event)

    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": "/metrics", "method": "GET", "query_string": b"",
             "headers": given, "client": (client, 4711)}  # fmt: skip
    await tiny.app(scope, receive, send)
    status, page = told[0]["status"], b"".join(event.get("body", b"") for event in told).decode()
    return status, read(page) if status == 200 else {}


def test_a_message_is_seen_in_every_stage_and_its_answer_among_the_sends(
    database_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        tiny.channel.sending = lambda _to, content: (
            Sent("failed", code="45015") if "late" in content.text else Sent("accepted")
        )
        for key, words in enumerate(("one", "one more", "late")):
            await tiny.ask("anna", str(key), words)
        await tiny.ask("anna", "0", "one")
        await until_true(lambda: sum(tiny.house.metrics.outcomes.values()) == 3)
        status, found = await scrape(tiny)
        assert status == 200
        counted = {stage: found["parley_stage_seconds_count", stage] for stage in tiny.house.metrics.stages}
        assert counted == {"record": 4, "wait": 3, "understand": 3, "act": 3, "deliver": 3}
        assert found["parley_stage_seconds_bucket", "+Inf", "act"] == 3
        assert 0 < found["parley_stage_seconds_sum", "act"] < 30
        assert found["parley_sends_total", "pigeon", "", "accepted"] == 2
        assert found["parley_sends_total", "pigeon", "45015", "failed"] == 1
        assert found["parley_repeats_total",] == 1
        assert 0 <= found["parley_channel_gap_seconds", "pigeon"] < 30
        assert found["process_resident_memory_bytes",] > 10_000_000
        assert found["process_open_fds",] > 0

    run(database_url, tmp_path, story)


def test_what_waits_and_for_how_long_is_asked_of_the_database(database_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        await tiny.ask("anna", "1", "slow one")
        await asyncio.to_thread(tiny.ear.asked.wait, 10)
        await tiny.ask("anna", "2", "slow two")
        with tiny.house.database.writing() as session:
            session.execute(text("UPDATE messages SET created_at = '2020-01-01 00:00:00' WHERE key = '2'"))
            channels.share(session, {"pigeon.access_token": ("secret", NOW)}, NOW)
        _, found = await scrape(tiny)
        assert found["parley_waiting_messages",] == 2
        assert found["parley_oldest_waiting_seconds",] > 100_000
        assert found["parley_outbox_queued", "pigeon", "answers"] == 0
        assert found["parley_platform_token_age_seconds", "pigeon"] > 0
        assert found["parley_platform_token_left_seconds", "pigeon"] < 0
        assert found["parley_database_up",] == 1

    run(database_url, tmp_path, story, ear=Ear(slow_for="slow", remote=True))


def test_rows_that_cannot_go_yet_are_counted_by_channel_and_lane(database_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        tiny.channel.sending = lambda *_: Sent("queued", retry_after=600.0)
        await tiny.ask("anna", "1", "two")
        await until_true(lambda: tiny.house.metrics.outcomes)
        await asyncio.sleep(0)
        await until_true(lambda: not sending(tiny))
        _, found = await scrape(tiny)
        assert found["parley_outbox_queued", "pigeon", "answers"] == 2
        assert found["parley_outbox_queued", "pigeon", "pushes"] == 0
        assert found["parley_outbox_sending", "pigeon"] == 0

    def sending(tiny: TinyHouse) -> bool:
        with tiny.house.database.reading() as session:
            query = text("SELECT count(*) FROM messages WHERE status = 'sending'")
            return bool(session.execute(query).scalar())

    run(database_url, tmp_path, story)


def test_no_scrape_asks_the_database_twice_in_a_second(sqlite_url: str, tmp_path: Path) -> None:
    async def asks_once(tiny: TinyHouse) -> None:
        first = tiny.house.scraping._backlog()
        second = tiny.house.scraping._backlog()
        assert first is second is not None

    run(sqlite_url, tmp_path, asks_once)


def test_from_elsewhere_or_through_a_proxy_the_numbers_are_told_with_the_token_only(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(tiny: TinyHouse) -> None:
        for near in ("127.0.0.1", "10.1.2.3", "192.168.7.7", "::1", "fd00::7", "::ffff:172.17.0.3"):
            assert (await scrape(tiny, near))[0] == 200, near
        for far in ("8.8.8.8", "2600::1", "::ffff:8.8.8.8", "testclient"):
            assert (await scrape(tiny, far))[0] == 403, far
        assert (await scrape(tiny, x_forwarded_for="10.0.0.1"))[0] == 403
        tiny.house.scraping._token = "geheim"
        assert (await scrape(tiny))[0] == 401
        assert (await scrape(tiny, authorization="Bearer falsch"))[0] == 401
        assert (await scrape(tiny, "8.8.8.8", authorization="Bearer geheim", x_forwarded_for="8.8.8.8"))[
            0
        ] == 200

    run(sqlite_url, tmp_path, story)


def test_a_process_without_a_web_server_is_watched_at_a_port_of_its_own(
    sqlite_url: str, tmp_path: Path
) -> None:
    def get(url: str) -> tuple[int, str]:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()

    async def story(tiny: TinyHouse) -> None:
        port, hears = free_port(), signal.getsignal(signal.SIGTERM)
        async with watched(tiny.house, port):
            answers = [
                await asyncio.to_thread(get, f"http://127.0.0.1:{port}/{path}")
                for path in ("healthz", "readyz", "metrics")
            ]
            assert signal.getsignal(signal.SIGTERM) is hears
            with pytest.raises(OSError, match="in use"):
                async with watched(tiny.house, port):
                    pass
        assert [status for status, _ in answers] == [200, 200, 200]
        assert "parley_waiting_messages 0.0" in answers[2][1]

    run(sqlite_url, tmp_path, story)


def test_no_label_names_a_person(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        await tiny.ask("anna-4711", "key-4711", "words-4711")
        await until_true(lambda: tiny.house.metrics.outcomes)
        assert not [name for name in (await scrape(tiny))[1] if "4711" in "".join(name)]

    run(sqlite_url, tmp_path, story)


def test_a_platform_that_makes_up_codes_does_not_fill_the_memory() -> None:
    metrics = Metrics()
    for code in range(MOST_OUTCOMES * 3):
        metrics.became("shop", Sent("failed", code=str(code)))
    assert len(metrics.outcomes) == MOST_OUTCOMES + 1
    assert metrics.outcomes["shop", "failed", OTHER] == MOST_OUTCOMES * 2


def test_who_is_ready_says_of_each_part_that_it_is(database_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        status, told = await fetch(tiny.app, "/readyz")
        parts = {"status": "ready", "database": "ok", "migrations": "ok", "bot": "ok"}
        assert (status, json.loads(told)) == (200, parts)

    run(database_url, tmp_path, story)


@pytest.mark.parametrize(("found", "status"), [("0001", 503), ("9999", 200)])
def test_an_older_database_is_not_ready_and_a_newer_one_is(
    sqlite_url: str, tmp_path: Path, found: str, status: int
) -> None:
    async def story(tiny: TinyHouse) -> None:
        with tiny.house.database.writing() as session:
            session.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": found})
        answered, told = await fetch(tiny.app, "/readyz")
        assert answered == status
        assert ("at 0001, expected 00" in told) == (status == 503)

    run(sqlite_url, tmp_path, story)


def test_without_the_database_process_and_counts_are_still_told(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        with tiny.house.database.writing() as session:
            session.execute(text("ALTER TABLE messages RENAME TO gone"))
        try:
            _, found = await scrape(tiny)
        finally:
            with tiny.house.database.writing() as session:
                session.execute(text("ALTER TABLE gone RENAME TO messages"))
        assert found["parley_database_up",] == 0
        assert found["parley_stage_seconds_count", "record"] == 0

    run(sqlite_url, tmp_path, story)


def test_what_the_send_rules_forbid_is_counted_as_skipped(sqlite_url: str, tmp_path: Path) -> None:
    async def story(tiny: TinyHouse) -> None:
        tiny.house.metrics.skipped("pigeon", 0)
        tiny.house.metrics.skipped("pigeon", 2)
        tiny.house.metrics.became("pigeon", Sent("skipped"))
        assert (await scrape(tiny))[1]["parley_sends_total", "pigeon", "", "skipped"] == 3

    run(sqlite_url, tmp_path, story)
