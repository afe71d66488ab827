"""How a server gets in and what it may still use: tokens, files, counts of calls."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.messages import OK
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.tokens import Token


def _check_secret(platform: Platform, app_id: Any, secret: Any, grant: Any) -> None:
    if grant != "client_credential":
        raise ApiError(40002)
    if app_id != platform.account.app_id:
        raise ApiError(40013)
    if secret != platform.account.secret:
        raise ApiError(40125)


def _given(platform: Platform, token: Token) -> dict[str, Any]:
    seconds = int((token.ends_at - platform.now()).total_seconds())
    platform.changes.notify()
    return {"access_token": token.value, "expires_in": seconds}


@endpoint("/cgi-bin/token", method="GET", token=False)
def plain_token(platform: Platform, call: Call) -> dict[str, Any]:
    """A new token, which ends the one before."""
    _check_secret(platform, *(call.query.get(name) for name in ("appid", "secret", "grant_type")))
    return _given(platform, platform.tokens.plain(platform.now()))


@endpoint("/cgi-bin/stable_token", token=False)
def stable_token(platform: Platform, call: Call) -> dict[str, Any]:
    """The same token to all who ask, renewed near its end or by force."""
    body = call.json()
    _check_secret(platform, *(body.get(name) for name in ("appid", "secret", "grant_type")))
    return _given(platform, platform.tokens.stable(platform.now(), body.get("force_refresh") is True))


@endpoint("/cgi-bin/media/upload", right="material")
def upload(platform: Platform, call: Call) -> dict[str, Any]:
    """Store a temporary file for three days."""
    if call.upload is None:
        raise ApiError(41005)
    kind, now = call.query.get("type", ""), platform.now()
    content_type = call.upload.content_type or "application/octet-stream"
    medium = platform.media.keep(kind, call.data, content_type, call.upload.filename or "", now)
    name = "thumb_media_id" if kind == "thumb" else "media_id"
    return {"type": kind, name: medium.media_id, "created_at": int(now.timestamp())}


@endpoint("/cgi-bin/media/get", right="material", method="GET")
def download(platform: Platform, call: Call) -> Response:
    """The bytes of a temporary file, also of one that a customer sent."""
    medium = platform.media.get(call.query.get("media_id", ""), platform.now())
    headers = {"content-disposition": f'attachment; filename="{medium.kind}"'}
    return Response(medium.data, media_type=medium.content_type, headers=headers)


@endpoint("/cgi-bin/openapi/quota/get")
def quota(platform: Platform, call: Call) -> dict[str, Any]:
    """How many calls of one interface a day has, and how many are used."""
    path = str(call.json().get("cgi_path", ""))
    limit, used = platform.limits.limit(path), platform.limits.used(path, platform.now())
    return {**OK, "quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)}}


@endpoint("/cgi-bin/clear_quota")
def clear_quota(platform: Platform, call: Call) -> dict[str, Any]:
    """Start the day's counts again; ten times a month."""
    if call.json().get("appid") != platform.account.app_id:
        raise ApiError(40013)
    platform.limits.clear(platform.now())
    return dict(OK)
