"""One process among others on the same database: what they tell each other over Redis.

Work that one has no room for, answers for requests that another holds open, and what open pages show.
All of it may be lost: then the database is asked. See docs/decisions/0014.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from bots.base import LiveEvent
from crm_store.live import Live
from crm_store.messages import Address, Policy
from parley.lines import line_from, line_to
from parley.live import LOOK, Hub
from parley.pipeline import Pipeline
from parley.rate import Buckets, Rate
from parley.waiting import Key

GATHER_SECONDS = 0.02  # changes are told together
LOOK_SECONDS = 1.0  # between two looks of open pages while nobody can be heard
PAUSE_SECONDS = 0.002  # between two pages that look
MOST_CHANGED = 500  # more are told as too many
ANSWERED, CHANGED, ENTRIES, MISSED, AT = "answered", "changed", "entries", "missed", "at:"

log = structlog.get_logger()


class Together:
    """Tells the others, and passes on what they tell."""

    def __init__(
        self,
        url: str,
        hub: Hub,
        paged: Collection[str],
        answered: Callable[[Key], None],
        entries_changed: Callable[[], None],
    ) -> None:
        """`paged`: the channels whose customers have a page of ours open, on which lines appear."""
        self._live = Live(url)
        self._hub = hub
        self._paged = frozenset(paged)
        self._answered = answered  # told which open request may be answered out of the outbox now
        self._entries_changed = entries_changed
        self._changed: set[UUID] = set()
        self._missed = False  # something may have been told while we did not hear

    @property
    def reachable(self) -> bool:
        """Whether the others can be told anything."""
        return self._live.reachable

    async def run(self, house: str, pipeline: Pipeline) -> None:
        """Until cancelled; `house` is the same for all processes on a database, and for no others."""
        async with asyncio.TaskGroup() as group:
            for topic in (ANSWERED, ENTRIES, MISSED):
                await self._live.listen(topic)
            group.create_task(self._live.run(house, self._hear, self._turned))
            group.create_task(self._take_over(pipeline))
            group.create_task(self._look())

    def hand_over(self, ids: Collection[UUID]) -> None:
        """Messages wait in these conversations, and nobody here works on them."""
        self._live.hand_over([str(one) for one in ids])

    def answered(self, keys: Collection[Key]) -> None:
        """Messages were worked off here; whoever holds their requests finds the answers in the outbox."""
        if keys:
            told = [[str(address), key] for address, key in keys]
            self._live.tell(ANSWERED, json.dumps(told))

    def entries_changed(self) -> None:
        """FAQ entries were changed here."""
        self._live.tell(ENTRIES, "")

    def tell(self, address: Address, event: LiveEvent) -> None:
        """Something happens on an address."""
        if event.line is None or address.channel in self._paged:
            told = {
                "name": event.name,
                "data": dict(event.data),
                "line": event.line and line_to(event.line),
            }
            self._live.tell(_topic(address), json.dumps(told))

    def changed(self, ids: Collection[UUID]) -> None:
        """Something in these conversations is new."""
        if not self.reachable:
            return
        if not self._changed:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._tell_changed)
        self._changed.update(ids)

    async def follow(self, address: Address) -> None:
        """Hear what happens on an address in other processes."""
        await self._live.listen(_topic(address))

    async def leave(self, address: Address) -> None:
        """Nobody here follows it any more."""
        await self._live.leave(_topic(address))

    async def follow_changes(self) -> None:
        """Hear which conversations change in other processes."""
        await self._live.listen(CHANGED)

    async def leave_changes(self) -> None:
        """Nobody here follows them any more."""
        await self._live.leave(CHANGED)

    def rate(self, channel: str, policy: Policy) -> Rate:
        """The rate of a channel, shared by all processes."""
        return Shared(self._live, channel, policy) if policy.per_second else Buckets(policy)

    def _tell_changed(self) -> None:
        ids, self._changed = self._changed, set()
        self._live.tell(CHANGED, ",".join(map(str, ids)) if len(ids) <= MOST_CHANGED else "")

    def _hear(self, topic: str, text: str) -> None:
        try:
            self._pass_on(topic, text)
        except (KeyError, TypeError, ValueError) as error:  # told by another version
            log.warning("news.unreadable", topic=topic.partition(":")[0], error=type(error).__name__)

    def _pass_on(self, topic: str, text: str) -> None:
        if topic == ANSWERED:
            for address, key in json.loads(text):
                self._answered((Address.parse(address), key))
        elif topic == CHANGED:
            self._hub.hear_changed([UUID(one) for one in text.split(",")] if text else ())
        elif topic == ENTRIES:
            self._entries_changed()
        elif topic == MISSED:
            self._missed = True
        else:
            told = json.loads(text)
            line = line_from(told["line"]) if told["line"] else None
            self._hub.hear(
                Address.parse(topic.removeprefix(AT)), LiveEvent(told["name"], line, told["data"])
            )

    def _turned(self, reachable: bool) -> None:
        if reachable:  # What we did not hear, others did not hear of us.
            self._missed = True
            self._live.tell(MISSED, "")

    async def _take_over(self, pipeline: Pipeline) -> None:
        """Take work that others have left whenever there is room for it."""
        while True:
            taken = await self._live.take(await pipeline.room())
            if not pipeline.has_room:  # It has got busy while it waited.
                self._live.hand_over(taken)
                continue
            try:
                await pipeline.take_over([UUID(one) for one in taken])
            except Exception:
                log.exception("work.not_taken", conversations=len(taken))  # A sweep finds it.

    async def _look(self) -> None:
        """While others cannot be heard, and once when they can again, open pages look for what is new."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.reachable and not self._missed:
                continue
            self._missed = False
            self._hub.hear_changed(())
            for address in self._hub.followed():
                self._hub.hear(address, LOOK)
                await asyncio.sleep(PAUSE_SECONDS)


class Shared:
    """A channel's rate over all processes; while Redis is away, this process's share of it."""

    def __init__(self, live: Live, channel: str, policy: Policy) -> None:
        self._live = live
        self._channel = channel
        self._policy = policy
        self._sharing = 2  # nobody has one process and a Redis
        self._own: Buckets | None = None

    async def reserve(self, wanted: int, pushes: int) -> tuple[int, int]:
        """See `Rate`."""
        told = await self._live.reserve(self._channel, self._policy.per_second, wanted)
        if told is None:
            self._own = self._own or Buckets(self._policy, sharing=self._sharing)
            return await self._own.reserve(wanted, pushes)
        going, had, self._sharing = told
        self._own = None
        return going, min(pushes, going, Buckets.spare(self._policy, had))

    async def give_back(self, count: int) -> None:
        """See `Rate`."""
        if self._own is not None:
            await self._own.give_back(count)
        elif count:
            await self._live.reserve(self._channel, self._policy.per_second, -count)


def _topic(address: Address) -> str:
    return f"{AT}{address}"
