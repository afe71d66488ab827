"""How large a request may be. Nothing of a body that says it is larger is read."""

from __future__ import annotations

from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers 413 to bodies of more than `largest` bytes, whether their length is declared or not."""

    def __init__(self, app: ASGIApp, largest: int, refuse: Callable[[Request, int, str], Response]) -> None:
        self._app = app
        self._largest = largest
        self._refuse = refuse
        self._words = f"a body may have at most {largest} bytes"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if _declared(request) > self._largest:
            await self._refuse(request, 413, self._words)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._largest:
                raise HTTPException(413, self._words)
            return message

        await self._app(scope, counted, send)


def _declared(request: Request) -> int:
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        return 0
