"""Two `parley run` and one `parley worker` on one PostgreSQL, as they are run on several machines."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlmodel import select

from bots.simulators.telegram import telegram_simulator
from crm_store import followups
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import find_identity
from crm_store.messages import Address
from tests.parley.own_redis import own_redis
from tests.parley.platforms import served
from tests.parley.serving import Server, free_port
from tests.parley.wires import TELEGRAM_SECRET, plain, telegram_text, wechat_text

HOURS = "When are you open?"
PEOPLE = range(1, 11)


@contextmanager
def a_worker(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """A `parley worker` with a server's configuration, from its opening on."""
    log = server.config.parent / "worker.log"
    with log.open("ab") as out:
        process = subprocess.Popen(server.command("worker"), stdout=out, stderr=out)
    try:
        eventually(lambda: process.poll() is not None or b"house.opened" in log.read_bytes(), within=60)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def eventually(probe: Callable[[], Any], within: float = 30.0) -> Any:
    """What a probe finds, as soon as it finds anything."""
    until = time.monotonic() + within
    while not (found := probe()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return found


def write(server: Server, person: int, number: int) -> None:
    """A message by Telegram's webhook."""
    update = telegram_text(person, HOURS, person * 100 + number)
    url = f"{server.url}/webhooks/shop-telegram"
    answer = requests.post(url, json=update, headers=TELEGRAM_SECRET, timeout=30)
    assert answer.status_code == 200


def ask_on_wechat(server: Server, message_id: int) -> str:
    query, body = plain(wechat_text(f"o-{message_id}", HOURS, message_id))
    answer = requests.post(f"{server.url}/webhooks/shop-wechat?{query}", body, timeout=30)
    assert answer.status_code == 200
    return answer.text


def write_and_read_elsewhere(here: Server, there: Server) -> list[str]:
    """What a chat page that is open in one process shows of what is written in another."""
    page = f"{there.url}/chat/site/messages"
    token = requests.get(page, params={"wait": "0"}, timeout=30).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    written = {**headers, "origin": here.url}
    frame = {"type": "message", "id": "one", "text": HOURS}
    texts, after = list[str](), 0
    with ThreadPoolExecutor(1) as pool:
        polled = pool.submit(
            requests.get,
            page,
            params={"after": "0"},
            headers={"authorization": f"Bearer {token}"},
            timeout=30,
        )
        time.sleep(0.2)  # The page waits already when it happens.
        assert requests.post(f"{here.url}/chat/site/messages", json=frame, headers=written, timeout=30).ok
        lines = polled.result().json()["lines"]
    while len(texts) < 2:
        texts += [line["content"]["text"] for line in lines]
        after = max((line["seq"] for line in lines), default=after)
        query = {"after": str(after)}
        lines = requests.get(page, params=query, headers=headers, timeout=30).json()["lines"]
    return texts


def has_redis(server: Server) -> bool:
    answer = requests.get(f"{server.url}/readyz", timeout=30)
    assert answer.status_code == 200  # with and without
    return bool(answer.json()["redis"] == "ok")


def plan_followup(database: Database, person: int) -> None:
    """Something that only the clock sends."""
    now, address = datetime.now(UTC), Address("shop-telegram", str(person))
    with database.writing() as session:
        identity = find_identity(session, address)
        assert identity
        followups.plan(
            session,
            customer_id=identity.customer_id,
            address=address,
            text="your tea is ready",
            due_at=now + timedelta(seconds=1),
            planned_by="agent:lin",
            now=now,
        )


def messages(database: Database) -> list[Message]:
    with database.reading() as session:
        return list(session.exec(select(Message).order_by(Message.seq)))  # type: ignore[arg-type]


def all_answered(database: Database, count: int) -> list[Message]:
    """All messages, if there are so many of customers and each has an answer that went out."""
    found = messages(database)
    came = [m for m in found if m.direction == "in"]
    went = [m for m in found if m.direction == "out" and m.reply_to and m.status == "accepted"]
    return found if len(came) == count and len({m.reply_to for m in went}) == count else []


def check_once_and_in_order(found: list[Message]) -> None:
    asked, answers = defaultdict[Any, list[Any]](list), defaultdict[Any, list[Any]](list)
    for message in found:
        if message.direction == "in":
            asked[message.conversation_id].append(message.id)
        elif message.reply_to:
            answers[message.conversation_id].append(message.reply_to)
    assert answers == asked


@pytest.mark.timeout(300)  # three processes are opened, on a machine that may have much to do
def test_processes_answer_everything_once_and_in_order_whatever_becomes_of_redis_and_of_one_of_them(
    postgres_url: str, tmp_path: Path
) -> None:
    port, database = free_port(), Database(postgres_url)
    telegram = telegram_simulator("123456:token-of-a-test", secret="secret-of-a-test")

    def server(name: str) -> Server:
        (tmp_path / name).mkdir()
        url = f"http://127.0.0.1:{port}"
        return Server(tmp_path / name, postgres_url, telegram=url, redis_url=redis.url)

    for who in PEOPLE:
        telegram.state.platform.chats.join(who)
    with own_redis() as redis, served(telegram, port), ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        one, other = server("one"), server("other")
        with a_worker(one) as worker:  # The first of them: it ticks.
            for opened in pool.map(stack.enter_context, (one, other)):
                assert opened.process
            for number in range(3):
                if number == 1:
                    redis.kill()
                # Each is handed in to both at the same moment, as a platform in a hurry does.
                writing = [pool.submit(write, at, who, number) for who in PEOPLE for at in (one, other)]
                assert all(done.result() is None for done in writing)
                assert "10:00" in ask_on_wechat(one, number)
            eventually(lambda: all_answered(database, 33))
            assert write_and_read_elsewhere(one, other)[0] == HOURS  # without Redis, a second later
            redis.start()
            eventually(lambda: all(has_redis(at) for at in (one, other)))
            assert write_and_read_elsewhere(other, one)[0] == HOURS
            os.kill(worker.pid, signal.SIGKILL)
            plan_followup(database, PEOPLE[0])
            eventually(lambda: any(m.text == "your tea is ready" for m in messages(database)))
            found = eventually(lambda: all_answered(database, 35))
    check_once_and_in_order(found)
    said = [
        sum(m["from"]["is_bot"] for m in telegram.state.platform.chats.find(who).messages) for who in PEOPLE
    ]
    assert said == [4] + [3] * (len(PEOPLE) - 1)
    database.close()


def test_a_worker_stops_when_it_is_told_to(postgres_url: str, redis_url: str, tmp_path: Path) -> None:
    server = Server(tmp_path, postgres_url, redis_url=redis_url)
    with a_worker(server) as worker:
        worker.terminate()
        assert worker.wait(15) == 0
    assert b"house.closed" in (tmp_path / "worker.log").read_bytes()


def test_a_worker_without_redis_or_on_sqlite_is_refused_in_words(sqlite_url: str, tmp_path: Path) -> None:
    told = Server(tmp_path, sqlite_url).run("worker")
    assert told.returncode == 2
    assert "redis_url and a PostgreSQL database_url" in " ".join(told.stderr.split())
    told = Server(tmp_path, sqlite_url, redis_url="redis://127.0.0.1:6379/0").run("run")
    assert told.returncode == 1
    assert "several processes need PostgreSQL" in told.stderr
