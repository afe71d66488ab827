"""The QR codes that an account has made."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Ticket:
    """One QR code."""

    ticket: str
    scene: str
    url: str
    ends_at: datetime | None  # None: it lasts for ever

    def works(self, now: datetime) -> bool:
        """Whether a scan still leads to the account."""
        return self.ends_at is None or now < self.ends_at


class Tickets:
    """All codes by their ticket."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def issue(self, scene: str, now: datetime, seconds: int | None) -> Ticket:
        """A new code for a scene; seconds=None: it lasts for ever."""
        ends_at = None if seconds is None else now + timedelta(seconds=seconds)
        url = f"http://weixin.qq.com/q/{secrets.token_urlsafe(15)}"
        ticket = Ticket("gQ" + secrets.token_urlsafe(66), scene, url, ends_at)
        self._tickets[ticket.ticket] = ticket
        return ticket

    def find(self, name: str) -> Ticket | None:
        """The code with this ticket, or the newest for this scene."""
        by_scene = [ticket for ticket in self._tickets.values() if ticket.scene == name]
        return self._tickets.get(name) or (by_scene[-1] if by_scene else None)

    def permanent(self) -> int:
        """How many last for ever."""
        return sum(ticket.ends_at is None for ticket in self._tickets.values())

    def all(self) -> list[Ticket]:
        """All codes, oldest first."""
        return list(self._tickets.values())
