"""kill -9 at any moment, again and again: stored once, answered once, in order, and nothing lost."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from crm_store.history import Message
from parley.delivery import IN_FLIGHT
from tests.parley.havoc import Disturb, Havoc, open_zygote
from tests.parley.mortal import POLICIES, Life
from tests.postgres import SERVER

KILLS = int(os.environ.get("PARLEY_KILLS", "50")) // 2  # on each of two databases
Key = tuple[str, str]


def restarting(url: str) -> Disturb | None:
    """A way to take the database away for a moment, as its restart does; none for a file."""
    if not url.startswith("postgres"):
        return None
    name = sql.Identifier(urlsplit(url).path.removeprefix("/"))
    closed, opened = (
        sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.SQL(word))
        for word in ("false", "true")
    )
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"

    async def disturb(dice: random.Random) -> None:
        await asyncio.sleep(dice.random() * 0.05)
        async with await psycopg.AsyncConnection.connect(SERVER, autocommit=True) as admin:
            await admin.execute(closed)
            await admin.execute(cut, [urlsplit(url).path.removeprefix("/")])
            await asyncio.sleep(dice.random() * 0.1)
            await admin.execute(opened)

    return disturb


@pytest.mark.timeout(60 + KILLS * 4)
def test_across_kills_everything_is_stored_once_answered_once_in_order_and_nothing_is_lost(
    database_url: str, tmp_path: Path
) -> None:
    life = Life(str(tmp_path), str(tmp_path / "platform"), str(tmp_path / "door"))
    with open_zygote(database_url, tmp_path / "house.log") as zygote:
        havoc = Havoc(zygote, database_url, life, seed=KILLS)
        asyncio.run(havoc.run(KILLS, restarting(database_url)))
    messages = havoc.messages()
    was_stored_once(havoc, messages)
    was_answered_once_and_in_order(messages)
    statuses_are_true(havoc, messages)
    came_in_order_and_once(havoc, messages)


def was_stored_once(havoc: Havoc, messages: list[Message]) -> None:
    stored = Counter((m.channel, str(m.key)) for m in messages if m.direction == "in")
    assert stored == Counter(dict.fromkeys(havoc.asked, 1))
    assert all(m.work is None for m in messages)
    assert len(stored) > 10 * len(POLICIES)


def was_answered_once_and_in_order(messages: list[Message]) -> None:
    asked = {m.id: m for m in messages if m.direction == "in"}
    turns: dict[Key, list[int]] = defaultdict(list)
    for row in messages:
        if row.direction == "out":
            assert row.reply_to
            turns[row.channel, row.external_id].append(asked[row.reply_to].seq or 0)
    for mine in turns.values():
        assert mine == sorted(mine)
    answers = Counter(m.reply_to for m in messages if m.direction == "out")
    for message in asked.values():
        assert answers[message.id] == (2 if "two" in message.text else 1), message.text


def seen(havoc: Havoc) -> Counter[tuple[str, str]]:
    """How often each text came to the customer of a channel. Of equal answers to a message one is shown."""
    shown: Counter[tuple[str, str]] = Counter()
    for (channel, _), answers in havoc.answers.items():
        shown.update((channel, text) for answer in set(filter(None, answers)) for text in answer.split("|"))
    for (channel, _), texts in havoc.arrived.items():
        shown.update((channel, text) for text in texts)
    return shown


def statuses_are_true(havoc: Havoc, messages: list[Message]) -> None:
    shown = seen(havoc)
    unknown: Counter[str] = Counter()
    for (channel, text), rows in _by_text(messages).items():
        statuses = {row.status for row in rows}
        assert statuses <= {"accepted", "unknown"}, (channel, text, statuses)
        times = shown[channel, text]
        if statuses == {"accepted"}:
            assert times == len(rows), (channel, text, times)
        elif all(row.carried_by for row in rows):
            # Whoever got no answer has asked again, and got the same.
            assert times == len(rows), (channel, text, times)
        else:
            assert times <= len(rows), (channel, text, times)
            unknown[channel] += 1
    assert max(unknown.values(), default=0) <= IN_FLIGHT * havoc.kills


def _by_text(messages: list[Message]) -> dict[tuple[str, str], list[Message]]:
    rows = defaultdict(list)
    for message in messages:
        if message.direction == "out":
            rows[message.channel, message.text].append(message)
    return rows


def came_in_order_and_once(havoc: Havoc, messages: list[Message]) -> None:
    """What was sent to a person came in the order of its rows, whatever was tried again."""
    for (channel, who), texts in havoc.arrived.items():
        written = [
            m.text for m in messages if (m.channel, m.external_id, m.direction) == (channel, who, "out")
        ]
        places = iter(written)
        assert all(text in places for text in texts), (channel, who)
