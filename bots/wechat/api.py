"""The calls of WeChat's API that a channel makes: access token, customer-service messages, pictures.

WeChat puts the access token in the address of a request, so no request, response or exception of the
HTTP client leaves this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bots.base import Host
from bots.wechat.errors import (
    BAD_PICTURE,
    NO_ANSWER,
    NO_SENSE,
    NOT_REACHED,
    STALE_TOKEN,
    CallFailed,
    answered_http,
    outcome,
    refused_token,
)
from crm_store.messages import Sent, clean_json

TIMEOUT = aiohttp.ClientTimeout(total=8, connect=4)  # seconds
PICTURE_LIMIT = 10 * 1024 * 1024  # bytes
PICTURE_TYPES = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif"}

# Within its last five minutes a stable token is replaced by a new one on request; both hold then.
_RENEW_BEFORE = 240  # seconds
_TOKEN_AT_LEAST = 60  # seconds

_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_MAYBE_SENT = (aiohttp.ClientError, TimeoutError, OSError)


class Api:
    """One account's API client. Every method raises `CallFailed` when WeChat does not do as asked."""

    def __init__(self, host: Host, channel: str, base_url: str, app_id: str, app_secret: str) -> None:
        self._host = host
        self._channel = channel
        self._base_url = base_url.rstrip("/")
        self._app_id = app_id
        self._app_secret = app_secret

    async def send_custom(self, openid: str, msgtype: str, **body: str) -> str:
        """Send one customer-service message, `body` being what its type needs; returns its id, if any."""
        message = {"touser": openid, "msgtype": msgtype, msgtype: body}
        answer = await self._call("/cgi-bin/message/custom/send", message)
        return str(answer.get("msgid", ""))

    async def upload_picture(self, url: str) -> str:
        """Lay a picture of the web into the account's media for three days; returns its media id.

        Empty if there is no picture at this address or WeChat does not take it.
        """
        found = await self._fetch(url)
        if not found:
            return ""
        data, content_type = found
        name = f"picture.{PICTURE_TYPES[content_type]}"
        try:
            answer = await self._call("/cgi-bin/media/upload?type=image", (data, name, content_type))
        except CallFailed as failed:
            if failed.sent.code in map(str, BAD_PICTURE):
                return ""
            raise CallFailed(_nothing_sent(failed.sent)) from None
        return str(answer.get("media_id", ""))

    async def download(self, media_id: str) -> tuple[bytes, str]:
        """A picture, voice or video that a customer sent, and its content type; kept for three days."""
        token = await self.token()
        data, content_type = await self._get_media(media_id, token)
        if _refusal(data, content_type) in STALE_TOKEN:
            token = await self.token(stale=token)
            data, content_type = await self._get_media(media_id, token)
        if code := _refusal(data, content_type):
            raise CallFailed(outcome(code, self._message(_object(data), token), self._host.now()))
        return data, content_type

    async def _get_media(self, media_id: str, token: str) -> tuple[bytes, str]:
        query = {"access_token": token, "media_id": media_id}
        try:
            async with self._host.http.get(
                f"{self._base_url}/cgi-bin/media/get", params=query, timeout=TIMEOUT
            ) as response:
                if response.status == 200:
                    return await response.read(), response.content_type
                problem = answered_http(response.status)
        except _MAYBE_SENT:
            problem = NOT_REACHED
        raise CallFailed(problem)

    async def token(self, stale: str = "") -> str:
        """The account's access token, one for all processes; `stale` is one that WeChat has refused."""

        async def make() -> tuple[str, datetime]:
            return await self._make_token(stale)

        try:
            return await self._host.remember(f"{self._channel}.access_token", make, stale=stale)
        except CallFailed as failed:
            raise CallFailed(_nothing_sent(failed.sent)) from None

    async def _make_token(self, stale: str) -> tuple[str, datetime]:
        token, answer = "", {}
        for force in (False, True):
            answer = await self._post("/cgi-bin/stable_token", self._credentials(force))
            if code := _code(answer):
                raise CallFailed(refused_token(code, self._message(answer), self._host.now()))
            token = answer.get("access_token", "")
            if not (isinstance(token, str) and token):
                raise CallFailed(NO_SENSE)
            if token != stale:
                break
        lasts = answer.get("expires_in")
        seconds = max(_TOKEN_AT_LEAST, (lasts if isinstance(lasts, int) else 0) - _RENEW_BEFORE)
        return token, self._host.now() + timedelta(seconds=seconds)

    def _credentials(self, force: bool) -> dict[str, Any]:
        return {
            "grant_type": "client_credential",
            "appid": self._app_id,
            "secret": self._app_secret,
            "force_refresh": force,
        }

    async def _call(self, path: str, body: Any) -> dict[str, Any]:
        """POST with the access token; a refused token is replaced once, and the call repeated once."""
        token = await self.token()
        answer = await self._post(path, body, token)
        if _code(answer) in STALE_TOKEN:
            token = await self.token(stale=token)
            answer = await self._post(path, body, token)
        if code := _code(answer):
            raise CallFailed(outcome(code, self._message(answer, token), self._host.now()))
        return answer

    async def _post(self, path: str, body: Any, token: str = "") -> dict[str, Any]:
        try:
            async with self._host.http.post(
                self._base_url + path,
                params={"access_token": token} if token else None,
                timeout=TIMEOUT,
                allow_redirects=False,
                **_encoded(body),
            ) as response:
                if response.status == 200:
                    return _object(await response.read())
                problem = answered_http(response.status)
        except _NOT_SENT:
            problem = NOT_REACHED
        except _MAYBE_SENT:
            problem = NO_ANSWER
        raise CallFailed(problem)

    async def _fetch(self, url: str) -> tuple[bytes, str] | None:
        """A picture and its type, if there is one that WeChat would take."""
        if not url.startswith(("https://", "http://")):
            return None
        try:
            async with self._host.http.get(url, timeout=TIMEOUT) as response:
                if response.status != 200 or response.content_type not in PICTURE_TYPES:
                    return None
                data = bytearray()
                async for chunk in response.content.iter_chunked(64 * 1024):
                    data += chunk
                    if len(data) > PICTURE_LIMIT:
                        return None
                return bytes(data), response.content_type
        except (*_MAYBE_SENT, ValueError):
            return None

    def _message(self, answer: Mapping[str, Any], token: str = "") -> str:
        text = str(answer.get("errmsg", ""))
        for secret in filter(None, (token, self._app_secret)):
            text = text.replace(secret, "…")
        return text


def _encoded(body: Any) -> dict[str, Any]:
    if isinstance(body, tuple):
        data, name, content_type = body
        form = aiohttp.FormData()
        form.add_field("media", data, filename=name, content_type=content_type)
        return {"data": form}
    # WeChat shows an escaped letter as its escape, so every letter goes out as it is.
    text = json.dumps(clean_json(body), ensure_ascii=False)
    return {"data": text.encode(), "headers": {"Content-Type": "application/json; charset=utf-8"}}


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict) or not isinstance(answer.get("errcode", 0), int):
        raise CallFailed(NO_SENSE)
    return answer


def _code(answer: Mapping[str, Any]) -> int:
    return int(answer.get("errcode", 0))


def _refusal(data: bytes, content_type: str) -> int:
    """The error code, where an answer that should be a file is a refusal; else 0."""
    return _code(_object(data)) if content_type in ("application/json", "text/plain") else 0


def _nothing_sent(sent: Sent) -> Sent:
    """What a failed preparation means: the message itself has not been sent, so it may be tried again."""
    if sent.status != "unknown":
        return sent
    return replace(NOT_REACHED, code=sent.code)
