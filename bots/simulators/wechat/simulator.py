"""A local WeChat: one official account with its platform, strict as the real one, and a page for customers.

It pushes to a webhook, answers the platform's interfaces under `/cgi-bin/`, and shows what customers see.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import aiohttp
from starlette.applications import Starlette

from bots.simulators.clock import Clock

# Each of these declares interfaces of the platform.
from bots.simulators.wechat import access, mass, messages, oauth, qr, templates, users
from bots.simulators.wechat.account import Account
from bots.simulators.wechat.deeds import Deeds
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.push import Pusher
from bots.simulators.wechat.site import Site

PARTS = (access, mass, messages, oauth, qr, templates, users)
PEOPLE = ("林晓雨", "Anna Keller", "김민준")


class WeChatSimulator(Deeds):
    """One account and its platform. `app` is the ASGI application; deeds of customers are methods.

    Without `http` the application opens a client of its own while it runs.
    """

    def __init__(
        self, account: Account, clock: Clock | None = None, http: aiohttp.ClientSession | None = None
    ) -> None:
        platform = Platform(account, clock or Clock())
        pusher = Pusher(platform)
        pusher.http = http
        platform.deliver = pusher.push
        super().__init__(platform, pusher)
        self.app = Starlette(routes=Site(self).routes(), lifespan=self._running)

    @property
    def clock(self) -> Clock:
        """The platform's clock, to be moved."""
        return self.platform.clock

    async def settled(self) -> None:
        """Wait until everything that follows a call (reports of templates, of mass sends) is delivered."""
        await self.platform.settled()

    @asynccontextmanager
    async def _running(self, app: Starlette) -> AsyncIterator[None]:
        if self.pusher.http is not None:
            yield
            await self.platform.stop()
            return
        async with aiohttp.ClientSession() as http:
            self.pusher.http = http
            yield
            await self.platform.stop()
            self.pusher.http = None


def build(options: Mapping[str, Any]) -> Starlette:
    """The application of `parley simulate`: fields of `Account`, with three people at hand.

    `webhook`, `app_id`, `secret` and `token` are needed; with an `aes_key` pushes are in safe mode unless
    `mode` says otherwise. ValueError for an option that does not exist.
    """
    known = {field.name for field in fields(Account)}
    if unknown := sorted(set(options) - known):
        raise ValueError(f"expected options out of {', '.join(sorted(known))}, got {', '.join(unknown)}")
    given = {"mode": "safe" if options.get("aes_key") else "plain"} | dict(options)
    simulator = WeChatSimulator(Account(**given))
    for name in PEOPLE:
        simulator.platform.customers.add(name)
    return simulator.app
