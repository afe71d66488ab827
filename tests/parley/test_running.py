"""The server as a process: it says in words why it cannot start, and it stops without losing anything."""

from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from sqlmodel import col, select

import crm_store.tables  # noqa: F401  (all tables are declared)
from bots.simulators.telegram import telegram_simulator
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from tests.parley.platforms import served
from tests.parley.serving import Server, free_port
from tests.parley.wires import TELEGRAM_SECRET, telegram_text

PEOPLE = 50


def post(server: Server, number: int) -> int:
    update = telegram_text(100 + number, "When are you open?", number + 1)
    url = f"{server.url}/webhooks/shop-telegram"
    return requests.post(url, json=update, headers=TELEGRAM_SECRET, timeout=10).status_code


def messages(url: str) -> list[Message]:
    database = Database(url)
    with database.reading() as session:
        found = list(session.exec(select(Message).order_by(col(Message.seq))))
    database.close()
    return found


def is_settled(found: list[Message]) -> bool:
    return not any(m.work == "waiting" or m.status in ("queued", "sending") for m in found)


def test_after_a_stop_with_much_in_hand_everything_is_answered_once(
    sqlite_url: str, tmp_path: Path
) -> None:
    port = free_port()
    telegram = telegram_simulator("123456:token-of-a-test")
    with served(telegram, port):
        for number in range(PEOPLE):
            telegram.state.platform.chats.join(100 + number)
        server = Server(tmp_path, sqlite_url, telegram=f"http://127.0.0.1:{port}")
        server.start()
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda number: post(server, number), range(PEOPLE))) == {200}
        assert server.process
        stopped_at = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(12) in (0, -signal.SIGTERM)
        assert time.monotonic() - stopped_at < 12
        left = messages(sqlite_url)
        assert len([m for m in left if m.direction == "in"]) == PEOPLE
        assert not [m for m in left if m.status in ("sending", "unknown")]
        with server:
            until = time.monotonic() + 30
            while not is_settled(found := messages(sqlite_url)):
                assert time.monotonic() < until, Counter((m.status, m.work) for m in found)
                time.sleep(0.05)
    answers = Counter(m.reply_to for m in found if m.direction == "out")
    assert set(answers.values()) == {1}
    assert set(answers) == {m.id for m in found if m.direction == "in"}
    assert {m.status for m in found if m.direction == "out"} == {"accepted"}
    said = Counter(
        chat.id for chat in telegram.state.platform.chats for m in chat.messages if m["from"]["is_bot"]
    )
    assert set(said.values()) == {1}


def test_a_second_server_on_the_same_file_is_refused_and_disturbs_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    with Server(tmp_path, sqlite_url) as server:
        database = Database(sqlite_url)
        assert post(server, 1) == 200
        until = time.monotonic() + 30
        while not any(m.attempts for m in messages(sqlite_url)):  # Nobody listens there: it is retried.
            assert time.monotonic() < until
            time.sleep(0.05)
        # As if the first one were in the middle of something.
        with database.writing() as session:
            for row in session.exec(select(Message).where(Message.direction == "out")):
                row.status = "sending"
            for conversation in session.exec(select(Conversation)):
                conversation.leased_by = "the first"
        second = server.run("run", "--port", str(free_port()))
        assert second.returncode == 1
        assert "another parley run works on" in second.stderr
        assert "Traceback" not in second.stderr
        assert [m.status for m in messages(sqlite_url)] == ["received", "sending"]
        with database.reading() as session:
            assert [c.leased_by for c in session.exec(select(Conversation))] == ["the first"]
        database.close()
        assert requests.get(f"{server.url}/readyz", timeout=5).status_code == 200


def test_a_port_that_is_taken_is_told_in_words(sqlite_url: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = Server(tmp_path, sqlite_url).run("run", "--port", str(taken.getsockname()[1]))
    assert told.returncode == 1
    assert "could not start on 127.0.0.1" in told.stderr
    assert "in use" in told.stderr
    assert "Traceback" not in told.stderr
