"""Access tokens of both kinds: the plain one, which ends the one before it, and the stable one."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.limits import day_of

LASTS = timedelta(seconds=7200)
OVERLAP = timedelta(minutes=5)
FORCED_A_DAY = 20
FORCED_GAP = timedelta(seconds=30)


@dataclass(slots=True)
class Token:
    """One token and the two ends of it: when its time is up, and when a newer one has ousted it."""

    value: str
    kind: str  # "plain", "stable"
    ends_at: datetime
    ousted_at: datetime | None = None

    def works(self, now: datetime) -> bool:
        """Whether a call with this token is let in."""
        return now < self.ends_at and (self.ousted_at is None or now < self.ousted_at)


class Tokens:
    """All tokens of one account. Plain and stable ones know nothing of each other."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._latest: dict[str, Token] = {}
        self._forced: Counter[str] = Counter()
        self._forced_at: datetime | None = None

    def _make(self, kind: str, now: datetime, overlap: timedelta) -> Token:
        before = self._latest.get(kind)
        if before and before.ousted_at is None:
            before.ousted_at = now + overlap
        # 512 characters: what callers are told to have room for.
        token = Token(secrets.token_urlsafe(384), kind, now + LASTS)
        self._tokens[token.value] = self._latest[kind] = token
        return token

    def plain(self, now: datetime) -> Token:
        """A new plain token; the one before lives five minutes more."""
        return self._make("plain", now, OVERLAP)

    def stable(self, now: datetime, force: bool = False) -> Token:
        """The same token until five minutes before its end, then a new one beside it.

        Forced: a new one at once, and the old one is dead. 45011 within 30 s of the last force, 45009
        after 20 of them in a day.
        """
        if force:
            if self._forced_at and now - self._forced_at < FORCED_GAP:
                raise ApiError(45011)
            if self._forced[day_of(now)] >= FORCED_A_DAY:
                raise ApiError(45009)
            self._forced[day_of(now)] += 1
            self._forced_at = now
            return self._make("stable", now, timedelta())
        latest = self._latest.get("stable")
        if latest and latest.works(now) and latest.ends_at - now > OVERLAP:
            return latest
        return self._make("stable", now, OVERLAP)

    def check(self, value: str, now: datetime) -> Token:
        """The token of a call: 41001 none, 42001 its time is up, 40001 never given out or ousted."""
        if not value:
            raise ApiError(41001)
        token = self._tokens.get(value)
        if token is None:
            raise ApiError(40001)
        if now >= token.ends_at:
            raise ApiError(42001)
        if not token.works(now):
            raise ApiError(40001)
        return token

    def revoke(self) -> None:
        """Make every token invalid at once, as the platform does when the secret is changed."""
        self._tokens.clear()
        self._latest.clear()

    def latest(self) -> list[Token]:
        """The newest token of each kind."""
        return list(self._latest.values())
