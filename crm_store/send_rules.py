"""Send rules: may this row be sent now? One verdict for bot, agent and campaign, with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm_store.identities import window_left
from crm_store.messages import Policy


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict depends on."""

    sender: str  # "bot", "agent", "campaign"
    written_under: int  # the conversation's version when the row was written
    version: int  # the conversation's version now
    floor: str
    policy: Policy
    reachable: bool = True
    windows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It cannot be sent by ourselves; it goes with the answer to the customer's next message."""

    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """It must not be sent any more."""

    why: str


def verdict(facts: Facts, now: datetime) -> Send | Wait | Skip:
    """Floor, reachability, then the channel's window and quota, in this order."""
    if facts.sender == "bot" and facts.floor not in ("bot", "waiting"):
        return Skip("an agent has the floor" if facts.floor == "agent" else "the conversation is closed")
    if facts.sender == "bot" and facts.written_under != facts.version:
        return Skip("the floor has changed since it was written")
    if not facts.reachable:
        return Skip("the customer has left or blocked us")
    if not facts.policy.push:
        return Wait("this account may only answer: it goes out with the customer's next message")
    if facts.policy.needs_window:
        return _window(facts, now)
    return Send()


def _window(facts: Facts, now: datetime) -> Send | Skip:
    best = window_left(facts.windows, now)
    if best is None:
        return Skip("the channel's window is closed: the customer has to write first")
    if best[1] == 0:
        return Skip("the messages this window allows are used up: the customer has to write first")
    return Send()
