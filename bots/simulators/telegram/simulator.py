"""A local Telegram: the Bot API for one bot, the people who write to it, and a page to be one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.applications import Starlette

from bots.simulators.clock import Clock
from bots.simulators.telegram.control import Control
from bots.simulators.telegram.platform import TelegramPlatform
from bots.simulators.telegram.webhook import Target


def telegram_simulator(
    bot_token: str, clock: Clock | None = None, webhook: str = "", secret: str = ""
) -> Starlette:
    """A local Telegram for one bot, posting to `webhook` from the start if it is given.

    The `TelegramPlatform` is at `app.state.platform`; the bot's api_base_url is where the app is served.
    """
    platform = TelegramPlatform(bot_token, clock)
    if webhook:
        platform.webhook.point_at(Target(webhook, secret))

    @asynccontextmanager
    async def deliver(_: Starlette) -> AsyncIterator[None]:
        delivering = asyncio.create_task(platform.webhook.run())
        try:
            yield
        finally:
            delivering.cancel()
            with suppress(asyncio.CancelledError):
                await delivering

    app = Starlette(routes=[*platform.api.routes(), *Control(platform).routes()], lifespan=deliver)
    app.state.platform = platform
    return app


def build(options: Mapping[str, Any]) -> Starlette:
    """The application of `parley simulate`, with three people and a group at hand.

    Options: `bot_token` (needed), `webhook`, `secret`. ValueError for one that does not exist.
    """
    known = {"bot_token", "webhook", "secret"}
    if unknown := sorted(set(options) - known):
        raise ValueError(f"expected options out of {', '.join(sorted(known))}, got {', '.join(unknown)}")
    app = telegram_simulator(**options)
    chats = app.state.platform.chats
    chats.join(1001, first_name="林小雨", username="xiaoyu", language_code="zh-hans")
    chats.join(1002, first_name="Anna", last_name="Keller", username="anna_k", language_code="en")
    chats.join(1003, first_name="김민준", username="minjun", language_code="ko")
    chats.join(-1001004, title="VIP 客户群", first_name="Anna", last_name="Keller")
    return app
