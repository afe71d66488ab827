"""Updates that wait for the bot, and the long poll that fetches them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from bots.simulators.clock import Clock
from bots.simulators.telegram.errors import Refusal


class Signal:
    """Something has changed: wakes everybody who waits for it, and counts so that nobody misses it."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait."""
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int | None = None) -> None:
        """Return at the next ring; at once if it has rung since the count was `seen`."""
        if seen is None or seen == self.count:
            await self._event.wait()


class Updates:
    """The queue of one bot, in order; an update leaves it when it is confirmed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # A number that a bot has seen is a repeat to it, also when this platform was started anew.
        self._ids = count(int(clock.now().timestamp()))
        self._polls = 0
        self.waiting: list[dict[str, Any]] = []
        self.changed = Signal()
        self.webhook_is_set = False

    def add(self, kind: str, value: dict[str, Any]) -> dict[str, Any]:
        """Queue an update of a kind such as "message"."""
        update = {"update_id": next(self._ids), kind: value}
        self.waiting.append(update)
        self.changed.ring()
        return update

    def remove(self, update_id: int) -> None:
        """Take out an update that the webhook has accepted or that has grown too old."""
        self.waiting = [update for update in self.waiting if update["update_id"] != update_id]
        self.changed.ring()

    async def poll(self, offset: int, limit: int, seconds: float) -> list[dict[str, Any]]:
        """What getUpdates returns: updates from `offset` on, the ones below it being confirmed.

        Waits up to `seconds` of the clock for the first. A newer poll ends an older one with 409.
        """
        self._refuse_beside_webhook()
        self._polls += 1
        mine = self._polls
        if offset > 0:
            self.waiting = [update for update in self.waiting if update["update_id"] >= offset]
        elif offset < 0:
            self.waiting = self.waiting[offset:]
        self.changed.ring()
        until = self._clock.now() + timedelta(seconds=seconds)
        while not self.waiting and self._clock.now() < until:
            await self._change(self.changed.count, until)
            self._refuse_beside_webhook()
            if self._polls != mine:
                raise Refusal(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot "
                    "instance is running",
                )
        return self.waiting[:limit]

    async def _change(self, seen: int, until: datetime) -> None:
        """Return when the queue or the webhook has changed, or the time is over."""
        tasks = [
            asyncio.ensure_future(self.changed.wait(seen)),
            asyncio.ensure_future(self._clock.wait_until(until)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _refuse_beside_webhook(self) -> None:
        if self.webhook_is_set:
            raise Refusal(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to "
                "delete the webhook first",
            )
