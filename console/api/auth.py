"""Who calls, and whether they may: bearer tokens and their scopes, looked at before anything else.

A refused request is refused in the same way whatever its path, query and body hold.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Response, Security, params
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from console.host import Host
from crm_store.tokens import Token, find_token

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearer",
    description="A token made with `parley token new --scope read`, `write` or `admin`.",
)
MAY_READ = Security(_bearer, scopes=["read"])
MAY_WRITE = Security(_bearer, scopes=["write"])
MAY_ADMINISTER = Security(_bearer, scopes=["admin"])


class GuardedRoute(APIRoute):
    """A route that asks for a token of its scope before the body is read or anything is checked."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind its guard."""
        handler = super().get_route_handler()
        scope = _scope_of(self)

        async def guarded(request: Request) -> Response:
            request.state.token = await run_in_threadpool(_admit, request, scope)
            return await handler(request)

        return guarded


def _scope_of(route: APIRoute) -> str:
    for dependency in route.dependencies:
        if isinstance(dependency, params.Security) and dependency.scopes:
            return dependency.scopes[0]
    raise LookupError(f"expected MAY_READ, MAY_WRITE or MAY_ADMINISTER among dependencies of {route.path}")


def _admit(request: Request, scope: str) -> Token:
    host: Host = request.app.state.host
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.strip():
        raise _refusal(401, "expected the header Authorization: Bearer TOKEN")
    with host.database.reading() as session:
        token = find_token(session, secret.strip())
    if token is None:
        raise _refusal(401, "the token is not one of ours", error="invalid_token")
    if not token.allows(scope):
        detail = f"this needs a token with scope {scope}, this one's is {token.scope}"
        raise _refusal(403, detail, error="insufficient_scope", scope=scope)
    return token


def _refusal(status: int, detail: str, **challenge: str) -> HTTPException:
    words = ", ".join(f'{name}="{value}"' for name, value in {"realm": "parley", **challenge}.items())
    return HTTPException(status, detail, {"WWW-Authenticate": f"Bearer {words}"})


async def _caller(request: Request) -> Token:
    token: Token = request.state.token
    return token


Caller = Annotated[Token, Depends(_caller)]
