"""The house, assembled by hand in one place: settings become database, channels, bot, way in, way out."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from bots.base import Channel, ChannelSettings, LiveEvent, find_channel
from config.reading import SettingsError, line_of, validate
from config.settings import DAYS, Settings
from crm_store.channels import write_channel
from crm_store.conversations import drop_leases
from crm_store.db import Database, new_id
from crm_store.media import MediaFolder
from crm_store.messages import Address, ParleyError
from crm_store.migrating import upgrade
from crm_store.outbox import give_up_lost
from parley.bot import Bot
from parley.delivery import Delivery
from parley.host import HouseHost
from parley.live import Hub
from parley.pipeline import Pipeline
from parley.training import open_bot
from parley.webhooks import Webhooks
from parley.workers import Worker

log = structlog.get_logger()


def utc_now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


class House:
    """All parts of one process, wired. `start` and `stop` run on its event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], datetime] = utc_now,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.settings = settings
        self.now = now
        self.database = Database(settings.resolved_database_url)
        self.hub = Hub()
        self.media = MediaFolder(settings.at(settings.media.dir), settings.media.max_mb * 1024 * 1024)
        self.host = HouseHost(self.database, self.hub, self.media, now)
        self.channels = open_channels(settings, self.host)
        self.bot = bot_of(settings, now, tell)
        worker = Worker(
            self.database,
            self.bot,
            f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}",
            {channel.name: channel.policy for channel in self.channels},
        )
        self.delivery = Delivery(self.database, self.channels, self.hub, now)
        self.pipeline = Pipeline(self.database, worker, self.hub, now, self._answered)
        self.webhooks = Webhooks(self.channels, self.pipeline, self.delivery)
        self.host.record_to = self.pipeline.record
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Migrate, then take in and deliver."""
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._prepare)
        self._tasks = [
            asyncio.create_task(self.pipeline.run(), name="pipeline"),
            asyncio.create_task(self.delivery.run(), name="delivery"),
            *(asyncio.create_task(c.run(), name=c.name) for c in self.channels if c.polls),
        ]
        if self.settings.public_url.startswith("https://"):
            heard = [channel for channel in self.channels if not channel.polls]
            self._tasks += [asyncio.create_task(self._connect(channel)) for channel in heard]
        log.info("house.opened", channels=[channel.name for channel in self.channels])

    async def stop(self) -> None:
        """Finish what is in hand, then close everything."""
        self.hub.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.host.close()
        self.database.close()
        log.info("house.closed")

    def queued(self, channel: str) -> None:
        """Rows were queued by another part of the house, in whatever thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.delivery.wake, channel)

    def floor_changed(self, address: Address, floor: str) -> None:
        """Tell open pages who may speak now, from whatever thread."""
        if self._loop is not None:
            event = LiveEvent("floor", data={"floor": floor})
            self._loop.call_soon_threadsafe(self.hub.publish, address, event)

    async def _connect(self, channel: Channel) -> None:
        try:
            await channel.connect(self.settings.public_url)
        except ParleyError as error:
            # The webhook may have been set by hand, and what is away now may be back later.
            log.warning("webhook.not_set", channel=channel.name, why=str(error))

    def _answered(self, addresses: set[Address]) -> None:
        for address in addresses:
            self.webhooks.answered(address)
        for channel in {address.channel for address in addresses}:
            self.delivery.wake(channel)

    def _prepare(self) -> None:
        upgrade(self.database)
        with self.database.writing() as session:
            for channel in self.channels:
                kind = channel.settings.kind
                write_channel(session, channel.name, kind, channel.policy, self.now())
            if self.database.is_sqlite:
                # One process works a SQLite file: whatever another held, it holds no more.
                drop_leases(session)
                give_up_lost(session, self.now(), all_of_them=True)


def open_channels(settings: Settings, host: HouseHost) -> list[Channel]:
    """A channel for each `[[channels]]` table; SettingsError names every fault of all of them."""
    channels, faults = [], []
    for place, table in enumerate(settings.channels):
        try:
            channels.append(_open_channel(settings, place, table, host))
        except SettingsError as error:
            faults += error.faults
    if faults:
        raise SettingsError(settings.file, faults)
    return channels


def _open_channel(settings: Settings, place: int, table: Mapping[str, Any], host: HouseHost) -> Channel:
    under = f"channels.{place}"
    try:
        kind = find_channel(str(table["kind"]))
    except LookupError as error:
        line = line_of(settings.file, f"{under}.kind")
        raise SettingsError(settings.file, [(line, f"{under}.kind", str(error))]) from None
    values = dict(table)
    if "public_url" in kind.Settings.model_fields:
        values.setdefault("public_url", settings.public_url)
    own: ChannelSettings = validate(kind.Settings, values, settings.file, under)
    return kind(own, host)


def bot_of(settings: Settings, now: Callable[[], datetime], tell: Callable[[str], None]) -> Bot:
    """The bot that the settings name."""
    hours, zone = settings.opening_hours, ZoneInfo(settings.timezone)
    return open_bot(
        settings.at(settings.bot),
        settings.at(settings.models_dir),
        engine=settings.nlu.engine,
        rasa_url=settings.nlu.rasa_url,
        language=settings.locale.partition("-")[0],
        today=lambda: now().astimezone(zone).date(),
        settings={
            "timezone": settings.timezone,
            "opening_hours": {day: getattr(hours, day) for day in DAYS},
        },
        tell=tell,
    )
