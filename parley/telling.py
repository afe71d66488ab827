"""Answers on their way to the platforms: what became of them is not written down yet."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from crm_store.messages import Address


class Telling:
    """All answers that are on their way from this process."""

    def __init__(self) -> None:
        self._newest: dict[Address, _OnItsWay] = {}

    def to(self, address: Address) -> _OnItsWay:
        """An answer to an address, on its way as long as the block (`with`) lasts."""
        return _OnItsWay(self._newest, address)

    async def is_over(self, address: Address, until: float) -> None:
        """Return when none is on its way there, or at this time of the loop's clock.

        Answers to other requests go first: while one is on its way, nothing else is carried.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                while address in self._newest:
                    await self._newest[address].ends()


class _OnItsWay:
    """One answer. It is waited for once in thousands, so nothing is made for it before."""

    __slots__ = ("_address", "_newest", "_over")

    def __init__(self, newest: dict[Address, _OnItsWay], address: Address) -> None:
        self._newest, self._address = newest, address
        self._over: asyncio.Event | None = None

    def __enter__(self) -> None:
        self._newest[self._address] = self

    def __exit__(self, *_: object) -> None:
        if self._over:
            self._over.set()
        if self._newest.get(self._address) is self:
            del self._newest[self._address]

    async def ends(self) -> None:
        """Return when what became of it is written down."""
        self._over = self._over or asyncio.Event()
        await self._over.wait()
