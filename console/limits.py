"""How large a request may be. Nothing of a body that says it is larger is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Answers 413 to bodies of more than `largest` bytes, whether their length is declared or not.

    `larger`: what holds instead on paths that begin so.
    """

    def __init__(
        self,
        app: ASGIApp,
        largest: int,
        refuse: Callable[[Request, int, str], Response],
        larger: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._largest = largest
        self._refuse = refuse
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        largest = self._largest_at(str(scope["path"]))
        words = f"a body may have at most {largest} bytes"
        if _declared(request) > largest:
            await self._refuse(request, 413, words)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > largest:
                raise HTTPException(413, words)
            return message

        await self._app(scope, counted, send)

    def _largest_at(self, path: str) -> int:
        return next((most for start, most in self._larger.items() if path.startswith(start)), self._largest)


def _declared(request: Request) -> int:
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        return 0
