"""The simulator over HTTP: the page, what drives it under `/simulator/…`, the platform's own addresses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bots.simulators.wechat.acts import ACTS, Wrong
from bots.simulators.wechat.calls import answer_call
from bots.simulators.wechat.deeds import Deeds
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.state import state
from crm_store.messages import ParleyError
from pages import Assets, choose_language, render, security_headers, shared_routes

FOLDER = Path(__file__).parent / "page"
HEARTBEAT = 15.0  # seconds
BODY_LIMIT = 16 * 1024 * 1024


def _problem(status: int, detail: str) -> Response:
    body = {"title": "The simulator cannot do this", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


async def _act(deeds: Deeds, request: Request) -> Response:
    act = ACTS.get(request.path_params["act"])
    if act is None:
        return _problem(404, f"expected one of {', '.join(ACTS)}")
    # Only a page of ours may send JSON without being asked by the browser first.
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return _problem(415, "expected Content-Type: application/json")
    try:
        body = json.loads(await _limited(request))
        if not isinstance(body, dict):
            raise Wrong("expected a JSON object")
        seen = await act(deeds, body)
    except (ParleyError, ValueError) as error:
        return _problem(400, str(error))
    return JSONResponse({"seen": [each.to_json() for each in seen or ()]})


async def _limited(request: Request) -> bytes:
    parts: list[bytes] = []
    async for part in request.stream():
        parts.append(part)
        if sum(map(len, parts)) > BODY_LIMIT:
            raise Wrong(f"expected at most {BODY_LIMIT} bytes")
    return b"".join(parts)


async def _events(deeds: Deeds) -> AsyncIterator[str]:
    changes, version = deeds.platform.changes, -1
    while True:
        try:
            version = await asyncio.wait_for(changes.after(version), HEARTBEAT)
            yield f"data: {version}\n\n"
        except TimeoutError:
            yield ": still here\n\n"


class _Stream(StreamingResponse):
    """A stream that ends in peace when the server stops."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except asyncio.CancelledError:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class Site:
    """The pages and addresses of one simulator."""

    def __init__(self, deeds: Deeds) -> None:
        self._deeds = deeds
        self._own = Assets(FOLDER, "/simulator/static")

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        return [
            Route("/", self._page),
            Route("/connect/oauth2/authorize", self._authorize),
            *self._own.routes(),
            *shared_routes(),
            Route("/simulator/state", self._state),
            Route("/simulator/screen", self._screen),
            Route("/simulator/events", self._changes),
            Route("/simulator/media/{media_id}", self._media),
            Route("/simulator/{act}", self._act, methods=["POST"]),
            Route("/cgi-bin/{path:path}", self._call, methods=["GET", "POST"]),
            Route("/sns/{path:path}", self._call, methods=["GET", "POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        accepted, wanted = request.headers.get("accept-language", ""), request.query_params.get("lang", "")
        language = choose_language(accepted, wanted)
        account = self._deeds.account
        html = render("wechat.html", language, folder=FOLDER, own=self._own.path, account=account)
        return HTMLResponse(html, headers=security_headers())

    async def _state(self, request: Request) -> Response:
        return JSONResponse(state(self._deeds, request.query_params.get("openid", "")))

    async def _screen(self, request: Request) -> Response:
        seen = self._deeds.screen(request.query_params.get("openid", ""))
        return JSONResponse({"items": [each.to_json() for each in seen]})

    async def _changes(self, request: Request) -> Response:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return _Stream(_events(self._deeds), media_type="text/event-stream", headers=headers)

    async def _media(self, request: Request) -> Response:
        platform = self._deeds.platform
        try:
            medium = platform.media.get(request.path_params["media_id"], platform.now())
        except ApiError:
            return Response(status_code=404)
        kind = medium.content_type if medium.content_type.startswith(("image/", "audio/", "video/")) else ""
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'"}
        return Response(medium.data, media_type=kind or "application/octet-stream", headers=headers)

    async def _act(self, request: Request) -> Response:
        return await _act(self._deeds, request)

    async def _call(self, request: Request) -> Response:
        return await answer_call(self._deeds.platform, request)

    async def _authorize(self, request: Request) -> Response:
        query, everybody = request.query_params, self._deeds.platform.customers.all()
        back = query.get("redirect_uri", "")
        if query.get("appid") != self._deeds.account.app_id or not back.startswith(("http://", "https://")):
            return _problem(400, "expected the appid of this account and a redirect_uri")
        visitor = query.get("openid", "") or (everybody[0].openid if everybody else "visitor")
        try:
            code = self._deeds.sign_in(visitor, query.get("scope", ""), query.get("snapshot") == "1")
        except (ParleyError, ValueError) as error:
            return _problem(400, str(error))
        told = urlencode({"code": code, "state": query.get("state", "")})
        return RedirectResponse(f"{back}{'&' if '?' in back else '?'}{told}", 302)
