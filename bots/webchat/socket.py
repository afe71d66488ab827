"""The web chat's socket: a hello, the lines the page has missed, then both ways until it leaves.

Lines are followed before the history is read, and each is sent once: nothing is lost in between and
nothing comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import structlog
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from bots.base import Line, LiveEvent
from bots.webchat.frames import Declined, Frame, Hello, Typing, line_frame, read_frame
from bots.webchat.origin import Origins
from bots.webchat.reception import Reception, Visitor

HELLO_WITHIN = 10.0  # seconds
MOST_REFUSALS = 60  # of one socket, then it is closed
NOT_JSON, NOT_ALLOWED, TOO_BIG, TRY_LATER = 1003, 1008, 1009, 1013

log = structlog.get_logger()


def socket_route(reception: Reception, origins: Origins) -> WebSocketRoute:
    """The WebSocket of a chat page."""

    async def serve(websocket: WebSocket) -> None:
        if not origins.trusts(websocket):
            log.info("socket.refused", channel=reception.channel, why="origin")
            await websocket.close(NOT_ALLOWED)
            return
        await websocket.accept()
        await Visit(websocket, reception).run()

    return WebSocketRoute(f"/chat/{reception.channel}/socket", serve)


class Visit:
    """One open socket of one visitor."""

    def __init__(self, websocket: WebSocket, reception: Reception) -> None:
        self._websocket = websocket
        self._reception = reception
        self._sent: set[int] = set()  # `seq` of every line sent
        self._refusals = 0

    async def run(self) -> None:
        """Serve the socket until one side closes it."""
        try:
            await self._serve()
        except* WebSocketDisconnect:
            pass  # The page has gone; it comes back with the last line it saw.
        except* _Closed as closed:
            code = next(_leaves(closed)).code
            log.info("socket.closed", channel=self._reception.channel, code=code)
            with suppress(WebSocketDisconnect):
                await self._websocket.close(code)

    async def _serve(self) -> None:
        visitor, after = await self._welcome()
        async with self._reception.host.follow(visitor.address) as events:
            await self._send_lines(await self._reception.lines(visitor, after))
            await self._send({"type": "ready"})
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(visitor, events))
                try:
                    await self._read(visitor)
                finally:
                    writer.cancel()

    async def _welcome(self) -> tuple[Visitor, int]:
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                hello = await self._receive()
        except TimeoutError:
            raise _Closed(NOT_ALLOWED) from None
        except Declined:
            raise _Closed(NOT_ALLOWED) from None
        if not isinstance(hello, Hello):
            raise _Closed(NOT_ALLOWED)
        client = self._websocket.client.host if self._websocket.client else ""
        try:
            visitor = await self._reception.admit(hello.token, client, hello.language)
        except Declined as declined:
            await self._send(declined.frame())
            raise _Closed(TRY_LATER) from None
        await self._send({"type": "welcome", "token": visitor.token, "new": visitor.new})
        return visitor, hello.after

    async def _read(self, visitor: Visitor) -> None:
        while True:
            try:
                frame = await self._receive()
                await self._take(visitor, frame)
            except Declined as declined:
                await self._refuse(declined)

    async def _take(self, visitor: Visitor, frame: Frame) -> None:
        if isinstance(frame, Typing):
            self._reception.host.typing(visitor.address)
            return
        if isinstance(frame, Hello):
            self._reception.check_asking(visitor)
            await self._send_lines(await self._reception.lines(visitor, frame.after))
            return
        await self._reception.take(visitor, frame)
        await self._send({"type": "kept", "id": frame.id})

    async def _refuse(self, declined: Declined) -> None:
        self._refusals += 1
        if self._refusals > MOST_REFUSALS:
            raise _Closed(NOT_ALLOWED)
        await self._send(declined.frame())

    async def _write(self, visitor: Visitor, events: AsyncIterator[LiveEvent]) -> None:
        async for event in events:
            if event.line:
                await self._send_lines([event.line])
            elif event.name == "look":
                await self._send_lines(await self._reception.lines(visitor, max(self._sent, default=0)))
            elif event.name == "typing" and event.data.get("sender") != "customer":
                await self._send({"type": "typing"})
            elif event.name == "floor":
                await self._send({"type": "floor", "floor": str(event.data.get("floor", ""))})

    async def _send_lines(self, lines: list[Line]) -> None:
        for line in lines:
            if line.seq not in self._sent:
                self._sent.add(line.seq)
                await self._send(line_frame(line))

    async def _receive(self) -> Frame:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        text = message.get("text")
        if text is None:
            raise _Closed(NOT_JSON)
        try:
            return read_frame(text)
        except ValueError:
            raise _Closed(NOT_JSON) from None
        except Declined as declined:
            if declined.why == "too_long" and not declined.key:
                raise _Closed(TOO_BIG) from None
            raise

    async def _send(self, frame: dict[str, Any]) -> None:
        await self._websocket.send_json(frame)


class _Closed(Exception):
    """We close the socket with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _leaves(group: BaseExceptionGroup[_Closed]) -> Any:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
