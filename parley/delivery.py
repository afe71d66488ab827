"""The way out: what stands in the outbox is sent, by one function for bot, agent and campaign.

Each channel has its own loop: a few rows in flight, one per address at a time, in their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from time import perf_counter

import structlog
from sqlalchemy.exc import OperationalError

from bots.base import Channel, LiveEvent
from crm_store import sending
from crm_store.db import Database
from crm_store.history import PUSHES
from crm_store.messages import Policy, Sent
from crm_store.outbox import Outgoing
from crm_store.send_rules import Rules
from crm_store.sending import OpenRequest, Outcome
from parley.batching import Batcher
from parley.lines import line_out
from parley.live import Hub
from parley.metrics import Metrics
from parley.rate import Buckets, Rate
from parley.rounds import Rounds
from parley.threads import in_thread

IN_FLIGHT = 2  # answers of one channel: so many at most are unknown after a kill
PUSHES_IN_FLIGHT = 6  # beside them: a platform that hangs on pushes keeps no answer waiting
SEND_SECONDS = 10.0
IDLE_SECONDS = 0.5  # rows that are due later, or were queued by another process
NO_ANSWER = "the platform did not answer in time"
CHANNEL_FAILED = "the channel failed; the log has the details"
REASONS = (NO_ANSWER, CHANNEL_FAILED)
LONGEST_RETRY_SECONDS = 2.0  # between tries to write an outcome down

Flying = dict[asyncio.Task[None], int]  # what is being sent, with the lane of each

log = structlog.get_logger()


class Delivery:
    """Sends what is due and writes down what became of it."""

    def __init__(
        self,
        database: Database,
        channels: Sequence[Channel],
        rounds: Rounds,
        hub: Hub,
        now: Callable[[], datetime],
        rules: Rules = sending.NO_RULES,
        metrics: Metrics | None = None,
    ) -> None:
        self.rate: Callable[[str, Policy], Rate] = lambda _, policy: Buckets(policy)
        self._metrics = metrics or Metrics()
        self._database = database
        self._rules = rules
        self._channels = {channel.name: channel for channel in channels}
        self._hub = hub
        self._now = now
        self._wakes = {name: asyncio.Event() for name in self._channels}
        self._rounds = rounds
        self._inliner: Batcher[OpenRequest, list[Outgoing]] = Batcher(
            self._start_inline, most=64, for_all=(OperationalError,)
        )

    def wake(self, channel: str) -> None:
        """There may be something due on this channel."""
        if channel in self._wakes:
            self._wakes[channel].set()

    async def run(self) -> None:
        """Deliver until cancelled; what is in flight is finished."""
        async with asyncio.TaskGroup() as group:
            for channel in self._channels.values():
                group.create_task(self._serve(channel))
            group.create_task(self._watch_lost())

    async def take_inline(self, request: OpenRequest) -> list[Outgoing]:
        """Rows for the answer to an open request; they are being sent from now on."""
        return await self._inliner.do(request)

    def finish_inline(self, rows: Sequence[Outgoing], sent: Sent) -> Awaitable[object]:
        """What became of rows that an answer carried; it is written down when that was awaited."""
        finished = [self._finished(row, sent, inline=True) for row in rows]
        return finished[0] if len(finished) == 1 else asyncio.gather(*finished)

    async def put_back(self, rows: Sequence[Outgoing]) -> None:
        """Rows that no request carries after all go out by themselves."""
        if rows:
            await _insist(partial(asyncio.to_thread, self._put_back, rows), "rows.held", rows)
        for channel in {row.address.channel for row in rows}:
            self.wake(channel)

    async def _serve(self, channel: Channel) -> None:
        """One channel's loop."""
        flying: Flying = {}
        wake, rate = self._wakes[channel.name], self.rate(channel.name, channel.policy)
        try:
            while True:
                wake.clear()
                looked = await self._start(channel, flying, rate)
                if not looked:
                    await _pause(wake, IDLE_SECONDS)
        finally:
            if flying:
                await asyncio.wait(flying, timeout=SEND_SECONDS + 1)

    async def _start(self, channel: Channel, flying: Flying, rate: Rate) -> int:
        pushing = sum(lane == PUSHES for lane in flying.values())
        answers, pushes = IN_FLIGHT - (len(flying) - pushing), PUSHES_IN_FLIGHT - pushing
        if answers + pushes <= 0:
            return 0
        room, pushes = await rate.reserve(answers + pushes, pushes)
        if room <= 0:
            return 0
        rows, looked = list[Outgoing](), 0
        try:
            rows, looked = await self._take(channel, room, answers, pushes)
        except Exception:
            log.exception("outbox.unreadable", channel=channel.name)
        await rate.give_back(room - len(rows))
        for row in rows:
            task = asyncio.create_task(self._deliver(channel, row))
            flying[task] = row.lane
            task.add_done_callback(flying.pop)
            task.add_done_callback(lambda _: self.wake(channel.name))
        return looked

    async def _take(
        self, channel: Channel, room: int, answers: int, pushes: int
    ) -> tuple[list[Outgoing], int]:
        taking = asyncio.create_task(asyncio.to_thread(self._start_sending, channel, room, answers, pushes))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            # The thread goes on, and nobody would send what it takes.
            (found,) = await asyncio.gather(taking, return_exceptions=True)
            if not isinstance(found, BaseException):
                await self.put_back(found[0])
            raise

    async def _deliver(self, channel: Channel, row: Outgoing) -> None:
        """One send. A channel's fault fails this row only."""
        began = perf_counter()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent = await channel.send(row.address, row.content)
        except TimeoutError:
            sent = Sent("unknown", reason=NO_ANSWER)
        except Exception:
            log.exception("send.failed", channel=channel.name, message=str(row.id))
            sent = Sent("failed", reason=CHANNEL_FAILED)
        self._metrics.delivered(perf_counter() - began)
        await self._finished(row, sent)

    async def _finished(self, row: Outgoing, sent: Sent, *, inline: bool = False) -> None:
        """Tell the open pages, and write the outcome down."""
        arrived = sent.status in ("accepted", "delivered", "read", "unknown")
        if arrived and self._hub.is_followed(row.address):
            self._hub.publish(row.address, LiveEvent("line", line_out(row)))
        self._metrics.became(row.address.channel, sent)
        _tell(row, sent)
        outcome = Outcome(row.id, row.address, sent, inline, row.seq)
        await _insist(partial(self._rounds.finish, outcome), "outcome.unwritten", [row])
        self._hub.changed([row.conversation_id])

    async def _watch_lost(self) -> None:
        while True:
            try:
                lost = await in_thread(self._give_up_lost)
                if lost:
                    log.warning("replies.unknown", count=lost)
            except Exception:
                log.exception("outbox.unreadable")
            await asyncio.sleep(sending.LOST_AFTER.total_seconds() / 2)

    def _start_sending(
        self, channel: Channel, room: int, answers: int, pushes: int
    ) -> tuple[list[Outgoing], int]:
        now = self._now()
        with self._database.reading() as session:
            if not sending.is_due(session, channel.name, now):
                return [], 0
        with self._database.writing() as session:
            return sending.start_sending(
                session,
                channel.name,
                channel.policy,
                room,
                now,
                rules=self._rules,
                answers=answers,
                pushes=pushes,
                takes=channel.takes,
                skipped=partial(self._metrics.skipped, channel.name),
            )

    def _start_inline(self, batch: Sequence[OpenRequest]) -> list[list[Outgoing]]:
        with self._database.writing() as session:
            return sending.start_inline(session, batch, self._now())

    def _put_back(self, rows: Sequence[Outgoing]) -> None:
        with self._database.writing() as session:
            sending.put_back(session, rows, self._now())

    def _give_up_lost(self) -> int:
        with self._database.writing() as session:
            return sending.give_up_lost(session, self._now())


def _tell(row: Outgoing, sent: Sent) -> None:
    # What went well is told one by one only to who asks for it: it is the most frequent of all lines.
    level = logging.DEBUG if sent.status == "accepted" else logging.INFO
    if log.is_enabled_for(level):
        event = "reply." + ("delayed" if sent.status == "queued" else sent.status)
        log.log(level, event, message=str(row.id), channel=row.address.channel, code=sent.code)


async def _insist(do: Callable[[], Awaitable[object]], event: str, rows: Sequence[Outgoing]) -> None:
    """Write something down, however long the database is away: a row must not become a lie."""
    pause = 0.1
    while True:
        try:
            await do()
        except Exception:
            log.exception(event, messages=[str(row.id) for row in rows])
        else:
            return
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_RETRY_SECONDS)


async def _pause(wake: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await wake.wait()
    except TimeoutError:
        return
