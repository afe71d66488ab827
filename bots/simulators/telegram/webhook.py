"""Posting updates to the bot's webhook, again and again until it says 2xx."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from bots.simulators.clock import Clock
from bots.simulators.faults import Faults
from bots.simulators.telegram.updates import Updates

PATIENCE_SECONDS = 10.0  # of the wall, for one delivery
KEPT = timedelta(hours=24)
LONGEST_PAUSE = 60.0  # seconds between two tries


@dataclass(slots=True)
class Delivery:
    """One try to deliver an update."""

    update_id: int
    attempt: int
    at: datetime
    status: int = 0  # of HTTP; 0: no answer
    error: str = ""


@dataclass(slots=True)
class Target:
    """Where updates go."""

    url: str = ""
    secret: str = ""
    max_connections: int = 40
    allowed_updates: list[str] = field(default_factory=list)


class Webhook:
    """The deliveries of one bot. Several go out at once, as with the real one."""

    def __init__(
        self, clock: Clock, faults: Faults, updates: Updates, react: Callable[[Any], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._updates = updates
        self._react = react  # what to do with a method call in the bot's answer
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._held: list[dict[str, Any]] = []
        self.target = Target()
        self.deliveries: list[Delivery] = []

    def point_at(self, target: Target) -> None:
        """Deliver to another place from now on; an empty address: nowhere."""
        self.target = target
        self._updates.webhook_is_set = bool(target.url)
        self._updates.changed.ring()

    async def run(self) -> None:
        """Deliver whatever waits, until cancelled."""
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
            try:
                while True:
                    seen = self._updates.changed.count
                    self._start(http)
                    await self._updates.changed.wait(seen)
            finally:
                for task in self._busy.values():
                    task.cancel()
                await asyncio.gather(*self._busy.values(), return_exceptions=True)

    def _start(self, http: aiohttp.ClientSession) -> None:
        if not self.target.url:
            return
        held = {update["update_id"] for update in self._held}
        for update in self._updates.waiting:
            number = update["update_id"]
            if number in self._busy or number in held or len(self._busy) >= self.target.max_connections:
                continue
            fault = self._faults.take("webhook")
            if fault == "reorder":
                self._held.append(update)
                continue
            self._launch(http, update, twice=fault == "duplicate", forged=fault == "forged")
            for late in self._held:
                self._launch(http, late)
            self._held.clear()

    def _launch(
        self, http: aiohttp.ClientSession, update: dict[str, Any], twice: bool = False, forged: bool = False
    ) -> None:
        number = update["update_id"]
        task = asyncio.create_task(self._deliver(http, update, twice, forged))
        self._busy[number] = task
        task.add_done_callback(lambda _: self._finish(number))

    def _finish(self, number: int) -> None:
        del self._busy[number]
        self._updates.changed.ring()

    async def _deliver(
        self, http: aiohttp.ClientSession, update: dict[str, Any], twice: bool, forged: bool
    ) -> None:
        first_at, attempt = self._clock.now(), 0
        number = update["update_id"]
        while self.target.url and self._clock.now() - first_at < KEPT:
            attempt += 1
            if await self._post(http, update, attempt, forged and attempt == 1):
                if not twice:
                    break
                twice = False
                continue
            pause = min(2.0 ** (attempt - 1), LONGEST_PAUSE)
            await self._clock.wait_until(self._clock.now() + timedelta(seconds=pause))
        if self.target.url:
            self._updates.remove(number)

    async def _post(
        self, http: aiohttp.ClientSession, update: dict[str, Any], attempt: int, forged: bool
    ) -> bool:
        delivery = Delivery(update["update_id"], attempt, self._clock.now())
        self.deliveries.append(delivery)
        secret = f"{self.target.secret}x" if forged else self.target.secret
        headers = {"content-type": "application/json"}
        headers |= {"x-telegram-bot-api-secret-token": secret} if secret else {}
        body = b""
        try:
            async with http.post(
                self.target.url,
                data=json.dumps(update).encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=PATIENCE_SECONDS),
                allow_redirects=False,
            ) as response:
                delivery.status, body = response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            delivery.error = type(error).__name__
        accepted = 200 <= delivery.status < 300
        if accepted and body.lstrip().startswith(b"{"):
            await self._react(body)
        self._updates.changed.ring()
        return accepted
