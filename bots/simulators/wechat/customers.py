"""The people who use the simulated account."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from bots.simulators.wechat.quota import Allowance
from bots.simulators.wechat.screen import Seen

KEPT = 500  # lines of a screen that are kept


@dataclass(slots=True)
class Customer:
    """One person: openid, whether they follow, what they see, what may still be written to them."""

    openid: str
    name: str
    unionid: str
    following: bool = False
    followed_at: datetime | None = None
    scene: str = ""
    by_scan: bool = False
    remark: str = ""
    language: str = "zh_CN"
    tags: set[int] = field(default_factory=set)
    templates: str = "success"  # what becomes of template messages, in the platform's words
    allowance: Allowance = field(default_factory=Allowance)
    mass_received: Counter[str] = field(default_factory=Counter)  # by calendar month
    typing_until: datetime | None = None  # the account "is typing"
    location: tuple[float, float] | None = None
    screen: list[Seen] = field(default_factory=list)
    shown: int = 0

    def show(self, seen: Seen, now: datetime) -> Seen:
        """Put one more thing on the screen."""
        self.shown += 1
        seen = replace(seen, at=now, seq=self.shown)
        self.screen.append(seen)
        del self.screen[:-KEPT]
        if seen.by == "account":
            self.typing_until = None
        return seen

    def follow(self, now: datetime, scene: str = "", by_scan: bool = False) -> None:
        """Begin to follow the account."""
        self.following, self.followed_at, self.scene, self.by_scan = True, now, scene, by_scan

    def leave(self) -> None:
        """Stop following: every allowance is gone."""
        self.following = False
        self.tags.clear()
        self.allowance.close()


class Customers:
    """All customers by openid."""

    def __init__(self) -> None:
        self._by_openid: dict[str, Customer] = {}

    def add(self, name: str, openid: str = "") -> Customer:
        """A new customer, who does not follow yet. An openid has 28 characters if none is given."""
        openid = openid or "o" + secrets.token_urlsafe(24)[:27]
        customer = Customer(openid, name, unionid="u" + secrets.token_urlsafe(24)[:28])
        self._by_openid[openid] = customer
        return customer

    def find(self, openid: str) -> Customer | None:
        """The customer, or None."""
        return self._by_openid.get(openid)

    def all(self) -> list[Customer]:
        """Everybody, in order of coming."""
        return list(self._by_openid.values())

    def followers(self) -> list[Customer]:
        """Everybody who follows."""
        return [customer for customer in self._by_openid.values() if customer.following]
