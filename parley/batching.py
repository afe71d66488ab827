"""Group commit: what waits is taken together and done in one go. Alone, an item waits for nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")
AGAIN_SECONDS = 0.05  # and twice as long each time
LONGEST_PAUSE = 0.4
ENOUGH = 16  # items that are worth a batch beside another one
NOT_LONGER = 0.05  # seconds that fewer wait for the batch in work
MANY = 8  # hasty items in a batch: after so many as many more are about to come
GATHER_SECONDS = 0.002  # so long a batch waits for them
PATIENT_SECONDS = 0.005  # so long what is patient waits for what is not


@dataclass(slots=True)
class _Asked(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]
    until: float  # on the loop's clock: so long it is tried
    patient: bool


class Batcher(Generic[Item, Result]):
    """Runs `work` in a thread on all items that came in while it was running before, in their order.

    `work` returns one result an item. When it raises for a batch, each item is tried by itself, so
    that one bad item fails alone.

    After a batch of many the next one waits a moment for as many: they come in, one after the other, from
    those whose answers have just gone out, and a batch of the first few would keep the rest waiting.

    Several batches may be in work at a time: a further one is begun where it is worth its cost, or where
    the one in work takes long. Items with the same key are never in two of them.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        most: int = 256,
        *,
        done: Callable[[Sequence[Result]], None] | None = None,
        for_all: tuple[type[Exception], ...] = (),
        patience: float = 0.5,
        at_once: int = 1,
        key: Callable[[Item], Hashable] = id,
    ) -> None:
        """`done` is told the results on the event loop, also when nobody waits for them any more.

        An error out of `for_all` concerns whatever is tried: what waits is tried again in its order, an
        item for `patience` seconds at most, and only as long as somebody waits for it. `at_once`: batches
        at a time; `key`: items with the same one stay in their order.
        """
        self._work = work
        self._most = most
        self._done = done
        self._for_all = for_all
        self._patience = patience
        self._waiting: list[_Asked[Item, Result]] = []
        self._at_once = at_once
        self._key = key
        self._running: set[asyncio.Task[None]] = set()
        self._in_work: list[set[Hashable]] = []  # the keys of each batch
        self._overdue: asyncio.TimerHandle | None = None
        self._hasty = 0  # of those that wait
        self._as_many = 0  # hasty ones were in the last batch
        self._gathered: asyncio.TimerHandle | None = None
        self._gather_until = 0.0  # on the loop's clock
        self._hurried: deque[_Asked[Item, Result]] = deque()  # in the order in which their time is over
        self._alarm: asyncio.TimerHandle | None = None  # one for all of them

    def do(self, item: Item, *, hurried: bool = False, patient: bool = False) -> asyncio.Future[Result]:
        """Have the item done; its result to await, or what `work` raised for it.

        `hurried`: TimeoutError when the patience is over, though it may be in work and be done yet.
        `patient`: it goes along with the next batch rather than have one of its own.
        """
        loop = asyncio.get_running_loop()
        asked: _Asked[Item, Result] = _Asked(
            item, loop.create_future(), loop.time() + self._patience, patient
        )
        self._waiting.append(asked)
        self._hasty += not patient
        if hurried:
            self._hurry(asked, loop)
        self._consider(loop)
        return asked.answer

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        while self._waiting or self._running:
            if not self._running:
                self._begin(1)
            await asyncio.wait(self._running)

    def _consider(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a batch where that is worth it now, else see to it that one begins in time."""
        if self._running:
            if self._hasty >= ENOUGH and len(self._running) < self._at_once:
                self._begin(ENOUGH)
            else:
                self._watch()
        elif self._hasty and (self._as_many < MANY or self._hasty >= self._as_many):
            self._begin(1)
        elif self._waiting:
            self._gather(loop, loop.time() + (GATHER_SECONDS if self._hasty else PATIENT_SECONDS))

    def _gather(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        if self._gathered is not None:
            if self._gather_until <= until:
                return
            self._gathered.cancel()
        self._gather_until = until
        self._gathered = loop.call_at(until, self._have_gathered)

    def _have_gathered(self) -> None:
        self._gathered = None
        if self._waiting and not self._running:
            self._begin(1)

    def _begin(self, enough: int) -> None:
        self._running.add(asyncio.create_task(self._run(enough)))

    def _watch(self) -> None:
        """See to it that what waits does not wait long for a batch that takes long."""
        if self._overdue is None and len(self._running) < self._at_once:
            self._overdue = asyncio.get_running_loop().call_later(NOT_LONGER, self._has_waited)

    def _has_waited(self) -> None:
        self._overdue = None
        if self._waiting and 0 < len(self._running) < self._at_once:
            self._begin(1)

    def _hurry(self, asked: _Asked[Item, Result], loop: asyncio.AbstractEventLoop) -> None:
        while self._hurried and self._hurried[0].answer.done():
            self._hurried.popleft()
        self._hurried.append(asked)
        if self._alarm is None:
            self._alarm = loop.call_at(asked.until, self._time_is_over, loop)

    def _time_is_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        while self._hurried and (self._hurried[0].answer.done() or self._hurried[0].until <= loop.time()):
            _fail(self._hurried.popleft().answer, TimeoutError("it takes too long"))
        if self._hurried:
            self._alarm = loop.call_at(self._hurried[0].until, self._time_is_over, loop)

    async def _run(self, enough: int) -> None:
        try:
            await self._work_off(enough)
        finally:
            self._running.discard(cast(asyncio.Task[None], asyncio.current_task()))
            if self._waiting:
                self._consider(asyncio.get_running_loop())

    async def _work_off(self, enough: int) -> None:
        pause = AGAIN_SECONDS
        while batch := self._take(enough):
            keys = {self._key(asked.item) for asked in batch} if self._at_once > 1 else set()
            self._in_work.append(keys)
            try:
                await self._do_together(batch)
                return
            except self._for_all as error:
                self._put_back(batch, error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            finally:
                self._in_work.remove(keys)

    def _take(self, enough: int) -> list[_Asked[Item, Result]]:
        """What may go together now; nothing if that is too little to be worth a batch beside another."""
        if not self._in_work:
            taken, left = self._waiting[: self._most], self._waiting[self._most :]
            return self._taken(taken, left)
        taken, left = [], []
        held = set[Hashable]().union(*self._in_work)
        for asked in self._waiting:
            fits = len(taken) < self._most and self._key(asked.item) not in held
            (taken if fits else left).append(asked)
        if len(taken) < enough:
            return []
        return self._taken(taken, left)

    def _taken(
        self, taken: list[_Asked[Item, Result]], left: list[_Asked[Item, Result]]
    ) -> list[_Asked[Item, Result]]:
        before = self._hasty
        self._leave(left)
        self._as_many = before - self._hasty
        return taken

    def _leave(self, waiting: list[_Asked[Item, Result]]) -> None:
        self._waiting = waiting
        self._hasty = sum(not asked.patient for asked in waiting)

    async def _do_together(self, batch: Sequence[_Asked[Item, Result]]) -> None:
        try:
            results = await asyncio.to_thread(self._work, [asked.item for asked in batch])
        except self._for_all:
            raise
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the items)
            if len(batch) == 1:
                _fail(batch[0].answer, error)
                return
            for asked in batch:
                await self._do_together([asked])
            return
        if self._done:
            self._done(results)
        for asked, result in zip(batch, results, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(result)

    def _put_back(self, batch: Sequence[_Asked[Item, Result]], error: Exception) -> None:
        """Those that nothing became of yet go first the next time, unless their time is over."""
        now = asyncio.get_running_loop().time()
        for asked in batch:
            if asked.until <= now:
                _fail(asked.answer, error)
        self._leave([*(asked for asked in batch if not asked.answer.done()), *self._waiting])


def _fail(answer: asyncio.Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
