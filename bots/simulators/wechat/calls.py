"""The platform's interfaces for servers: what each asks of a call before it is let in, and what is kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.log import Called
from bots.simulators.wechat.platform import Platform

LOGGED = 4000  # characters of a body that the log keeps


@dataclass(frozen=True, slots=True)
class Call:
    """One call as an interface gets it."""

    query: Mapping[str, str]
    body: bytes = b""
    upload: UploadFile | None = None  # the file in the form field `media`
    data: bytes = b""  # its bytes

    def json(self) -> dict[str, Any]:
        """The JSON object of the body: 44002 for an empty body, 47001 for anything else."""
        if not self.body:
            raise ApiError(44002)
        try:
            value = json.loads(self.body)
        except ValueError:
            raise ApiError(47001) from None
        if not isinstance(value, dict):
            raise ApiError(47001)
        return value


Run = Callable[[Platform, Call], "dict[str, Any] | Response"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One interface: its method, the right it needs, whether it needs a token."""

    run: Run
    method: str
    right: str
    token: bool


ENDPOINTS: dict[str, Endpoint] = {}


def endpoint(path: str, right: str = "", method: str = "POST", token: bool = True) -> Callable[[Run], Run]:
    """Declare an interface of the platform."""

    def declare(run: Run) -> Run:
        ENDPOINTS[path] = Endpoint(run, method, right, token)
        return run

    return declare


@dataclass(slots=True)
class _Strike:
    """What a scripted fault does to one call."""

    status: int = 0
    code: int | None = None
    slow: bool = False
    hang: bool = False


def _strike(kind: str | None) -> _Strike:
    if kind is None:
        return _Strike()
    if kind.lstrip("-").isdigit():
        number = int(kind)
        return _Strike(status=number) if 400 <= number <= 599 else _Strike(code=number)
    return _Strike(slow=kind == "slow", hang=kind == "timeout")


async def answer_call(platform: Platform, request: Request) -> Response:
    """Answer one call to `/cgi-bin/…` or `/sns/…` as the platform would, faults included.

    A scripted time-out strikes after the work is done: what the caller cannot know is whether it was.
    """
    path, now = request.url.path, platform.now()
    strike = _strike(platform.faults.take(path) or platform.faults.take("api"))
    if strike.slow:
        await asyncio.sleep(platform.account.slow)
    if strike.status:
        platform.log(Called(now, request.method, path, strike.status, 0))
        return Response("<html><body>scripted fault</body></html>", strike.status, media_type="text/html")
    body = await request.body()
    try:
        result: Any = await _run(platform, request, path, body, strike.code)
    except ApiError as error:
        result = error.body(now)
    response = result if isinstance(result, Response) else JSONResponse(result)
    _log(platform, request, body, response, result)
    if strike.hang:
        return await _hang(platform, request)
    return response


async def _run(
    platform: Platform, request: Request, path: str, body: bytes, scripted: int | None
) -> dict[str, Any] | Response:
    if scripted is not None:
        raise ApiError(scripted)
    found = ENDPOINTS.get(path)
    if found is None:
        raise ApiError(40066)
    if request.method != found.method:
        raise ApiError(43001 if found.method == "GET" else 43002)
    now = platform.now()
    if found.token:
        platform.tokens.check(request.query_params.get("access_token", ""), now)
    if found.right and not platform.account.may(found.right):
        raise ApiError(48001)
    platform.limits.take(path, now)
    upload, data = None, b""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            part = form.get("media")
            if isinstance(part, UploadFile):
                upload, data = part, await part.read()
    return found.run(platform, Call(request.query_params, body, upload, data))


def _log(platform: Platform, request: Request, body: bytes, response: Response, result: Any) -> None:
    path, code = request.url.path, result.get("errcode", 0) if isinstance(result, dict) else 0
    secret = "token" in path
    platform.log(
        Called(
            platform.now(),
            request.method,
            path,
            response.status_code,
            code,
            "" if secret else body[:LOGGED].decode(errors="replace"),
            "" if secret and not code else bytes(response.body)[:LOGGED].decode(errors="replace"),
        )
    )


async def _hang(platform: Platform, request: Request) -> Response:
    """Keep the caller waiting until it gives up."""
    try:
        async with asyncio.timeout(platform.account.hang):
            while not await request.is_disconnected():
                await request.receive()
    except TimeoutError:
        pass
    return Response(status_code=504)
