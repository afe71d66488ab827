"""The house, assembled by hand in one place: database, channels, bot, way in and way out, wired."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from bots.base import Channel, LiveEvent
from campaigns import running
from config.settings import Settings
from console.host import Host as ConsoleHost
from crm_store import due_followups, erasures, idempotency, search_index
from crm_store.channels import house_id, write_channel
from crm_store.conversations import Conversation, drop_leases
from crm_store.db import Alone, Database, new_id
from crm_store.media import MediaFolder
from crm_store.messages import Address
from crm_store.migrating import upgrade
from crm_store.outbox import Outgoing
from crm_store.recording import Recorded
from crm_store.sending import give_up_lost
from parley.clock import Clock, Piece, Tick
from parley.delivery import Delivery
from parley.fetching import Fetcher
from parley.giving_back import give_back
from parley.host import HouseHost
from parley.learning import Learning, teachable
from parley.library import Library
from parley.live import Feed, Hub
from parley.metrics import Metrics
from parley.now import utc_now
from parley.opening import bot_of, documents_of, open_channels, rules_of
from parley.pipeline import Pipeline
from parley.previewing import preview
from parley.putting_off import put_off
from parley.retelling import retold
from parley.rounds import Rounds
from parley.scraping import Scraping
from parley.storybook import Storybook
from parley.threads import in_thread
from parley.waiting import Waiting
from parley.webhooks import Webhooks
from parley.worked import Worked
from parley.workers import Worker

if TYPE_CHECKING:
    from parley.assistant import Assistant
    from parley.together import Together

POLL_AGAIN_SECONDS = 5.0
LOCK_CHECK_SECONDS = 2.0
DOCUMENTS_SECONDS = 2.0  # between two looks at what a language model may draw from
# What is due by its time, each once a second and in this order: see `parley/clock.py`.
TICKS: Mapping[str, Tick] = {
    "followups": due_followups.tick,
    "erasures": erasures.tick,
    "idempotency_keys": idempotency.tick,
    "late_words": search_index.read_late,
}
PIECES: Mapping[str, Piece] = {"search": search_index.tick}
PUT_BACK = "put back"
PUT_BACK_SECONDS = 2.0

log = structlog.get_logger()


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
        self.metrics = Metrics()
        self.media = MediaFolder(settings.at(settings.media.dir), settings.media.max_mb * 1024 * 1024)
        self.host = HouseHost(self.database, self.hub, self.media, now)
        self.channels = open_channels(settings, self.host)
        self.waiting = Waiting(self._put_back)
        self.worker = worker = Worker(
            self.database,
            bot_of(settings, now, tell, self.database),
            f"{socket.gethostname()}:{os.getpid()}:{new_id().hex[-8:]}",
            {channel.name: channel.policy for channel in self.channels},
            now,
            self.metrics,
        )
        self.fetcher = Fetcher(self.database, {channel.name: channel for channel in self.channels})
        self.rules = rules_of(settings)
        left = erasures.ask_for_left if settings.privacy.erase_on_unfollow else None
        rounds = Rounds(self.database, worker, now, left)
        self.delivery = Delivery(
            self.database, self.channels, rounds, self.hub, now, self.rules, self.metrics
        )
        ticks: Mapping[str, Tick] = {**TICKS, "campaigns": partial(running.tick, rules=self.rules)}
        self.clock = Clock(self.database, ticks, self.queued, now, PIECES)
        self.pipeline = Pipeline(
            self.database,
            worker,
            rounds,
            self.hub,
            now,
            self.waiting.keys,
            self._answered,
            self._fetch,
            self.metrics,
        )
        self.learning = Learning(self.database, worker, settings.at(settings.models_dir), now)
        self.storybook = Storybook(lambda: worker.bot)
        self.webhooks = Webhooks(
            self.channels, self.pipeline, self.delivery, self.waiting, self._put_off, now
        )
        self.together = self._joined(settings.redis_url)
        self.library = Library(documents_of(settings), self.database)
        self.assistant = self._assisted(settings)
        self.host.record_to = self.pipeline.record
        names = [channel.name for channel in self.channels]
        self.scraping = Scraping(
            self.metrics, self.database, names, settings.metrics.token, now, lambda: worker.bot.engines
        )
        self.broken: list[str] = []  # parts that have died: see `/readyz`
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, *, web: bool = True) -> None:
        """Migrate, then take in and deliver. `web`: platforms are to reach this process."""
        self._loop = asyncio.get_running_loop()
        house = await asyncio.to_thread(self._prepare)
        if self.together:
            self._begin("together", self.together.run(house, self.pipeline), vital=True)
        self._begin("pipeline", self.pipeline.run(), vital=True)
        self._begin("delivery", self.delivery.run(), vital=True)
        self._begin("learning", self.learning.run(), vital=True)
        self._begin("clock", self.clock.run(), vital=True)
        if self.assistant and self.settings.llm.summarise:
            self._begin("summaries", self._summed_up(self.assistant))
        if self.assistant:
            self._begin("documents", self._kept_ready(self.assistant))
        for channel in self.channels:
            if channel.polls:
                self._begin(channel.name, self._poll(channel), vital=True)
            elif web and self.settings.public_url.startswith("https://"):
                self._begin(channel.name, self._connect(channel))
        log.info("house.opened", channels=[channel.name for channel in self.channels])

    async def stop(self) -> None:
        """Finish what is in hand, then close everything."""
        self.hub.close()
        self.library.stop()
        if self.assistant:
            self.assistant.stop()
        parts = [task for task in self._tasks if task.get_name() != PUT_BACK]
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        if self._tasks:  # What no request has taken goes back to the outbox.
            await asyncio.wait(self._tasks, timeout=PUT_BACK_SECONDS)
        await self.host.close()
        self.worker.bot.close()
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

    def changed(self, conversation_id: UUID) -> None:
        """Tell open consoles that something in a conversation is new, from whatever thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.hub.changed, [conversation_id])

    def close_pages(self) -> None:
        """End what open pages follow or wait for, from whatever thread: it would hold the server open."""
        self.library.stop()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.hub.close)

    def console_host(self) -> ConsoleHost:
        """What console and API are given of all this."""
        return ConsoleHost(
            database=self.database,
            now=self.now,
            queued=self.queued,
            floor_changed=self.floor_changed,
            changed=self.changed,
            feed=Feed(self.hub),
            policies={channel.name: channel.policy for channel in self.channels},
            rules=self.rules,
            media=self.media,
            public_url=self.settings.public_url,
            timezone=self.settings.timezone,
            preview=lambda text, draft, own: preview(self.worker.bot, self.database, text, draft, own),
            stories=self.storybook,
            retold=lambda *told: retold(self.worker.bot, *told),
            intents=lambda: teachable(self.worker.bot.project),
            entries_changed=self.entries_changed,
            assist=self.assistant,
            library=self.library,
            given_back=self._given_back,
        )

    def entries_changed(self) -> None:
        """FAQ entries were changed by another part of the house, in whatever thread: look at once."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.learning.wake)
            if self.together:
                self._loop.call_soon_threadsafe(self.together.entries_changed)

    def _given_back(self, session: Session, conversation: Conversation) -> bool:
        policy = self.settings.handover.form
        return give_back(session, self.worker.bot, conversation, policy, self.now())

    def _joined(self, redis_url: str) -> Together | None:
        """What joins this process with the others, if there may be any."""
        if not redis_url:
            return None
        from parley.together import Together  # and the client of Redis, 10 MB that most do not need

        joined = Together(
            redis_url,
            self.hub,
            [channel.name for channel in self.channels if channel.routes()],
            lambda key: self.waiting.offer(key, []),
            self.learning.wake,
        )
        self.hub.wire = self.pipeline.others = joined
        self.delivery.rate = joined.rate
        return joined

    def _assisted(self, settings: Settings) -> Assistant | None:
        """The language model, if one is set up."""
        if not settings.llm.base_url:
            return None
        from parley.assistant import Assistant
        from parley.shelving import Shelving

        shelving = Shelving(self.library, lambda: self.worker.bot.project)
        assistant = Assistant(
            settings.llm,
            self.database,
            shelving,
            lambda: self.worker.bot,
            self.now,
            settings.timezone,
            settings.locale.partition("-")[0],
        )
        if settings.llm.answer_customers:
            from parley.answering import Answering

            self.worker.answering = Answering(assistant, self.worker.policies, self.now)
        return assistant

    async def _kept_ready(self, assistant: Assistant) -> None:
        while True:
            await in_thread(assistant.shelving.look)
            await asyncio.sleep(DOCUMENTS_SECONDS)

    async def _summed_up(self, assistant: Assistant) -> None:
        from parley.summaries import Summaries

        await Summaries(assistant, self.database, self.changed, self.now).run()

    async def _poll(self, channel: Channel) -> None:
        """One process at a time polls a platform; another takes over when that one ends."""
        while True:
            try:
                with self.database.alone(f"poll {channel.name}") as alone:
                    if alone:
                        await _while(alone, channel.run())
            except DBAPIError:
                log.exception("poll.interrupted", channel=channel.name)  # The database is away.
            await asyncio.sleep(POLL_AGAIN_SECONDS)

    async def _connect(self, channel: Channel) -> None:
        try:
            await channel.connect(self.settings.public_url)
        except Exception:
            # The webhook may have been set by hand, and what is away now may be back later.
            log.exception("webhook.not_set", channel=channel.name)

    def _answered(self, worked: Worked) -> None:
        for key, rows in worked.offered.items():
            self.waiting.offer(key, rows)
        for channel in worked.queued:
            self.delivery.wake(channel)
        if self.together:
            self.together.answered(worked.elsewhere)

    def _fetch(self, recorded: Recorded) -> None:
        if self.fetcher.wants(recorded):
            self._begin("fetch", self.fetcher.fetch(recorded))

    def _put_off(self, message_id: UUID) -> list[Outgoing]:
        return put_off(self.database, self.worker.bot, message_id, self.now())

    def _put_back(self, rows: list[Outgoing]) -> None:
        self._begin(PUT_BACK, self.delivery.put_back(rows))

    def _begin(self, name: str, work: Coroutine[Any, Any, None], *, vital: bool = False) -> None:
        # The event loop itself holds tasks only weakly, and lets them die in silence.
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, vital))

    def _ended(self, vital: bool, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("task.failed", task=task.get_name(), vital=vital, exc_info=error)
        if error is not None and vital:
            self.broken.append(task.get_name())

    def _prepare(self) -> str:
        upgrade(self.database)
        with self.database.writing() as session:
            for channel in self.channels:
                write_channel(session, channel.name, channel.settings.kind, channel.policy, self.now())
            if self.database.is_sqlite:
                # One process works a SQLite file: whatever another held, it holds no more.
                drop_leases(session)
                give_up_lost(session, self.now(), all_of_them=True)
            house = house_id(session, self.now())
        self.learning.open()
        return house


async def _while(alone: Alone, work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, or until another process may do it."""
    working = asyncio.create_task(work)
    try:
        while not working.done() and await in_thread(alone.check):
            await asyncio.wait([working], timeout=LOCK_CHECK_SECONDS)
    finally:
        working.cancel()
        await asyncio.wait([working])
    if not working.cancelled():
        working.result()
