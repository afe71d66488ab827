"""Pushes: one message or event on its way to the webhook, in up to three identical tries."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import aiohttp

from bots.simulators.wechat.account import Account
from bots.simulators.wechat.customers import Customer
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.reply import read_reply
from bots.simulators.wechat.screen import UNAVAILABLE, Seen
from bots.simulators.wechat.wire import Envelope, Unreadable, sign, write_json, write_xml

MEDIA_TYPES = {"xml": "text/xml; charset=utf-8", "json": "application/json; charset=utf-8"}
PUSHES_KEPT = 60
LOGGED = 20_000  # characters of a body that the log keeps


@dataclass(slots=True)
class Attempt:
    """One try: what was sent, what came back, how long it took."""

    number: int
    at: datetime
    query: dict[str, str]
    body: str
    status: int = 0  # HTTP; 0: no answer
    answer: str = ""
    seconds: float = 0.0
    problem: str = ""  # why this try did not count as an answer


@dataclass(slots=True)
class Push:
    """One message or event with all its tries."""

    message: Mapping[str, Any]
    customer: Customer
    mode: str
    format: str
    quiet: bool  # the customer does not wait for an answer, so none is missed
    number: int = 0  # counts up
    attempts: list[Attempt] = field(default_factory=list)
    outcome: str = "under way"  # then "answered", "silent", "refused", "unanswered"
    problem: str = ""  # why the answer was refused

    @property
    def name(self) -> str:
        """The event's name, or the type of the message."""
        return str(self.message.get("Event") or self.message.get("MsgType"))

    def to_json(self) -> dict[str, Any]:
        """A JSON object for the log on the page."""
        attempts = [asdict(attempt) | {"at": attempt.at.isoformat()} for attempt in self.attempts]
        return {
            "number": self.number,
            "name": self.name,
            "message": write_json(self.message),
            "id": str(self.message.get("MsgId") or self.message.get("MsgID") or ""),
            "openid": self.customer.openid,
            "customer": self.customer.name,
            "mode": self.mode,
            "format": self.format,
            "outcome": self.outcome,
            "problem": self.problem,
            "attempts": attempts,
        }


