"""Cookies of the console: the session, and what the next page is to say of the deed before it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.host import Host
from crm_store.sign_ins import LONGEST

_SAID = "parley_said"


def _is_https(host: Host) -> bool:
    return host.public_url.startswith("https://")


def _name(host: Host) -> str:
    # Browsers take a cookie with this prefix only from us ourselves, over https.
    return "__Host-parley" if _is_https(host) else "parley_session"


def secret_of(request: Request, host: Host) -> str:
    """The session's secret; empty without one."""
    return request.cookies.get(_name(host), "")


def csrf_of(secret: str) -> str:
    """What forms of this session carry: whoever does not have the secret cannot know it."""
    return hashlib.sha256(f"csrf {secret}".encode()).hexdigest()


def keep_session(response: Response, host: Host, secret: str) -> None:
    """Sign a browser in; an empty secret signs it out."""
    response.set_cookie(
        _name(host),
        secret,
        max_age=int(LONGEST.total_seconds()) if secret else 0,
        path="/",
        secure=_is_https(host),
        httponly=True,
        samesite="lax",
    )


def say_next(response: Response, host: Host, key: str, values: Mapping[str, Any]) -> None:
    """Have the next page say these words (`topic.key`), filled in with values."""
    said = json.dumps([key, {name: str(value)[:200] for name, value in values.items()}])
    response.set_cookie(
        _SAID,
        base64.urlsafe_b64encode(said.encode()).decode(),
        max_age=60,
        path="/console",
        secure=_is_https(host),
        httponly=True,
        samesite="lax",
    )


def said_before(request: Request) -> tuple[str, dict[str, str]] | None:
    """What the deed before this page wants said."""
    try:
        key, values = json.loads(base64.urlsafe_b64decode(request.cookies.get(_SAID, "")))
        return str(key), {str(name): str(value) for name, value in values.items()}
    except (ValueError, TypeError, AttributeError):
        return None


def forget_said(response: Response) -> None:
    """It is said once."""
    response.delete_cookie(_SAID, path="/console")
