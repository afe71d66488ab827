"""A port for whoever watches a process without a web server: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from uvicorn.config import Config
from uvicorn.server import Server

from parley.house import House
from parley.readiness import Readiness


def watched_routes(house: House) -> list[BaseRoute]:
    """The addresses for operators."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok")

    return [
        Route("/healthz", alive),
        Route("/readyz", Readiness(house).answer),
        Route("/metrics", house.scraping.answer),
    ]


@asynccontextmanager
async def watched(house: House, port: int) -> AsyncIterator[None]:
    """Serve them on this port of every interface while the block lasts. OSError if it is taken."""
    listening = socket.create_server(("", port))
    server = _Beside(Config(Starlette(routes=watched_routes(house)), log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve([listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving
        listening.close()


class _Beside(Server):
    """A server beside other work, which hears the signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None is captured."""
        yield