class Pusher:
    """Delivers pushes of one platform to its webhook, and shows the customer what comes of it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.http: aiohttp.ClientSession | None = None
        self.log: deque[Push] = deque(maxlen=PUSHES_KEPT)
        self.verified = False
        self.verification = ""  # what went wrong with the handshake
        self._held: list[Push] = []
        self._count = 0

    async def verify(self) -> bool:
        """The handshake: GET with a signature and an `echostr` that must come back as it is."""
        echo = str(secrets.randbelow(10**19))
        query = self._signed(self._platform.account) | {"echostr": echo}
        try:
            status, answer = await self._request("GET", query, b"", {})
        except (TimeoutError, aiohttp.ClientError) as error:
            status, answer = 0, str(error).encode() or b"no answer in time"
        self.verified = status == 200 and answer == echo.encode()
        self.verification = (
            ""
            if self.verified
            else (
                f"expected HTTP 200 with {echo!r}, got HTTP {status} "
                f"with {answer[:200].decode(errors='replace')!r}"
            )
        )
        self._platform.changes.notify()
        return self.verified

    async def push(self, customer: Customer, message: Mapping[str, Any], quiet: bool = False) -> list[Seen]:
        """Deliver a message and tell what the customer sees of the answer.

        The callback is verified before the first push; without that nothing is pushed.
        """
        account = self._platform.account
        self._count += 1
        push = Push(message, customer, account.mode, account.format, quiet, self._count)
        self.log.append(push)
        if not self.verified and not await self.verify():
            push.outcome, push.problem = "unanswered", f"callback not verified: {self.verification}"
            return self._unavailable(push)
        fault = self._platform.faults.take("push")
        if fault == "reorder":
            # Held until the next push has gone out.
            self._held.append(push)
            push.outcome = "held"
            self._platform.changes.notify()
            return []
        seen = await self._deliver(push, account, fault)
        if fault == "duplicate":
            seen += await self._deliver(push, account, None)
        held, self._held = self._held, []
        for late in held:
            await self._deliver(late, account, None)
        return seen

    async def _deliver(
        self, push: Push, account: Account, fault: str | None, again: bool = False
    ) -> list[Seen]:
        key = account.previous_aes_key if fault == "old_key" else account.aes_key
        for number in range(1, account.tries + 1):
            lost = fault == "timeout" and number == 1
            answer = await self._try(push, account, key, fault == "bad_signature", lost)
            if answer is not None:
                return self._read(push, account, answer, key)
        push.outcome = "unanswered"
        return self._unavailable(push)

    async def _try(self, push: Push, account: Account, key: str, forged: bool, lost: bool) -> bytes | None:
        """One try; the body of its answer, or None if it has to be repeated."""
        query, body = self._envelope(push, account, key)
        if forged:
            query = {name: _forge(value) if "signature" in name else value for name, value in query.items()}
        attempt = Attempt(len(push.attempts) + 1, self._platform.now(), query, body[:LOGGED])
        push.attempts.append(attempt)
        self._platform.changes.notify()
        began = time.monotonic()
        try:
            attempt.status, answer = await self._request(
                "POST", query, body.encode(), {"content-type": MEDIA_TYPES[push.format]}
            )
            attempt.answer = answer[:LOGGED].decode(errors="replace")
            if attempt.status != 200:
                attempt.problem = f"HTTP {attempt.status}"
            elif lost:
                attempt.problem = "the answer was lost (scripted)"
        except TimeoutError:
            attempt.problem = f"no answer within {account.deadline:g} s"
        except aiohttp.ClientError as error:
            attempt.problem = f"no connection: {error}"
        attempt.seconds = time.monotonic() - began
        self._platform.changes.notify()
        return None if attempt.problem else answer

    async def _request(
        self, method: str, query: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        if self.http is None:
            raise RuntimeError("expected the simulator to be started: it has no HTTP client yet")
        account = self._platform.account
        async with (
            asyncio.timeout(account.deadline),
            self.http.request(
                method,
                account.webhook,
                params=query,
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=None),
            ) as response,
        ):
            return response.status, await response.read()

    def _signed(self, account: Account) -> dict[str, str]:
        timestamp = str(int(self._platform.now().timestamp()))
        nonce = str(secrets.randbelow(10**10))
        return {"signature": sign(account.token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}

    def _envelope(self, push: Push, account: Account, key: str) -> tuple[dict[str, str], str]:
        write = write_json if push.format == "json" else write_xml
        query = self._signed(account)
        if push.mode == "plain":
            return query, write(push.message)
        sealed = Envelope(key, account.app_id).seal(write(push.message))
        query |= {
            "openid": push.customer.openid,
            "encrypt_type": "aes",
            "msg_signature": sign(account.token, query["timestamp"], query["nonce"], sealed),
        }
        shown = push.message if push.mode == "compatible" else {"ToUserName": push.message["ToUserName"]}
        return query, write({**shown, "Encrypt": sealed})

    def _read(self, push: Push, account: Account, answer: bytes, key: str) -> list[Seen]:
        try:
            seen = read_reply(answer, account, push.customer.openid, key, self._media)
        except Unreadable as error:
            push.outcome, push.problem = "refused", str(error)
            return self._unavailable(push)
        push.outcome = "answered" if seen else "silent"
        if seen is None or push.quiet:
            self._platform.changes.notify()
            return []
        return [self._platform.show(push.customer, seen)]

    def _media(self, media_id: str, *kinds: str) -> str:
        medium = self._platform.media.get(media_id, self._platform.now(), *kinds)
        return f"/simulator/media/{medium.media_id}"

    def _unavailable(self, push: Push) -> list[Seen]:
        self._platform.changes.notify()
        if push.quiet:
            return []
        notice = Seen("notice", UNAVAILABLE, by="platform", how="notice")
        return [self._platform.show(push.customer, notice)]


def _forge(signature: str) -> str:
    return signature[::-1] if signature[::-1] != signature else "0" * len(signature)
