"""A shop with its API: a database, tokens, a clock to turn, and what the API told the rest of the house."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from console.api import create_api
from console.host import Host
from crm_store import conversations, history, tokens
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming
from crm_store.recording import Recorded, record

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
XIAOLIN = Address("shop", "8f14e45f")
NOBODY = "019a7c3e-5b1f-7d20-9c41-3f6f0f8b2a11"


@lru_cache(maxsize=1)
def application() -> FastAPI:
    """The API of all shops that do not exist side by side: its shapes are slow to build."""
    return new_application()


def new_application() -> FastAPI:
    """An API of its own; a shop gives it its host."""
    nobody: Any = None
    return create_api(nobody)


class Shop:
    """Use as a context manager: it closes its event loop. Requests carry the token in `token`."""

    def __init__(self, database: Database, api: FastAPI | None = None) -> None:
        self.database = database
        self.time = NOON
        self.queued: list[str] = []
        self.floors: list[tuple[Address, str]] = []
        self.host = Host(
            database=database,
            now=lambda: self.time,
            queued=self.queued.append,
            floor_changed=lambda *given: self.floors.append(given),
        )
        self.api = api or application()
        self.api.state.host = self.host
        self._runner = asyncio.Runner()
        with database.writing() as session:
            self.tokens = {
                scope: tokens.new_token(session, scope, f"{scope}-owner", NOON) for scope in tokens.SCOPES
            }
        self.token = self.tokens["write"]

    def __enter__(self) -> Shop:
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def ask(self, method: str, path: str, *, token: str | None = None, **rest: Any) -> httpx.Response:
        """One request; `token=""` sends none. `rest`: json, content, headers, params."""
        headers = dict(rest.pop("headers", {}))
        token = self.token if token is None else token
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        return self._runner.run(self._ask(method, path, headers=headers, **rest))

    def get(self, path: str, **rest: Any) -> Any:
        """The JSON of a GET under /api/v1 that must succeed."""
        response = self.ask("GET", f"/api/v1{path}", **rest)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, json: Any = None, **rest: Any) -> httpx.Response:
        """A POST under /api/v1."""
        given = {} if json is None else {"json": json}
        return self.ask("POST", f"/api/v1{path}", **given, **rest)

    def everything(self, path: str, limit: int, **params: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, params={"limit": limit, "cursor": cursor, **params})
            assert set(page) == {"items", "next_cursor"}
            assert len(page["items"]) <= limit
            items += page["items"]
            cursor = page["next_cursor"]
        return items

    def say(self, *texts: str, address: Address = XIAOLIN, name: str = "小林") -> Recorded:
        """A customer writes; returns the last message recorded."""
        batch = [
            Incoming(address, key=f"{self.time.isoformat()} {n}", content=Content(text=text),
                     profile={"display_name": name})
            for n, text in enumerate(texts)
        ]  # fmt: skip
        with self.database.writing() as session:
            found = record(session, batch, "worker", self.time)[-1]
        self.time += timedelta(minutes=1)
        assert found is not None
        return found

    def set_floor(self, conversation_id: UUID, floor: str) -> None:
        """Put a conversation under a floor, as the bot would."""
        with self.database.writing() as session:
            found = conversations.get_conversation(session, conversation_id, lock=True)
            found.floor = floor
            session.add(found)

    def set_message(self, message_id: str, **values: Any) -> None:
        """Change a message's row, as the delivery would."""
        with self.database.writing() as session:
            found = history.get_message(session, UUID(message_id))
            for name, value in values.items():
                setattr(found, name, value)
            session.add(found)

    async def _ask(self, method: str, path: str, **rest: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.api, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://parley.test") as client:
            return await client.request(method, path, **rest)


async def in_pieces(piece: bytes, times: int) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for _ in range(times):
        yield piece


def check_problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a refused request."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/api")
    return problem
