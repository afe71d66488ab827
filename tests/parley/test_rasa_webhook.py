"""`/actions/webhook`: a Rasa bot runs the house's actions, and never over a person's head."""

from __future__ import annotations

import asyncio
import json
import subprocess
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from actions.base import always_done, load_actions
from crm_store import consents, conversations, customers, tokens
from crm_store.history import Message, last_said
from crm_store.messages import Address, Button, Content, Media, Policy
from nlu.project import read_project
from parley.app import create_app
from parley.bot import Bot
from parley.rasa_actions import PATH, RasaActions
from parley.rasa_calls import response_of
from parley.training import WORDS
from tests.parley.platforms import served
from tests.parley.serving import free_port
from tests.parley.tiny import TinyHouse, tiny_bot, tiny_house
from tests.real_rasa import PYTHON, need_rasa

SHOP = Path(__file__).parents[2] / "config" / "bot"
ANNA = Address("pigeon", "anna")


def shop_bot() -> Bot:
    """The demo shop's words and all actions of the house; it repeats what it hears."""
    actions = {**load_actions(), "action_repeat": lambda turn: [Content(text=f"re {turn.text}")]}
    house, project = read_project(WORDS), read_project(SHOP)
    return replace(
        tiny_bot(actions=actions, always=always_done()), house=house, project=project, language="en"
    )


class Rasa:
    """A Rasa bot that asks for actions."""

    def __init__(self, tiny: TinyHouse, client: httpx.AsyncClient) -> None:
        self.tiny, self.client = tiny, client

    def token(self, scope: str = "actions") -> str:
        with self.tiny.house.database.writing() as session:
            return tokens.new_token(session, scope, "rasa", self.tiny.house.now())

    async def ask(
        self, action: str, text: str = "", sender: str = "pigeon:anna", **tracker: Any
    ) -> httpx.Response:
        latest = {"text": text, "intent": {"name": "x", "confidence": 1.0}, "entities": []}
        call = {
            "next_action": action,
            "sender_id": sender,
            "tracker": {"slots": {}, "latest_message": latest, **tracker},
            "domain": {},
        }
        return await self.post(json.dumps(call).encode())

    async def post(self, body: bytes, **headers: str) -> httpx.Response:
        headers.setdefault("authorization", f"Bearer {self.token()}")
        return await self.client.post("/actions/webhook", content=body, headers=headers)

    def last(self) -> Message:
        with self.tiny.house.database.reading() as session:
            found = last_said(session, ANNA)
        assert found
        return found

    def value(self, name: str) -> Any:
        with self.tiny.house.database.reading() as session:
            return customers.find_value(session, self.last().customer_id, name)

    def floor(self) -> str:
        with self.tiny.house.database.reading() as session:
            return conversations.get_conversation(session, self.last().conversation_id).floor


@asynccontextmanager
async def rasa(url: str, folder: Path) -> AsyncIterator[Rasa]:
    """A house to which Anna has said hello, and a Rasa bot."""
    async with tiny_house(url, folder, Policy(), bot=shop_bot()) as tiny:
        await tiny.ask("anna", "1", "hello")
        transport = httpx.ASGITransport(create_app(tiny.house))
        async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
            yield Rasa(tiny, client)


