"""The channel when it polls: nothing is confirmed that is not recorded, and trouble is told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import structlog

from bots.telegram import Telegram
from crm_store.messages import Button, Content
from tests.bots.telegram_house import CUSTOMER, NOWHERE, bot_and_customer, seen, send_to


@asynccontextmanager
async def polling(channel: Telegram) -> AsyncIterator[None]:
    """The channel's polling task, running."""
    task = asyncio.create_task(channel.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_polled_updates_are_recorded_once_and_presses_acknowledged() -> None:
    async def scenario() -> None:
        async with bot_and_customer(mode="polling") as (channel, platform, host), polling(channel):
            platform.chats.write(CUSTOMER, "一")
            await host.until_recorded(1)
            platform.chats.write(CUSTOMER, "二")
            await host.until_recorded(2)
            await send_to(channel, Content(text="?", buttons=(Button("好", "/yes"),)))
            platform.chats.press(CUSTOMER, seen(platform)[0]["message_id"], "/yes")
            await host.until_recorded(3)
            assert [each.content.text for each in host.recorded] == ["一", "二", "好"]
            async with asyncio.timeout(10):
                while platform.updates.waiting or not all(
                    press.acknowledged for press in platform.chats.presses.values()
                ):
                    await platform.updates.changed.wait()

    asyncio.run(scenario())


def test_an_update_is_confirmed_only_when_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telegram, "first_pause", 0.01)

    async def scenario() -> None:
        async with bot_and_customer(mode="polling") as (channel, platform, host):
            host.broken = 2
            platform.chats.write(CUSTOMER, "一")
            async with polling(channel):
                await host.until_recorded(1)
            assert host.broken == 0
            assert [each.content.text for each in host.recorded] == ["一"]

    asyncio.run(scenario())


def test_lost_polls_are_told_once_and_so_is_their_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telegram, "first_pause", 0.01)
    monkeypatch.setattr(Telegram, "longest_pause", 0.02)

    async def scenario() -> None:
        async with bot_and_customer(mode="polling") as (channel, platform, host):
            platform.fail_next("getUpdates", "500", times=5)
            platform.chats.write(CUSTOMER, "一")
            async with polling(channel):
                await host.until_recorded(1)
                platform.chats.write(CUSTOMER, "二")
                await host.until_recorded(2)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [line["event"] for line in logs] == ["polling.interrupted", "polling.resumed"]


def test_a_second_poller_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Telegram, "first_pause", 0.01)
    monkeypatch.setattr(Telegram, "longest_pause", 0.01)

    async def scenario() -> None:
        async with bot_and_customer(mode="polling") as (channel, platform, host), polling(channel):
            platform.chats.write(CUSTOMER, "一")
            await host.until_recorded(1)
            await platform.api.methods.call("setWebhook", {"url": NOWHERE})
            conflicts = 0
            async with asyncio.timeout(10):
                while conflicts < 3:
                    await platform.updates.changed.wait()
                    conflicts = [call.status for call in platform.api.calls].count(409)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert [line["event"] for line in logs] == ["polling.interrupted"]
    assert "Conflict" in logs[0]["reason"]
