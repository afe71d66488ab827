"""The road to a Bot API server, and everything that can go wrong on it.

python-telegram-bot gives us its types, not its client: that one builds each answer into a type and
fails on one it does not know when the message has already gone out, and writes token and texts to its
debug log. The token stands in every address, so here it never reaches a log or an exception.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
from pydantic import SecretStr

from crm_store.messages import ParleyError, Sent

SEND_SECONDS = 8.0  # for a whole request; the house gives no request more than ten
DOWNLOAD_SECONDS = 30.0
PAUSE_SECONDS = 5.0  # before a refused or failed connection is tried again

_GONE = ("chat not found", "user not found", "group chat was deactivated", "PEER_ID_INVALID")


class ApiError(ParleyError):
    """A call to Telegram did not succeed."""


class NotSent(ApiError):
    """The server could not be reached: nothing was sent."""


class NoAnswer(ApiError):
    """The request went out and no readable answer came: it may have been carried out."""


class ApiRefused(ApiError):
    """The server said no: `code` and `description` are its own."""

    def __init__(
        self, code: int, description: str, retry_after: float | None = None, moved_to: str = ""
    ) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description
        self.retry_after = retry_after  # seconds
        self.moved_to = moved_to  # the supergroup that a group has become


class BotApi:
    """The methods of one bot's API, over the client that the house shares."""

    def __init__(self, http: Callable[[], aiohttp.ClientSession], base_url: str, token: SecretStr) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._token = token

    async def call(self, method: str, parameters: dict[str, Any], seconds: float = SEND_SECONDS) -> Any:
        """The result of a method, within `seconds`; NotSent, NoAnswer or ApiRefused."""
        return result_of(*await self._exchange("POST", f"bot{{}}/{method}", parameters, seconds))

    async def download(self, path: str) -> bytes:
        """A file by the path that getFile told; errors as of `call`."""
        status, data = await self._exchange("GET", f"file/bot{{}}/{path}", None, DOWNLOAD_SECONDS)
        if status != 200:
            raise ApiRefused(status, "the file was not handed out")
        return data

    async def _exchange(
        self, verb: str, path: str, parameters: dict[str, Any] | None, seconds: float
    ) -> tuple[int, bytes]:
        address = f"{self._base_url}/{path.replace('{}', self._token.get_secret_value(), 1)}"
        limit = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._http().request(
                verb, address, json=parameters, timeout=limit, allow_redirects=False
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL):
            raise NotSent("Telegram cannot be reached") from None
        except TimeoutError:
            raise NoAnswer(f"Telegram gave no answer within {seconds:g} seconds") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswer(f"the connection to Telegram broke ({type(error).__name__})") from None


def result_of(status: int, body: bytes) -> Any:
    """What an answer brings if it says `ok`; else ApiRefused, which may come with any HTTP status.

    NoAnswer where it is not the Bot API that speaks, such as a gateway's error page.
    """
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict) or not isinstance(envelope.get("ok"), bool):
        if 400 <= status < 500:
            raise ApiRefused(status, "the answer is none of the Bot API")
        raise NoAnswer(f"the answer was unreadable (HTTP {status})")
    if envelope["ok"]:
        return envelope.get("result")
    code, asked = envelope.get("error_code"), envelope.get("parameters")
    asked = asked if isinstance(asked, dict) else {}
    pause, moved_to = asked.get("retry_after"), asked.get("migrate_to_chat_id")
    raise ApiRefused(
        code if isinstance(code, int) else status,
        str(envelope.get("description") or "no reason given")[:300],
        retry_after=float(pause) if isinstance(pause, int | float) else None,
        moved_to=str(moved_to) if isinstance(moved_to, int) else "",
    )


def outcome(error: ApiError) -> Sent:
    """What an error means for the message that was to be sent."""
    if isinstance(error, NotSent):
        return Sent("queued", reason=str(error), code="unreachable", retry_after=PAUSE_SECONDS)
    if not isinstance(error, ApiRefused):
        return Sent("unknown", reason=f"{error}: the message may have arrived", code="no_answer")
    words, code = error.description, str(error.code)
    if error.code == 429:
        pause = error.retry_after if error.retry_after is not None else PAUSE_SECONDS
        return Sent("queued", reason=f"Telegram asks for a pause: {words}", code=code, retry_after=pause)
    if error.code >= 500:
        reason = f"Telegram had an error of its own: {words}"
        return Sent("queued", reason=reason, code=code, retry_after=PAUSE_SECONDS)
    if error.moved_to:
        reason = f"the group has become a supergroup with the number {error.moved_to}"
        return Sent("failed", reason=reason, code=code)
    if error.code == 403:
        reason = f"the bot may not write to this chat any more: {words}"
        return Sent("failed", reason=reason, code=code, gone=True)
    if error.code in (401, 404):
        return Sent("failed", reason=f"Telegram does not know the bot token: {words}", code=code)
    gone = any(sign in words for sign in _GONE)
    reason = f"this chat is not there (any more): {words}" if gone else f"Telegram refused it: {words}"
    return Sent("failed", reason=reason, code=code, gone=gone)
