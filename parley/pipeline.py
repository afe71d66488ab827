"""The way in: receive → record → understand → act. Whoever reads this file knows the product.

A webhook or a poll hands in what a channel has verified. It is recorded in one transaction with all
that waits (only then does the platform get its answer). What the embedded engine understands has its
turn in that same transaction (`rounds.py`); all else is worked off by conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from time import perf_counter
from typing import Any, Protocol
from uuid import UUID

import structlog

from bots.base import LiveEvent
from crm_store.conversations import drop_leases, lease_waiting, renew_leases
from crm_store.db import Database
from crm_store.messages import Incoming, clean
from crm_store.recording import Recorded
from parley.lines import line_in
from parley.live import Hub
from parley.metrics import Metrics
from parley.rounds import Arrival, Rounds
from parley.threads import in_thread
from parley.waiting import Key
from parley.worked import Worked
from parley.workers import Worker

MOST_CONVERSATIONS = 64  # worked on together by the embedded engine
MOST_IN_HAND = 128  # conversations that one process holds while others could take them
MOST_REMOTE = 32  # conversations that a remote engine is asked about at once
SWEEP_SECONDS = 1.0
RENEW_SECONDS = 3.0
STOP_SECONDS = 8.0

log = structlog.get_logger()


class Others(Protocol):
    """The other processes on the same database, as far as they can be reached."""

    @property
    def reachable(self) -> bool:
        """Whether work may be left to whoever has room."""

    def hand_over(self, ids: Collection[UUID]) -> None:
        """Messages wait in these conversations, and nobody here works on them."""


class Nobody:
    """No other process."""

    reachable = False

    def hand_over(self, ids: Collection[UUID]) -> None:
        """Nobody is there."""


class Pipeline:
    """Takes in what channels have verified and has it answered."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        rounds: Rounds,
        hub: Hub,
        now: Callable[[], datetime],
        inline: Callable[[], Collection[Key]],
        answered: Callable[[Worked], None],
        fetch: Callable[[Recorded], None],
        metrics: Metrics | None = None,
    ) -> None:
        self.others: Others = Nobody()  # set by whoever assembles
        self._database = database
        self._worker = worker
        self._rounds = rounds
        self._hub = hub
        self._now = now
        self._inline = inline  # of which messages a request is open that can carry the answer
        self._answered = answered  # told what each round of work led to
        self._fetch = fetch  # told of every new message, for the file it may have brought
        self._metrics = metrics or Metrics()
        rounds.written, rounds.room = self._written, self._turns_here
        self._ready: dict[UUID, None] = {}  # leased by us, in the order of their messages
        self._held: set[UUID] = set()
        self._in_work: set[UUID] = set()
        self._again: set[UUID] = set()  # in work, and something came in that the round may have missed
        self._wake = asyncio.Event()
        self._room = asyncio.Event()  # for work that others have left
        self._asking: set[UUID] = set()  # in work, and an action server is asked about them
        self._remote = ThreadPoolExecutor(MOST_REMOTE, thread_name_prefix="remote")
        # Apart from the engine's: an action server that hangs holds up only who needs it.
        self._actions = ThreadPoolExecutor(MOST_REMOTE, thread_name_prefix="actions")
        self._working: set[asyncio.Task[None]] = set()

    async def record(self, incoming: Sequence[Incoming]) -> list[Recorded]:
        """Write messages down and have them answered; on disk when this returns. Repeats are told."""
        began, open_ones = perf_counter(), self._inline()
        arrivals = [Arrival(one, (one.address, clean(one.key)) in open_ones) for one in incoming]
        recorded = await self._rounds.record(arrivals)
        self._metrics.recorded(incoming, sum(one.repeat for one in recorded), perf_counter() - began)
        return recorded

    @property
    def has_room(self) -> bool:
        """Whether there is room for work that others have left."""
        return self._room.is_set()

    async def room(self) -> int:
        """Wait until there is room; for how many conversations."""
        await self._room.wait()
        return MOST_CONVERSATIONS - self._in_hand()

    async def take_over(self, ids: Collection[UUID]) -> None:
        """Work on those of these conversations that nobody holds."""
        self._work_on(await in_thread(self._lease, ids))

    async def run(self) -> None:
        """Work until cancelled, then finish what is in hand."""
        self._look_for_room()
        keepers = [asyncio.create_task(self._sweep()), asyncio.create_task(self._renew())]
        try:
            await self._work()
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.wait(keepers)
            await self._finish()

    def _turns_here(self, count: int) -> int:
        if not self.others.reachable:
            return count
        return min(count, MOST_CONVERSATIONS) if self._in_hand() < MOST_IN_HAND else 0

    def _written(self, recorded: Sequence[Recorded], worked: Worked) -> None:
        # Called even if whoever handed the messages in has gone: they are on disk, so they are answered.
        self._hub.changed(one.conversation_id for one in recorded if not one.repeat)
        self._answered(worked)
        left = (one.conversation_id for one in recorded if one.leased)
        self._work_on([one for one in left if one not in worked.done])
        self.others.hand_over({one.conversation_id for one in recorded if one.waiting and not one.leased})
        for one in recorded:
            if one.repeat:
                continue
            if self._hub.is_followed(one.incoming.address):
                line = line_in(one.incoming, one.message_id, one.seq, self._now())
                self._hub.publish(one.incoming.address, LiveEvent("line", line))
            self._fetch(one)

    def _work_on(self, ids: Sequence[UUID]) -> None:
        self._held.update(ids)
        self._again.update(one for one in ids if one in self._in_work)
        self._ready.update(dict.fromkeys(one for one in ids if one not in self._in_work))
        if self._ready:
            self._wake.set()
        self._look_for_room()

    def _in_hand(self) -> int:
        return len(self._ready) + len(self._in_work) - len(self._asking)

    def _look_for_room(self) -> None:
        (self._room.set if self._in_hand() < MOST_CONVERSATIONS else self._room.clear)()

    async def _work(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._ready:
                if self._worker.may_wait:
                    # One slow text holds nobody else: each conversation is asked about by itself.
                    self._begin([self._take(1)[0]], self._remote)
                else:
                    await self._begin(self._take(MOST_CONVERSATIONS), None)

    def _take(self, most: int) -> list[UUID]:
        ids = list(self._ready)[:most]
        for one in ids:
            del self._ready[one]
        self._in_work.update(ids)
        return ids

    def _begin(self, ids: list[UUID], pool: ThreadPoolExecutor | None) -> asyncio.Task[None]:
        return self._keep(self._work_off(ids, pool, partial(self._worker.work, ids)))

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return task

    async def _work_off(
        self,
        ids: Sequence[UUID],
        pool: ThreadPoolExecutor | None,
        work: Callable[[frozenset[Key]], Worked],
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            worked = await loop.run_in_executor(pool, work, frozenset(self._inline()))
        except Exception:
            # The database is away: the leases run out, and the sweep finds these again.
            log.exception("work.failed", conversations=len(ids))
            worked = Worked(done=set(ids))
        asking = worked.asking.keys()
        self._asking.difference_update(ids)
        self._asking |= asking
        self._in_work.difference_update(set(ids) - asking)
        again = self._again.intersection(ids) - asking
        self._again -= again
        self._held -= worked.done - self._ready.keys()
        self._work_on(sorted((worked.more - asking) | again))
        for one in worked.asking.values():
            # Each by itself, as a remote engine is asked: nobody else waits for it.
            self._keep(self._work_off([one.conversation_id], self._actions, partial(self._worker.ask, one)))
        self._answered(worked)
        self._hub.changed(ids)

    async def _sweep(self) -> None:
        """Find what was recorded and not acted on: by a process that died, or whose lease ran out."""
        while True:
            found: list[UUID] = []
            await self._room.wait()
            try:
                found = await in_thread(self._lease)
                self._work_on(found)
            except Exception:
                log.exception("sweep.failed")
            if len(found) < MOST_CONVERSATIONS:
                await asyncio.sleep(SWEEP_SECONDS)

    def _lease(self, among: Collection[UUID] | None = None) -> list[UUID]:
        if among is None:
            with self._database.reading() as session:
                if not lease_waiting(session, None, MOST_CONVERSATIONS, self._now()):
                    return []
        with self._database.writing() as session:
            return lease_waiting(session, self._worker.name, MOST_CONVERSATIONS, self._now(), among)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            held = list(self._held)
            if held:
                try:
                    await in_thread(self._renew_now, held)
                except Exception:
                    log.exception("renewal.failed")

    def _renew_now(self, held: list[UUID]) -> None:
        with self._database.writing() as session:
            renew_leases(session, self._worker.name, held, self._now())

    async def _finish(self) -> None:
        await self._rounds.drain()
        if self._working:
            await asyncio.wait(self._working, timeout=STOP_SECONDS)
        # Whoever still asks a slow engine finds its lease gone and leaves the message to the next one.
        await asyncio.to_thread(self._drop_leases)
        for pool in (self._remote, self._actions):
            pool.shutdown(wait=False, cancel_futures=True)

    def _drop_leases(self) -> None:
        with self._database.writing() as session:
            drop_leases(session, worker=self._worker.name)
