"""Local platforms on real ports, each on an event loop of its own, for tests that are not asynchronous."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp

Result = TypeVar("Result")


class Loop:
    """The event loop on which a platform lives; `do` runs something there and waits for it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def do(self, coroutine: Coroutine[Any, Any, Result], within: float = 30) -> Result:
        """Run it there; its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within)

    def call(self, function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Call a plain function there; its result."""

        async def call() -> Result:
            return function(*arguments, **named)

        return self.do(call())


class _Server(uvicorn.Server):
    """Tells other threads when it is up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def served(app: ASGIApp, port: int) -> Iterator[Loop]:
    """Serve an application on 127.0.0.1 until the block ends."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", lifespan="on")
    server, here = _Server(config), Loop()
    thread = threading.Thread(target=lambda: here.loop.run_until_complete(server.serve()), daemon=True)
    thread.start()
    assert server.up.wait(10)
    try:
        yield here
    finally:
        server.should_exit = True
        thread.join(15)
        here.loop.close()
