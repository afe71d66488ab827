"""The one ASGI application of a process: webhooks, the API, the channels' pages, and how it is doing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from console import own_data
from console.api import create_api
from console.app import create_console
from pages import shared_routes
from parley.house import House
from parley.rasa_actions import PATH, RasaActions
from parley.watching import watched_routes
from parley.webhooks import PREFIX


def create_app(house: House) -> ASGIApp:
    """Serve a house. It is started and stopped with the application."""
    host = house.console_host()
    api, console = create_api(host), create_console(host)
    pages = Starlette(routes=[*_routes(house), *own_data.routes(host)], lifespan=_living(house))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # The way in of every message: nothing stands between the server and it.
            if scope["path"].startswith(PREFIX):
                await house.webhooks(scope, receive, send)
                return
            if scope["path"].startswith("/api/") or scope["path"] == "/api":
                await api(scope, receive, send)
                return
            if scope["path"].startswith("/console/") or scope["path"] == "/console":
                await console(scope, receive, send)
                return
        await pages(scope, receive, send)

    return app


def _living(house: House) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await house.start()
        try:
            yield
        finally:
            await house.stop()

    return lifespan


def _routes(house: House) -> list[BaseRoute]:
    async def home(_: Request) -> Response:
        chats = [r.path for c in house.channels for r in c.routes() if isinstance(r, Route)]
        return RedirectResponse(chats[0] if chats else "/api/docs")

    async def media(request: Request) -> Response:
        found = house.media.find(request.path_params["name"])
        if found is None:
            return PlainTextResponse("there is no such file", 404)
        path, content_type = found
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
        return FileResponse(path, media_type=content_type, headers=headers)

    return [
        Route("/", home),
        *watched_routes(house),
        Route("/media/{name}", media),
        Route(PATH, RasaActions(house).answer, methods=["POST"]),
        *shared_routes(),
        *(route for channel in house.channels for route in channel.routes()),
    ]
