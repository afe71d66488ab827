"""What can be asked of the simulator at `/simulator/{act}`: deeds of customers and switches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bots.simulators.wechat.deeds import Deeds
from bots.simulators.wechat.screen import Seen
from bots.simulators.wechat.templates import OUTCOMES
from crm_store.messages import ParleyError, clean

Body = Mapping[str, Any]
Act = Callable[[Deeds, Body], "Awaitable[list[Seen] | None]"]


class Wrong(ParleyError):
    """A request to `/simulator/…` that does not say what is needed."""


def _string(body: Body, name: str, default: str | None = None) -> str:
    value = body.get(name, default)
    if not isinstance(value, str):
        raise Wrong(f"{name}: expected a string")
    return value


def _number(body: Body, name: str, default: float | None = None) -> float:
    value = body.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Wrong(f"{name}: expected a number")
    return value


async def _image(deeds: Deeds, body: Body) -> list[Seen]:
    try:
        data = base64.b64decode(_string(body, "data", ""), validate=True)
    except binascii.Error as error:
        raise Wrong("data: expected base64") from error
    return await deeds.image(_string(body, "openid"), data, _string(body, "content_type", "image/png"))


async def _clock(deeds: Deeds, body: Body) -> None:
    deeds.platform.clock.advance(_number(body, "seconds"))
    deeds.platform.changes.notify()


async def _customer(deeds: Deeds, body: Body) -> None:
    deeds.platform.customers.add(clean(_string(body, "name"))[:40], _string(body, "openid", ""))
    deeds.platform.changes.notify()


async def _templates(deeds: Deeds, body: Body) -> None:
    outcome = _string(body, "outcome")
    if outcome not in OUTCOMES:
        raise Wrong(f"outcome: expected one of {', '.join(OUTCOMES)}")
    deeds.customer(_string(body, "openid")).templates = outcome
    deeds.platform.changes.notify()


async def _configure(deeds: Deeds, body: Body) -> None:
    asked = {name: _string(body, name) for name in ("mode", "format", "kind") if name in body}
    deeds.configure(**asked)


async def _fault(deeds: Deeds, body: Body) -> None:
    deeds.script_fault(_string(body, "kind"), _string(body, "match"), int(_number(body, "times", 1)))


async def _clear_faults(deeds: Deeds, body: Body) -> None:
    deeds.platform.faults.clear()
    deeds.platform.changes.notify()


async def _ticket(deeds: Deeds, body: Body) -> None:
    deeds.platform.tickets.issue(clean(_string(body, "scene"))[:64], deeds.platform.now(), None)
    deeds.platform.changes.notify()


async def _revoke(deeds: Deeds, body: Body) -> None:
    deeds.platform.tokens.revoke()
    deeds.platform.changes.notify()


async def _verify(deeds: Deeds, body: Body) -> None:
    await deeds.pusher.verify()


ACTS: Mapping[str, Act] = {
    "say": lambda d, b: d.say(_string(b, "openid"), _string(b, "text"), _string(b, "menu_id", "")),
    "press": lambda d, b: d.press(_string(b, "openid"), _string(b, "title")),
    "follow": lambda d, b: d.follow(_string(b, "openid"), _string(b, "scene", "")),
    "unfollow": lambda d, b: d.unfollow(_string(b, "openid")),
    "click": lambda d, b: d.click(_string(b, "openid"), _string(b, "key")),
    "view": lambda d, b: d.view(_string(b, "openid"), _string(b, "url")),
    "scan": lambda d, b: d.scan(_string(b, "openid"), _string(b, "ticket")),
    "image": _image,
    "voice": lambda d, b: d.voice(_string(b, "openid"), _string(b, "recognition", "")),
    "location": lambda d, b: d.location(
        _string(b, "openid"),
        _number(b, "latitude", 31.2304),
        _number(b, "longitude", 121.4737),
        _string(b, "label", "上海市黄浦区"),
    ),
    "customer": _customer,
    "templates": _templates,
    "configure": _configure,
    "clock": _clock,
    "fault": _fault,
    "clear-faults": _clear_faults,
    "ticket": _ticket,
    "revoke-tokens": _revoke,
    "verify": _verify,
}
