"""kill -9 while a Rasa server thinks: it is asked again, and the customer gets one answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from bots.simulators.telegram import telegram_simulator
from tests.parley.platforms import served
from tests.parley.serving import Server, free_port
from tests.parley.wires import TELEGRAM_SECRET, telegram_text
from tests.rasa import rasa_stand_in

ANNA = 100


@pytest.mark.timeout(240)
def test_across_a_kill_each_message_is_answered_once_and_rasa_can_tell_that_it_was_asked_before(
    database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    telegram = telegram_simulator("123456:token-of-a-test")
    with served(telegram, port), rasa_stand_in() as rasa:
        more = f'[nlu]\ndialogue = "rasa"\nrasa_url = "{rasa.url}"\n'
        server = Server(tmp_path, database_url, telegram=f"http://127.0.0.1:{port}", more=more)

        def said() -> list[str]:
            chats = telegram.state.platform.chats
            return [m["text"] for chat in chats for m in chat.messages if m["from"]["is_bot"]]

        server.start()
        telegram.state.platform.chats.join(ANNA)
        update = telegram_text(ANNA, "wait 3", 1)
        _post(server, update)
        _until(lambda: rasa.texts() == ["wait 3"])
        server.kill()
        server.start()
        _post(server, update)  # The platform hands it in again, too.
        _until(lambda: said() == ["rasa wait 3"])
        _post(server, telegram_text(ANNA, "and then?", 2))
        _until(lambda: len(said()) > 1)
        assert said() == ["rasa wait 3", "rasa and then?"]
        server.stop()
    first, again, then = (body for _, body in rasa.asked)
    assert (again["message"], then["message"]) == ("wait 3", "and then?")
    assert {body["sender"] for _, body in rasa.asked} == {f"shop-telegram:{ANNA}"}
    assert first["metadata"]["message_id"] == again["metadata"]["message_id"]
    assert then["metadata"]["message_id"] != first["metadata"]["message_id"]


@pytest.mark.timeout(120)
def test_a_server_that_is_not_there_leaves_the_bot_answering_and_ready(
    sqlite_url: str, tmp_path: Path
) -> None:
    more = f'[nlu]\nengine = "rasa"\ndialogue = "rasa"\nrasa_url = "http://127.0.0.1:{free_port()}"\n'
    port = free_port()
    telegram = telegram_simulator("123456:token-of-a-test")
    with (
        served(telegram, port),
        Server(tmp_path, sqlite_url, telegram=f"http://127.0.0.1:{port}", more=more) as server,
    ):
        telegram.state.platform.chats.join(ANNA)
        for number in range(1, 6):
            _post(server, telegram_text(ANNA, "When are you open?", number))
        chats = telegram.state.platform.chats
        _until(lambda: sum(m["from"]["is_bot"] for chat in chats for m in chat.messages) == 5)
        told = requests.get(f"{server.url}/readyz", timeout=10)
        ready = told.json()
        assert (told.status_code, ready["status"]) == (200, "degraded")
        assert (ready["understanding"], ready["dialogue"]) == ("embedded", "embedded")
        lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
        away = [line["part"] for line in lines if line["event"] == "engine.away"]
        assert sorted(away) == ["dialogue", "understanding"]


def test_parley_check_says_what_a_rasa_server_lacks_and_holds_all_the_same(
    sqlite_url: str, tmp_path: Path
) -> None:
    with rasa_stand_in() as rasa:
        more = f'[nlu]\nengine = "rasa"\ndialogue = "rasa"\nrasa_url = "{rasa.url}"\n'
        server = Server(tmp_path, sqlite_url, more=more)
        well = server.run("check")
        assert (well.returncode, "rasa_url" in well.stdout) == (0, False)
        rasa.down = True
        told = server.run("check", "--json")
    assert told.returncode == 0
    found = json.loads(told.stdout)
    assert (found["ok"], found["errors"]) == (True, [])
    parse, rest = (note for note in found["notes"] if "rasa_url" in note["what"])
    assert "--enable-api" in parse["what"]
    assert "credentials.yml" in rest["what"]
    line = server.config.read_text().splitlines()[parse["line"] - 1]
    assert line.startswith("rasa_url")


def _post(server: Server, update: Any) -> None:
    answer = requests.post(
        f"{server.url}/webhooks/shop-telegram", json=update, headers=TELEGRAM_SECRET, timeout=20
    )
    assert answer.status_code == 200


def _until(probe: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not probe():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
