"""Fetching updates instead of being posted them: one poll after another while the channel runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bots.base import Rejected
from bots.telegram.http import ApiError, BotApi
from bots.telegram.raw import checked

WANTED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
HOLD_SECONDS = 25  # how long Telegram holds a poll open
LIMIT_SECONDS = 35.0  # for a whole poll

log = structlog.get_logger()


class Poller:
    """Polls for one channel. What fails is tried again after a pause that doubles up to a limit."""

    def __init__(self, api: BotApi, channel: str, first_pause: float, longest_pause: float) -> None:
        self._api = api
        self._channel = channel
        self._first_pause = first_pause  # seconds
        self._longest_pause = longest_pause
        self._pause = 0.0  # 0: the last poll went well
        self._offset = 0  # the next poll confirms all updates below it
        self._webhook_left = False

    async def run(self, take: Callable[[list[dict[str, Any]]], Awaitable[None]]) -> None:
        """Hand each batch to `take`, in order, until cancelled.

        A batch is confirmed by the next poll, hence only when `take` has returned; else it comes again.
        """
        while True:
            try:
                batch = await self._fetch()
                await take([raw for raw in map(self._check, batch) if raw is not None])
            except ApiError as error:
                await self._wait(str(error))
            except Exception as error:  # An edge of the house: the poll must outlive a lost database.
                log.exception("polling.stumbled", channel=self._channel)
                await self._wait(type(error).__name__)
            else:
                self._confirm(batch)

    async def _fetch(self) -> list[Any]:
        if not self._webhook_left:
            await self._api.call("deleteWebhook", {})  # Telegram does one or the other, never both
            self._webhook_left = True
        asked = {"timeout": HOLD_SECONDS, "allowed_updates": WANTED_UPDATES}
        if self._offset:
            asked["offset"] = self._offset
        batch = await self._api.call("getUpdates", asked, LIMIT_SECONDS)
        return batch if isinstance(batch, list) else []

    def _check(self, raw: Any) -> dict[str, Any] | None:
        try:
            return checked(raw)
        except Rejected as error:
            log.warning("update.refused", channel=self._channel, reason=str(error))
            return None

    def _confirm(self, batch: list[Any]) -> None:
        numbers = [raw.get("update_id") for raw in batch if isinstance(raw, dict)]
        seen = [number for number in numbers if isinstance(number, int)]
        self._offset = max(seen, default=self._offset - 1) + 1
        if self._pause:
            self._pause = 0.0
            log.info("polling.resumed", channel=self._channel)

    async def _wait(self, reason: str) -> None:
        """A pause, told to the log only when things have just gone wrong."""
        if not self._pause:
            log.warning("polling.interrupted", channel=self._channel, reason=reason)
        self._pause = min(self._pause * 2 or self._first_pause, self._longest_pause)
        await asyncio.sleep(self._pause)
