"""The state of one simulated account, and the news of its changes. The other parts read and write it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bots.simulators.clock import Clock
from bots.simulators.faults import Faults
from bots.simulators.wechat.account import Account
from bots.simulators.wechat.customers import Customer, Customers
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.limits import Limits
from bots.simulators.wechat.log import Called
from bots.simulators.wechat.media import MediaStore
from bots.simulators.wechat.screen import Seen
from bots.simulators.wechat.tickets import Tickets
from bots.simulators.wechat.tokens import Tokens
from bots.simulators.wechat.visits import Visit

CALLS_KEPT = 60

Deliver = Callable[[Customer, Mapping[str, Any], bool], Coroutine[Any, Any, list[Seen]]]


class Changes:
    """A number that grows with each change, and a way to wait for the next."""

    def __init__(self) -> None:
        self.version = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something changed."""
        self.version += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def after(self, version: int) -> int:
        """Wait until the version is another than this one, and tell it."""
        while self.version == version:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            await future
        return self.version


class Platform:
    """Everything the platform knows of one account."""

    deliver: Deliver  # pushes a message to the webhook; quiet: the customer waits for no answer

    def __init__(self, account: Account, clock: Clock) -> None:
        self.account = account
        self.clock = clock
        self.faults = Faults()
        self.changes = Changes()
        self.customers = Customers()
        self.tokens = Tokens()
        self.media = MediaStore()
        self.limits = Limits(account.daily_limits, account.minute_limits)
        self.menu: list[dict[str, Any]] = [dict(button) for button in account.menu]
        self.tickets = Tickets()
        self.tags: dict[int, str] = {}
        self.mass_days: set[str] = set()  # days on which a subscription account has sent
        self.client_ids: dict[str, datetime] = {}  # clientmsgid of mass sends
        self.template_ids: dict[str, int] = {}  # client_msg_id of template messages
        self.calls: deque[Called] = deque(maxlen=CALLS_KEPT)
        self.visits: dict[str, Visit] = {}  # by code
        self.called = 0
        self._next_id = 24_000_000_000_000_000
        self._tasks: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The platform's time."""
        return self.clock.now()

    def new_id(self) -> int:
        """A message id that was never given before."""
        self._next_id += 1
        return self._next_id

    def get_customer(self, openid: Any) -> Customer:
        """The customer; 40003 for an openid that is not of this account."""
        customer = self.customers.find(openid) if isinstance(openid, str) else None
        if customer is None:
            raise ApiError(40003)
        return customer

    def show(self, customer: Customer, seen: Seen) -> Seen:
        """Put something on a customer's screen and tell whoever watches."""
        shown = customer.show(seen, self.now())
        self.changes.notify()
        return shown

    def message(self, customer: Customer, kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A message as it is pushed: the names, the time, the type, then its own fields."""
        return {
            "ToUserName": self.account.original_id,
            "FromUserName": customer.openid,
            "CreateTime": int(self.now().timestamp()),
            "MsgType": kind,
            **fields,
        }

    def log(self, called: Called) -> None:
        """Keep a call for people to look at."""
        self.called += 1
        self.calls.append(replace(called, number=self.called))
        self.changes.notify()

    def report(self, customer: Customer, event: str, fields: Mapping[str, Any]) -> None:
        """Push an event that follows a call, such as a template's fate, after the call was answered."""

        async def push() -> None:
            await self.deliver(customer, self.message(customer, "event", {"Event": event, **fields}), True)

        self.later(push())

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the present call, such as an event that follows an answer."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logging.getLogger(__name__).error("background work failed", exc_info=error)

    async def settled(self) -> None:
        """Wait until all work beside the calls is done."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """Give up the work beside the calls."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
