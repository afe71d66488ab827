"""The web chat without a socket: the upload of pictures, and a long poll with the same frames."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bots.base import Line
from bots.webchat.frames import (
    LONGEST_FRAME,
    NEWEST_SEQ,
    Declined,
    Hello,
    Message,
    Picture,
    Press,
    Typing,
    line_frame,
    read_frame,
)
from bots.webchat.origin import Origins
from bots.webchat.picture import check_picture
from bots.webchat.reception import Reception, Visitor
from crm_store.messages import Media

POLL_LASTS = 20.0  # seconds
STATUS = {"rate": 429, "too_long": 413, "token": 401, "origin": 403, "type": 415}  # others: 400


def http_routes(reception: Reception, origins: Origins, *, image_limit: int) -> list[BaseRoute]:
    """The routes for long polling and uploads; `image_limit` in bytes."""
    desk = _Desk(reception, origins, image_limit)
    messages = f"/chat/{reception.channel}/messages"
    return [
        Route(messages, _answering(desk.poll), methods=["GET"]),
        Route(messages, _answering(desk.post), methods=["POST"]),
        Route(f"/chat/{reception.channel}/media", _answering(desk.upload), methods=["POST"]),
    ]


class _Desk:
    def __init__(self, reception: Reception, origins: Origins, image_limit: int) -> None:
        self._reception = reception
        self._origins = origins
        self._image_limit = image_limit

    async def poll(self, request: Request) -> JSONResponse:
        """The lines behind `after`; waits for one if there is none yet."""
        query = request.query_params
        if "origin" in request.headers and not self._origins.trusts(request):
            raise Declined("origin")
        after = _seq(query.get("after", "0"))
        client = request.client.host if request.client else ""
        visitor = await self._reception.admit(_token(request), client, _language(request))
        lines = await self._wait_for_lines(visitor, after, wait=query.get("wait") != "0")
        frames = [line_frame(line) for line in lines]
        return _json({"token": visitor.token, "new": visitor.new, "lines": frames})

    async def _wait_for_lines(self, visitor: Visitor, after: int, *, wait: bool) -> list[Line]:
        async with self._reception.host.follow(visitor.address) as events:
            lines = await self._reception.lines(visitor, after)
            if lines or not wait:
                return lines
            try:
                async with asyncio.timeout(POLL_LASTS):
                    async for event in events:
                        if event.line and event.line.seq > after:
                            return [event.line]
                        if event.name == "look" and (lines := await self._reception.lines(visitor, after)):
                            return lines
            except TimeoutError:
                pass
        return []

    async def post(self, request: Request) -> JSONResponse:
        """Take one frame, as the socket would."""
        visitor = await self._visitor(request)
        frame = _read(await _read_body(request, LONGEST_FRAME))
        if isinstance(frame, Typing):
            self._reception.host.typing(visitor.address)
            return _json({"type": "kept"})
        await self._reception.take(visitor, frame)
        return _json({"type": "kept", "id": frame.id})

    async def upload(self, request: Request) -> JSONResponse:
        """Keep a picture (the request's body) and give the ticket to send it with."""
        visitor = await self._visitor(request)
        self._reception.check_rate(visitor)
        data = await _read_body(request, self._image_limit)
        content_type = await asyncio.to_thread(check_picture, data)
        suffix = content_type.partition("/")[2]
        url = await self._reception.host.keep(data, content_type, f"picture.{suffix}")
        media = Media(url, content_type=content_type, size=len(data))
        return _json({"url": url, "ticket": await self._reception.picture_ticket(visitor, media)}, 201)

    async def _visitor(self, request: Request) -> Visitor:
        if not self._origins.trusts(request):
            raise Declined("origin")
        visitor = await self._reception.recognise(_token(request), _language(request))
        if visitor is None:
            raise Declined("token")
        return visitor


def _answering(
    handle: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """The handler, with what it declines turned into a 4xx response."""

    async def answer(request: Request) -> Response:
        try:
            return await handle(request)
        except Declined as declined:
            return _refused(declined)

    return answer


def _seq(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and int(text) <= NEWEST_SEQ):
        raise Declined("unreadable")
    return int(text)


def _read(body: bytes) -> Message | Press | Picture | Typing:
    try:
        frame = read_frame(body)
    except ValueError:
        raise Declined("unreadable") from None
    if isinstance(frame, Hello):
        raise Declined("unreadable")
    return frame


def _language(request: Request) -> str:
    return request.query_params.get("language", "")[:16]


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _read_body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Declined("too_long")
    return bytes(body)


def _json(value: dict[str, object], status: int = 200) -> JSONResponse:
    return JSONResponse(value, status, headers={"cache-control": "no-store"})


def _refused(declined: Declined) -> JSONResponse:
    response = _json(declined.frame(), STATUS.get(declined.why, 400))
    if declined.retry_after:
        response.headers["retry-after"] = str(int(declined.retry_after) + 1)
    return response
