"""The clock: once a second everything that is due by its time gets a bounded piece of work.

APScheduler ticks; what is due stands in rows, so a tick that is missed or interrupted loses nothing.
Of all processes on a database one ticks; the others ask every second whether it still does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from crm_store.db import Alone, Database
from parley.threads import in_thread

TICK_SECONDS = 1.0

PIECES_SECONDS = 0.5  # of a second, for work that comes in pieces
GIVE_WAY_SECONDS = 0.005  # between two of them, so that others write

# A piece of what is due now, in one transaction; returns the channels that have something to send.
Tick = Callable[[Session, datetime], set[str]]
# A small piece of what may take long; returns whether more is left.
Piece = Callable[[Session, datetime], bool]

log = structlog.get_logger()


class Clock:
    """Calls every tick once a second, in one process at a time."""

    def __init__(
        self,
        database: Database,
        ticks: Mapping[str, Tick],
        queued: Callable[[str], None],
        now: Callable[[], datetime],
        pieces: Mapping[str, Piece] | None = None,
    ) -> None:
        """`queued` is told each channel with something to send, from another thread."""
        self._pieces = pieces or {}
        self._database = database
        self._ticks = ticks
        self._queued = queued
        self._now = now
        self._place = ExitStack()
        self._alone: Alone | None = None
        self._beating: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Tick until cancelled; a tick that is running is finished."""
        scheduler = AsyncIOScheduler(timezone=UTC)
        every = IntervalTrigger(seconds=TICK_SECONDS, timezone=UTC)
        scheduler.add_job(self._begin, every, misfire_grace_time=None, next_run_time=datetime.now(UTC))
        scheduler.start()
        try:
            await asyncio.Event().wait()
        finally:
            scheduler.shutdown(wait=False)
            if self._beating:
                await asyncio.wait([self._beating])
            self._leave()

    async def beat(self) -> bool:
        """Call every tick once, if no other process does; False if one does."""
        return await in_thread(self._beat)

    async def _begin(self) -> None:
        # A beat that takes longer than a second is not overtaken by the next one.
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._guarded())

    async def _guarded(self) -> None:
        try:
            await self.beat()
        except DBAPIError:
            log.exception("clock.interrupted")  # The database is away: the next second tries again.
            self._leave()

    def _beat(self) -> bool:
        if self._alone is not None and not self._alone.check():
            self._leave()
        if self._alone is None:
            self._alone = self._place.enter_context(self._database.alone("clock"))
        if not self._alone:
            self._leave()
            return False
        for name, tick in self._ticks.items():
            self._call(name, tick)
        for name, piece in self._pieces.items():
            self._work_off(name, piece)
        self._tidy()
        return True

    def _call(self, name: str, tick: Tick) -> None:
        try:
            with self._database.writing() as session:
                channels = tick(session, self._now())
        except Exception:
            log.exception("tick.failed", tick=name)  # It is tried again; the others have their turn.
            return
        for channel in channels:
            self._queued(channel)

    def _tidy(self) -> None:
        try:
            self._database.tidy()
        except Exception:
            log.exception("tick.failed", tick="tidy")  # It is tried again.

    def _work_off(self, name: str, piece: Piece) -> None:
        until = time.monotonic() + PIECES_SECONDS
        try:
            while time.monotonic() < until:
                with self._database.writing() as session:
                    more = piece(session, self._now())
                if not more:
                    return
                time.sleep(GIVE_WAY_SECONDS)
        except Exception:
            log.exception("tick.failed", tick=name)  # It is tried again.

    def _leave(self) -> None:
        self._alone = None
        self._place.close()
