"""Where a reply stands: may it be sent now, how often still and until when, as the channel's facts say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from crm_store.identities import Identity, window_left
from crm_store.messages import Policy

FEW = 1  # messages left, …
SOON = timedelta(hours=3)  # … or the time left, at which the console warns

Kind = Literal["free", "open", "nearly", "used_up", "closed", "passive", "unreachable"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What the header and the composer say before somebody writes."""

    kind: Kind
    left: int | None = None  # messages; None: any number
    of: int | None = None
    until: datetime | None = None
    hours: int = 0  # until then, whole ones
    minutes: int = 0  # and what is left of them

    @property
    def goes_now(self) -> bool:
        """Whether a reply goes out as soon as it is written."""
        return self.kind in ("free", "open", "nearly")


def standing_of(policy: Policy, identity: Identity | None, now: datetime) -> Standing:
    """Where a reply to this person stands."""
    if identity is not None and not identity.reachable:
        return Standing("unreachable")
    if not policy.push:
        return Standing("passive")
    if not policy.needs_window:
        return Standing("free")
    windows: Mapping[str, Any] = identity.windows if identity else {}
    best = window_left(windows, now)
    if best is None:
        return Standing("closed")
    trigger, left, until = best
    of = windows[trigger].get("of")
    rest = int((until - now).total_seconds() // 60)
    if left == 0:
        kind: Kind = "used_up"
    else:
        kind = "nearly" if (left is not None and left <= FEW) or until - now <= SOON else "open"
    return Standing(kind, left, of, until, rest // 60, rest % 60)
