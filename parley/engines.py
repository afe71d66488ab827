"""A remote engine behind its circuit breaker: asked while it answers, and not asked while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import structlog

from nlu.breaker import Breaker
from nlu.rasa_wire import EngineTimedOut, EngineUnavailable

T = TypeVar("T")
log = structlog.get_logger()


class Engine:
    """What a remote engine does for us, `understanding` or `dialogue`. Threads share it.

    The log says once that it is away and once that it is back, not of each message.
    """

    def __init__(self, part: str, now: Callable[[], float] = time.monotonic) -> None:
        self.part = part
        self.breaker = Breaker(now)
        self.failed = 0  # times that it was asked and gave no answer
        self.spared = 0  # times that it was not even asked
        self.beside: Engine | None = None  # the same server, for something else
        self._lock = Lock()

    @property
    def is_away(self) -> bool:
        """Whether the embedded engine answers in its place."""
        return self.breaker.is_open

    def ask(self, call: Callable[[], T]) -> T | None:
        """What the call gives; None while the engine is away, and where it fails just now."""
        ticket = self.breaker.begin()
        if ticket is None:
            with self._lock:
                self.spared += 1
            return None
        try:
            found = call()
        except EngineUnavailable as error:
            self._failed(ticket, error)
            return None
        except BaseException:
            self.breaker.failed(ticket)
            raise
        if self.breaker.succeeded():
            log.info("engine.back", part=self.part)
        return found

    def _failed(self, ticket: int, error: EngineUnavailable) -> None:
        with self._lock:
            self.failed += 1
        was_away = self.breaker.is_open
        timed_out = isinstance(error, EngineTimedOut)
        if self.breaker.failed(ticket, timed_out=timed_out):
            self._tell_away(error)
        elif not was_away:
            log.info("engine.failed", part=self.part, why=str(error), answering="embedded")
        # A server that hangs hangs for everything: nobody has to wait for that twice.
        if timed_out and self.beside is not None and self.beside.breaker.trip():
            self.beside._tell_away(error)

    def _tell_away(self, error: EngineUnavailable) -> None:
        log.warning("engine.away", part=self.part, why=str(error), answering="embedded")
