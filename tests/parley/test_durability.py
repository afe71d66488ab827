"""kill -9 in the middle: what was acknowledged is answered once, also when it is handed in again."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from sqlmodel import select

from bots.simulators.telegram import telegram_simulator
from crm_store.db import Database
from crm_store.history import Message
from parley.delivery import IN_FLIGHT
from tests.parley.platforms import served
from tests.parley.serving import Server, free_port
from tests.parley.wires import TELEGRAM_SECRET, telegram_text

PEOPLE, EACH = 12, 8


@pytest.mark.timeout(240)
def test_across_kills_everything_acknowledged_is_answered_once_and_in_order(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    telegram = telegram_simulator("123456:token-of-a-test")
    updates = [telegram_text(100 + n % PEOPLE, "When are you open?", n + 1) for n in range(PEOPLE * EACH)]
    rng = random.Random(5)
    with served(telegram, port):
        server = Server(tmp_path, database_url, telegram=f"http://127.0.0.1:{port}")
        server.start()
        for person in range(PEOPLE):
            telegram.state.platform.chats.join(100 + person)
        left = list(updates)
        while left:
            batch, left = left[:32], left[32:]
            with ThreadPoolExecutor(8) as pool:
                going = pool.map(lambda update: _post(server, update), batch)
                time.sleep(rng.random() * 0.2)
                server.kill()
                acknowledged = list(going)
            server.start()
            # As the platform does: what got no 200 comes again, and some of what did.
            again = [
                u for u, done in zip(batch, acknowledged, strict=True) if not done or rng.random() < 0.3
            ]
            for update in again:
                assert _post(server, update)
        messages = _settled(database_url)
        server.stop()
    incoming = [m for m in messages if m.direction == "in"]
    answers = Counter(str(m.reply_to) for m in messages if m.direction == "out")
    assert len(incoming) == len(updates)
    assert set(answers) == {str(m.id) for m in incoming}
    assert max(answers.values()) == 1
    unknown = [m for m in messages if m.status == "unknown"]
    assert len(unknown) <= 3 * IN_FLIGHT
    assert {m.status for m in messages if m.direction == "out"} <= {"accepted", "unknown"}
    received = sum(
        1 for chat in telegram.state.platform.chats for m in chat.messages if m["from"]["is_bot"]
    )
    accepted = sum(1 for m in messages if m.status == "accepted")
    assert accepted <= received <= accepted + len(unknown)
    for person in range(PEOPLE):
        own = [m for m in messages if m.external_id == str(100 + person)]
        asked = [m.id for m in own if m.direction == "in"]
        assert [m.reply_to for m in own if m.direction == "out"] == asked


def _post(server: Server, update: object) -> bool:
    try:
        answer = requests.post(
            f"{server.url}/webhooks/shop-telegram", json=update, headers=TELEGRAM_SECRET, timeout=10
        )
    except requests.RequestException:
        return False
    return answer.status_code == 200


def _settled(url: str) -> list[Message]:
    """All messages, once nothing waits any more."""
    database = Database(url)
    until = time.monotonic() + 90
    while True:
        with database.reading() as session:
            messages = sorted(session.exec(select(Message)), key=lambda m: m.seq or 0)
        if not any(m.work == "waiting" or m.status in ("queued", "sending") for m in messages):
            break
        assert time.monotonic() < until, Counter((m.status, m.work) for m in messages)
        time.sleep(0.1)
    database.close()
    return messages
