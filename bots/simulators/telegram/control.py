"""The door for people: the page at `/`, and `/simulator/…` to act as a customer and to spoil things."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

import pages
from bots.simulators.telegram.platform import TelegramPlatform
from bots.simulators.telegram.view import show, state
from crm_store.messages import clean

FOLDER = Path(__file__).parent / "page"
HEARTBEAT_SECONDS = 15.0
BODY_LIMIT = 16_000_000  # bytes
METHODS = ("sendMessage", "sendPhoto", "sendLocation", "answerCallbackQuery", "getUpdates", "getFile")
CALL_FAULTS = ("timeout", "500", "429", "reset")
WEBHOOK_FAULTS = ("duplicate", "reorder", "forged")

Body = Mapping[str, Any]


class Control:
    """The routes of one platform that are not the Bot API's."""

    def __init__(self, platform: TelegramPlatform) -> None:
        self._platform = platform
        self._assets = pages.Assets(FOLDER, "/simulator/static")
        self._acts: dict[str, Callable[[Body], Any]] = {
            "messages": self._write,
            "photos": self._send_photo,
            "contacts": self._send_contact,
            "locations": self._send_location,
            "press": self._press,
            "block": self._block,
            "people": self._join,
            "clock": self._advance,
            "faults": self._spoil,
        }

    def routes(self) -> list[BaseRoute]:
        """The page and everything under `/simulator/`."""
        return [
            Route("/", self._page),
            *pages.shared_routes(),
            *self._assets.routes(),
            Route("/simulator/state", self._state),
            Route("/simulator/events", self._events),
            Route("/simulator/chats/{id:str}", self._chat),
            Route("/simulator/files/{file_id}", self._file),
            Route("/simulator/{act}", self._act, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        wanted = request.query_params.get("language", "")
        language = pages.choose_language(request.headers.get("accept-language", ""), wanted)
        html = pages.render(
            "telegram.html",
            language,
            folder=FOLDER,
            own=self._assets.path,
            bot=self._platform.bot,
            script_words=dict(pages.words_in(language, FOLDER)["telegram"]),
            faults={"webhook": WEBHOOK_FAULTS} | dict.fromkeys(METHODS, CALL_FAULTS),
        )
        return HTMLResponse(html, headers=pages.security_headers())

    async def _state(self, request: Request) -> Response:
        return JSONResponse(state(self._platform))

    async def _chat(self, request: Request) -> Response:
        text = request.path_params["id"]
        number = int(text) if text.removeprefix("-").isdecimal() else 0
        chat = self._platform.chats.find(number)
        if chat is None:
            return problem(404, f"there is no chat {text}")
        return JSONResponse(show(self._platform, chat))

    async def _file(self, request: Request) -> Response:
        stored = self._platform.chats.files.get(request.path_params["file_id"])
        if stored is None:
            return problem(404, "there is no such file")
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'"}
        return Response(stored.data, media_type=stored.content_type, headers=headers)

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(
            self._changes(), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    async def _changes(self) -> AsyncIterator[str]:
        """An empty event for each change, and a comment now and then to keep the line open."""
        changed, seen = self._platform.updates.changed, -1
        while True:
            try:
                await asyncio.wait_for(changed.wait(seen), HEARTBEAT_SECONDS)
                seen = changed.count
                yield "data: \n\n"
            except TimeoutError:
                yield ": still here\n\n"

    async def _act(self, request: Request) -> Response:
        act = self._acts.get(request.path_params["act"])
        if act is None:
            return problem(404, f"expected one of {', '.join(self._acts)}")
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            # A page of another site can send anything but this without asking first.
            return problem(415, "expected content-type application/json")
        try:
            result = act(await body_of(request))
        except KeyError as error:
            return problem(400, f"expected {error}")
        except (ValueError, TypeError, LookupError) as error:
            return problem(400, str(error))
        self._platform.updates.changed.ring()
        return JSONResponse(result if isinstance(result, dict) else {})

    def _write(self, body: Body) -> Any:
        return self._platform.chats.write(int(body["chat"]), clean(str(body["text"])))

    def _send_photo(self, body: Body) -> Any:
        data = base64.b64decode(str(body["data"]), validate=True)
        return self._platform.chats.send_photo(int(body["chat"]), data, clean(str(body.get("caption", ""))))

    def _send_contact(self, body: Body) -> Any:
        own = body.get("own") is not False
        return self._platform.chats.send_contact(int(body["chat"]), str(body["phone_number"]), own)

    def _send_location(self, body: Body) -> Any:
        place = float(body["latitude"]), float(body["longitude"])
        return self._platform.chats.send_location(int(body["chat"]), *place)

    def _press(self, body: Body) -> Any:
        chat, message = int(body["chat"]), int(body["message_id"])
        return self._platform.chats.press(chat, message, str(body["data"]))

    def _block(self, body: Body) -> Any:
        return self._platform.chats.block(int(body["chat"]), body.get("blocked") is not False)

    def _join(self, body: Body) -> Any:
        first_name = clean(str(body["name"])).strip()[:64]
        if not first_name:
            raise ValueError("name: expected a name")
        number = int(body.get("chat") or max([1000, *(chat.id for chat in self._platform.chats)]) + 1)
        self._platform.chats.join(number, first_name=first_name)
        return {"chat": number}

    def _advance(self, body: Body) -> Any:
        return {"now": self._platform.clock.advance(float(body["seconds"])).isoformat()}

    def _spoil(self, body: Body) -> Any:
        method, kind = str(body["method"]), str(body["kind"])
        allowed = WEBHOOK_FAULTS if method == "webhook" else CALL_FAULTS
        if kind not in allowed:
            raise ValueError(f"kind: expected one of {', '.join(allowed)}")
        self._platform.fail_next(method, kind, int(body.get("times", 1)))


def problem(status: int, detail: str) -> Response:
    """What is wrong with a request, as problem details."""
    said = {"title": "The simulator cannot do this", "status": status, "detail": detail}
    return JSONResponse(said, status, media_type="application/problem+json")


async def body_of(request: Request) -> Body:
    """The JSON object of a request; ValueError or TypeError for anything else."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > BODY_LIMIT:
            raise ValueError(f"expected at most {BODY_LIMIT} bytes")
    found = json.loads(data)
    if not isinstance(found, dict):
        raise TypeError("expected a JSON object")
    return found
