"""Visits to the shop's own pages by people who were signed in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from bots.simulators.wechat.customers import Customer


@dataclass(slots=True)
class Visit:
    """One sign-in. A snapshot visitor has looked in without consent: their account stands for nobody."""

    customer: Customer
    scope: str
    ends_at: datetime
    snapshot: bool
    used: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(80))
