"""Group commit: what waits is taken together and done in one go. Alone, an item waits for nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AGAIN_SECONDS = 0.05  # and twice as long each time
LONGEST_PAUSE = 0.4


@dataclass(slots=True)
class _Asked(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]
    until: float  # on the loop's clock: so long it is tried


class Batcher(Generic[Item, Result]):
    """Runs `work` in a thread on all items that came in while it was running before, in their order.

    `work` returns one result an item. When it raises for a batch, each item is tried by itself, so
    that one bad item fails alone.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        most: int = 256,
        *,
        done: Callable[[Sequence[Result]], None] | None = None,
        for_all: tuple[type[Exception], ...] = (),
        patience: float = 0.5,
    ) -> None:
        """`done` is told the results on the event loop, also when nobody waits for them any more.

        An error out of `for_all` concerns whatever is tried: what waits is tried again in its order, an
        item for `patience` seconds at most, and only as long as somebody waits for it.
        """
        self._work = work
        self._most = most
        self._done = done
        self._for_all = for_all
        self._patience = patience
        self._waiting: list[_Asked[Item, Result]] = []
        self._running: asyncio.Task[None] | None = None
        self._hurried: deque[_Asked[Item, Result]] = deque()  # in the order in which their time is over
        self._alarm: asyncio.TimerHandle | None = None  # one for all of them

    async def do(self, item: Item, *, hurried: bool = False) -> Result:
        """Have the item done; its result, or what `work` raised for it.

        `hurried`: TimeoutError when the patience is over, though it may be in work and be done yet.
        """
        loop = asyncio.get_running_loop()
        asked: _Asked[Item, Result] = _Asked(item, loop.create_future(), loop.time() + self._patience)
        self._waiting.append(asked)
        if hurried:
            self._hurry(asked, loop)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asked.answer

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        while self._running is not None:
            await asyncio.shield(self._running)

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

    async def _run(self) -> None:
        pause = AGAIN_SECONDS
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                try:
                    await self._do_together(batch)
                    pause = AGAIN_SECONDS
                except self._for_all as error:
                    self._put_back(batch, error)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._running = None

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
        self._waiting[:0] = [asked for asked in batch if not asked.answer.done()]


def _fail(answer: asyncio.Future[Result], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
