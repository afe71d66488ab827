"""Rounds: what waits to be written is written together, in one transaction.

What came in is recorded and, where the embedded engine has understood it and nothing else waits before
it, has its turn at once; with it goes what became of answers. Alone, nothing waits for anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter

import structlog
from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from crm_store import sending
from crm_store.db import Database
from crm_store.messages import Address, Incoming, Understanding, clean
from crm_store.recording import Recorded, Recording, take_in
from crm_store.sending import Outcome
from parley.batching import Batcher
from parley.waiting import Key
from parley.worked import Worked
from parley.workers import Worker, where_of

AT_ONCE = 2  # rounds on PostgreSQL
HOLD_SECONDS = 4.5  # so long a message waits for a database that is away

log = structlog.get_logger()

Gone = Callable[[Session, Collection[Address], datetime], None]


@dataclass(slots=True)
class Arrival:
    """What came in. `inline`: a request of the platform is open that can carry the answer."""

    incoming: Incoming
    inline: bool = False


class Rounds:
    """The one way in which what happens often is written."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        now: Callable[[], datetime],
        gone: Gone | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        """`gone` is told, in the same transaction, who has left us. `at_once`: rounds."""
        self._database = database
        self._worker = worker
        self._now = now
        self._gone = gone
        # SQLite has one writer at a time. On PostgreSQL one round thinks while another one waits for the
        # server; an address is never in both, so what comes from it is written in its order.
        self._batcher: Batcher[Arrival | Outcome, Recorded | None] = Batcher(
            self._write,
            for_all=(OperationalError,),
            patience=HOLD_SECONDS,
            at_once=1 if database.is_sqlite else at_once,
            key=_address_of,
        )
        # Told after each commit, on the event loop, before those who wait for it.
        self.written: Callable[[Sequence[Recorded], Worked], None] = lambda _recorded, _worked: None
        # Of so many new messages, how many have their turn here; the others are left to whoever has room.
        self.room: Callable[[int], int] = lambda count: count
        self._loop: asyncio.AbstractEventLoop | None = None

    async def record(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Write messages down, in their order; on disk when this returns. Repeats are told.

        TimeoutError when the database is there and says nothing.
        """
        self._loop = asyncio.get_running_loop()
        if len(arrivals) == 1:  # As nearly always, and gathering costs as much as all the rest here.
            results = [await self._batcher.do(arrivals[0], hurried=True)]
        else:
            results = await asyncio.gather(*(self._batcher.do(one, hurried=True) for one in arrivals))
        return [one for one in results if one is not None]

    def finish(self, outcome: Outcome) -> Awaitable[object]:
        """Write down what became of a row that was being sent; it is when that was awaited."""
        # What an open request has carried keeps nobody waiting; what was sent by itself keeps its place.
        return self._batcher.do(outcome, patient=outcome.inline)

    async def drain(self) -> None:
        """Return when nothing waits to be written."""
        await self._batcher.drain()

    def _write(self, batch: Sequence[Arrival | Outcome]) -> list[Recorded | None]:
        arrivals = [one for one in batch if isinstance(one, Arrival)]
        outcomes = [one for one in batch if isinstance(one, Outcome)]
        here = self.room(len(arrivals))
        results = self._write_part(arrivals[:here], outcomes)
        if arrivals[here:]:
            results += self._write_part(arrivals[here:], (), left=True)
        found = iter(results)
        return [next(found) if isinstance(one, Arrival) else None for one in batch]

    def _write_part(
        self, arrivals: Sequence[Arrival], outcomes: Sequence[Outcome], *, left: bool = False
    ) -> list[Recorded | None]:
        """One transaction; `left`: the turns are left to others."""
        try:
            recording, worked = self._commit(arrivals, outcomes, leased=not left, turns=not left)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the words are kept first)
            # Who is at fault is found when it has its turn; there, what the error says is kept, too.
            log.warning(
                "round.repeated", messages=len(arrivals), error=type(error).__name__, at=where_of(error)
            )
            recording, worked = self._commit(arrivals, outcomes, leased=not left, turns=False)
        recorded = [one for one in recording.results if one is not None]
        if self._loop is not None and arrivals:
            self._loop.call_soon_threadsafe(self.written, recorded, worked)
        return recording.results

    def _commit(
        self, arrivals: Sequence[Arrival], outcomes: Sequence[Outcome], *, leased: bool, turns: bool
    ) -> tuple[Recording, Worked]:
        now, worked, began = self._now(), Worked(), perf_counter()
        incoming = [one.incoming for one in arrivals]
        inline = {(one.incoming.address, clean(one.incoming.key)) for one in arrivals if one.inline}
        think = _Thinking(self._worker, incoming if turns else ())
        if self._database.is_sqlite:
            think()  # Whoever else writes would wait for it; on PostgreSQL the server looks meanwhile.
        with self._database.writing() as session:
            worker, used = self._worker.name if leased else None, sending.used_by(outcomes)
            recording = take_in(session, incoming, worker, now, used, meanwhile=think)
            # Before the turns: PostgreSQL does it meanwhile.
            others = sending.accept(session, outcomes)
            if think.understood and recording.fresh:
                worked = self._worker.answer(session, recording, think.understood, inline, now)
            recording.write(session)
            gone = {one.address for one in incoming if one.reachable is False}
            if gone and self._gone:
                self._gone(session, gone, now)
            sending.finish_others(session, others, now)
        if worked.done:
            acted = perf_counter() - began - think.seconds
            self._worker.metrics.worked_at_once(worked.turns, think.seconds, acted)
        return recording, worked


class _Thinking:
    """What messages mean, thought out when it is called first."""

    def __init__(self, worker: Worker, incoming: Sequence[Incoming]) -> None:
        self._worker, self._incoming = worker, incoming
        self.understood: dict[Key, Understanding] = {}
        self.seconds = 0.0  # that it took

    def __call__(self) -> None:
        began, incoming, self._incoming = perf_counter(), self._incoming, ()
        if incoming:
            self.understood = self._worker.understand(incoming)
            self.seconds = perf_counter() - began


def _address_of(item: Arrival | Outcome) -> Address:
    return item.incoming.address if isinstance(item, Arrival) else item.address
