"""Group commit: what waits is taken together and done in one go. Alone, an item waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
_AGAIN_SECONDS = 0.05


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
    ) -> None:
        """`done` is told the results on the event loop, also when nobody waits for them any more.

        An error out of `for_all` concerns the batch as a whole: it is tried once more, as a whole.
        """
        self._work = work
        self._most = most
        self._done = done
        self._for_all = for_all
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Have the item done; its result, or what `work` raised for it."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def drain(self) -> None:
        """Return when nothing waits any more."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._do_together(batch)
        finally:
            self._running = None

    async def _do_together(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._try([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001  (handed to whoever waits for the items)
            if len(batch) == 1 or isinstance(error, self._for_all):
                for _, future in batch:
                    _fail(future, error)
                return
            for pair in batch:
                await self._do_together([pair])
            return
        if self._done:
            self._done(results)
        for (_, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _try(self, items: list[Item]) -> Sequence[Result]:
        try:
            return await asyncio.to_thread(self._work, items)
        except self._for_all:
            await asyncio.sleep(_AGAIN_SECONDS)
            return await asyncio.to_thread(self._work, items)


def _fail(future: asyncio.Future[Result], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