def test_an_action_writes_the_record_and_answers_as_an_action_server(
    database_url: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with rasa(database_url, tmp_path) as bot:
            answer = await bot.ask("action_leave_phone", "my number is 13800138000")
            assert answer.status_code == 200
            told = answer.json()
            assert told["events"] == [{"event": "slot", "name": "phone", "value": "+8613800138000"}]
            assert "+86138****8000" in told["responses"][0]["text"]
            assert bot.value("phone") == "+8613800138000"
            step = (bot.last().decision or [])[-1]
            assert (step["action"], step["by"]) == ("action_leave_phone", "rasa")
            assert {"what": "attribute", "name": "phone", "value": "+86138****8000"} in step["changes"]

    asyncio.run(story())


def test_while_a_person_has_the_floor_nothing_is_said_and_only_a_stop_counts(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story() -> None:
        async with rasa(sqlite_url, tmp_path) as bot:
            handed = (await bot.ask("action_handover")).json()
            assert handed["responses"]
            assert bot.floor() == "waiting"
            for action in ("action_leave_phone", "action_opening_hours"):
                told = await bot.ask(action, "13800138000")
                assert (told.status_code, told.json()) == (200, {"events": [], "responses": []})
            assert bot.value("phone") is None
            with bot.tiny.house.database.writing() as session:
                conversations.take_over(session, bot.last().conversation_id, "lin")
            assert (await bot.ask("action_opt_out", "stop")).json()["responses"] == []
            with bot.tiny.house.database.reading() as session:
                assert consents.find_consent(session, bot.last().customer_id, "marketing") is False
            assert bot.floor() == "agent"

    asyncio.run(story())


def test_who_may_not_or_asks_for_nothing_that_is_there_is_told_so(sqlite_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with rasa(sqlite_url, tmp_path) as bot:
            for scope, status in (("read", 403), ("write", 403), ("admin", 200), ("actions", 200)):
                token = bot.token(scope)
                call = {"next_action": "action_opening_hours", "sender_id": str(ANNA), "tracker": {}}
                body = json.dumps(call).encode()
                told = await bot.post(body, authorization=f"Bearer {token}")
                assert told.status_code == status, scope
            for header in ("", "Bearer", "Bearer nonsense", "Basic YTpi"):
                told = await bot.post(b"{}", authorization=header)
                assert told.status_code == 401
                assert told.headers["www-authenticate"].startswith("Bearer")
            for action, sender in (
                ("action_nobody_wrote", str(ANNA)),
                ("action_handover", "pigeon:nobody"),
                ("action_handover", "nowhere:anna"),
            ):
                told = await bot.ask(action, sender=sender)
                assert (told.status_code, told.json()["action_name"]) == (404, action)
            for body in (
                b"",
                b"[]",
                b"{",
                b'{"next_action": "a", "sender_id": "b", "tracker": {}}',
                b"\xff",
            ):
                assert (await bot.post(body)).status_code == 422, body
            bomb = zlib.compress(b" " * 20_000_000)
            told = await bot.post(bomb, **{"content-encoding": "deflate"})
            assert told.status_code == 413
            assert (await bot.client.get("/actions/webhook")).status_code == 405

    asyncio.run(story())


def test_all_content_is_told_as_rasa_knows_it() -> None:
    url = Media(url="https://example.org/x")
    link = Content("link", "Map", data={"url": "https://example.org"})
    assert [
        response_of(one)
        for one in (
            Content(text="hi", buttons=(Button("Yes", "/affirm"),)),
            Content("image", "Tea", media=url),
            Content("file", media=url),
            link,
        )
    ] == [
        {"text": "hi", "buttons": [{"title": "Yes", "payload": "/affirm"}]},
        {"text": "Tea", "image": "https://example.org/x"},
        {"attachment": "https://example.org/x"},
        {"custom": link.to_json()},
    ]


@pytest.mark.timeout(180)
def test_a_real_rasa_runs_the_houses_actions(sqlite_url: str, tmp_path: Path) -> None:
    need_rasa()

    def call(action: str, text: str) -> dict[str, Any]:
        return {"action": action, "sender": str(ANNA), "text": text, "intent": "x", "slots": {}}

    async def story() -> None:
        async with rasa(sqlite_url, tmp_path) as bot:
            port = free_port()
            told = {
                "url": f"http://127.0.0.1:{port}/actions/webhook",
                "token": bot.token(),
                "domain": {"slots": {"phone": {"type": "text", "mappings": [{"type": "custom"}]}}},
                "calls": [
                    call("action_leave_phone", "13800138000"),
                    call("action_nobody_wrote", ""),
                    call("action_handover", "a person please"),
                    call("action_opening_hours", "are you open?"),
                ],
            }
            route = Route(PATH, RasaActions(bot.tiny.house).answer, methods=["POST"])
            with served(Starlette(routes=[route]), port):
                done = await asyncio.to_thread(_real, told, tmp_path)
            phone, unknown, person, silent = done
            assert "+86138****8000" in phone["said"][0]["text"]
            (slot,) = phone["events"]
            assert (slot["event"], slot["name"], slot["value"]) == ("slot", "phone", "+8613800138000")
            assert unknown == {"failed": "RasaException"}
            assert person["said"]
            assert silent == {"said": [], "events": []}

    asyncio.run(story())


def _real(told: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    client = Path(__file__).with_name("rasa_client.py")
    done = subprocess.run(
        [PYTHON, client], input=json.dumps(told).encode(), capture_output=True, check=True, cwd=folder
    )
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found
