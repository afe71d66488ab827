"""The door for bots: `/bot<token>/METHOD` and `/file/bot<token>/PATH`, with the envelope and the faults."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from bots.simulators.clock import Clock
from bots.simulators.faults import Faults
from bots.simulators.telegram.chats import Chats
from bots.simulators.telegram.errors import Refusal
from bots.simulators.telegram.methods import Methods
from bots.simulators.telegram.updates import Signal


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the bot, as it was answered."""

    method: str
    chat: str
    status: int  # of HTTP; 0: no answer, by a scripted fault
    description: str
    at: datetime
    in_webhook_answer: bool = False


class Api:
    """Answers one bot's calls, and keeps a list of them."""

    def __init__(self, token: str, clock: Clock, faults: Faults, chats: Chats, changed: Signal) -> None:
        self._token = token
        self._clock = clock
        self._faults = faults
        self._chats = chats
        self._changed = changed
        self.methods: Methods
        self.calls: list[Call] = []

    def routes(self) -> list[BaseRoute]:
        """The two addresses that a bot uses."""
        return [
            Route("/bot{token}/{method}", self.answer, methods=["GET", "POST"]),
            Route("/file/bot{token}/{path:path}", self.hand_out),
        ]

    async def answer(self, request: Request) -> Response:
        """One call over HTTP."""
        method = request.path_params["method"]
        try:
            self._check_token(request.path_params["token"])
            asked = await parameters_of(request)
        except Refusal as refusal:
            return JSONResponse(refusal.envelope, refusal.code)
        answered = await unless_gone(request, self._answer(method, asked))
        return answered or Response(status_code=499)

    async def react(self, body: bytes) -> None:
        """A call that came as the answer of a webhook; what becomes of it the bot never sees."""
        try:
            asked = json.loads(body)
        except ValueError:
            return
        if isinstance(asked, dict) and isinstance(asked.get("method"), str):
            await self._carry_out(asked["method"], asked, in_webhook_answer=True)

    async def hand_out(self, request: Request) -> Response:
        """A file that somebody has sent."""
        try:
            self._check_token(request.path_params["token"])
        except Refusal as refusal:
            return JSONResponse(refusal.envelope, refusal.code)
        for stored in self._chats.files.values():
            if stored.path == request.path_params["path"]:
                return Response(stored.data, media_type=stored.content_type)
        return JSONResponse(Refusal(404, "Not Found").envelope, 404)

    async def _answer(self, method: str, asked: dict[str, Any]) -> Response:
        fault = self._faults.take(method)
        if fault == "500":
            return self._refuse(method, asked, Refusal(500, "Internal Server Error"))
        if fault == "429":
            return self._refuse(method, asked, Refusal.slow_down(5))
        status, envelope = await self._carry_out(method, asked, unheard=fault is not None)
        if fault == "timeout":
            await asyncio.Event().wait()  # until the caller hangs up
        if fault == "reset":
            return StreamingResponse(_broken_off(), headers={"content-length": "1000"})
        return JSONResponse(envelope, status)

    async def _carry_out(
        self, method: str, asked: dict[str, Any], unheard: bool = False, in_webhook_answer: bool = False
    ) -> tuple[int, dict[str, Any]]:
        try:
            result = await self.methods.call(method, asked)
        except Refusal as refusal:
            self._note(method, asked, refusal.code, refusal.description, in_webhook_answer)
            return refusal.code, refusal.envelope
        self._note(method, asked, 0 if unheard else 200, "", in_webhook_answer)
        return 200, {"ok": True, "result": result}

    def _refuse(self, method: str, asked: dict[str, Any], refusal: Refusal) -> Response:
        self._note(method, asked, refusal.code, refusal.description)
        return JSONResponse(refusal.envelope, refusal.code)

    def _note(
        self, method: str, asked: dict[str, Any], status: int, description: str, in_answer: bool = False
    ) -> None:
        chat = str(asked.get("chat_id", ""))
        self.calls.append(Call(method, chat, status, description, self._clock.now(), in_answer))
        self._changed.ring()

    def _check_token(self, token: str) -> None:
        if not re.fullmatch(r"\d+:[\w-]+", token, re.ASCII):
            raise Refusal(404, "Not Found")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            raise Refusal(401, "Unauthorized")


async def parameters_of(request: Request) -> dict[str, Any]:
    """A call's parameters: of the address, a form or a JSON body."""
    asked: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError:
            raise Refusal.bad("can't parse JSON object") from None
        if not isinstance(body, dict):
            raise Refusal.bad("can't parse JSON object")
        return asked | body
    if kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data")):
        async with request.form() as form:
            return asked | {name: value for name, value in form.items() if isinstance(value, str)}
    return asked


async def unless_gone(request: Request, work: Coroutine[Any, Any, Response]) -> Response | None:
    """What the work brings; None, and the work is given up, if the caller hangs up first."""
    doing = asyncio.create_task(work)
    leaving = asyncio.create_task(_hang_up(request))
    try:
        await asyncio.wait([doing, leaving], return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        leaving.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _broken_off() -> AsyncIterator[bytes]:
    yield b'{"ok":tr'
