"""`/metrics`: what this process has counted and what waits in the database, in Prometheus' text format.

Prometheus' own client writes the format; the first scrape loads it (3 MB). No label names a person.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from crm_store.backlog import Backlog, read_backlog
from crm_store.db import Database
from crm_store.migrating import newest_version
from parley.engines import Engine
from parley.metrics import BOUNDS, Metrics
from parley.threads import in_thread

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

KEPT_SECONDS = 1.0  # the backlog is not asked of the database more often
TEXT = "text/plain; version=0.0.4; charset=utf-8"
# What proxies add: whoever asks through one comes from somewhere else.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_REFUSED = "from elsewhere only with a token: see [metrics] in the settings\n"
Family = TypeVar("Family", "GaugeMetricFamily", "CounterMetricFamily")


class Scraping:
    """Answers `GET /metrics`. Without a token only whoever asks from this machine or a private network."""

    def __init__(
        self,
        metrics: Metrics,
        database: Database,
        channels: Sequence[str],
        token: str,
        now: Callable[[], datetime],
        engines: Callable[[], Sequence[Engine]] = tuple,
    ) -> None:
        """`engines`: the remote ones in use."""
        self._metrics = metrics
        self._database = database
        self._channels = list(channels)
        self._token = token
        self._now = now
        self._engines = engines
        self._since = time.monotonic()
        self._known: tuple[float, Backlog | None] = (float("-inf"), None)
        self._asking = Lock()

    async def answer(self, request: Request) -> Response:
        """The page of numbers; 401 or 403 in words."""
        if self._token:
            kind, _, given = request.headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not secrets.compare_digest(
                given.strip().encode(), self._token.encode()
            ):
                headers = {"www-authenticate": 'Bearer realm="metrics"'}
                return PlainTextResponse("expected the bearer token of [metrics]\n", 401, headers)
        elif not _is_near(request):
            return PlainTextResponse(_REFUSED, 403)
        return Response(await in_thread(self.text), media_type=TEXT)

    def text(self) -> str:
        """All numbers of this moment."""
        from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        ProcessCollector(registry=registry)
        return generate_latest(registry).decode()

    def collect(self) -> Iterator[Metric]:
        """The families of numbers, as Prometheus' client asks for them."""
        yield from self._of_process()
        backlog = self._backlog()
        yield _gauge("database_up", "1 while the database answers.", {(): float(backlog is not None)})
        if backlog is not None:
            yield from self._of_database(backlog)

    def _of_process(self) -> Iterator[Metric]:
        from importlib.metadata import version

        from prometheus_client.core import HistogramMetricFamily

        python = ".".join(map(str, sys.version_info[:3]))
        yield _gauge(
            "build_info",
            "Always 1; the labels say what runs.",
            {(version("parley"), newest_version(), python): 1},
            ("version", "schema", "python"),
        )
        stages = HistogramMetricFamily(
            "parley_stage_seconds", "How long a stage took a message.", labels=("stage",)
        )
        for name, stage in self._metrics.stages.items():
            total, buckets = 0, []
            for bound, count in zip((*map(str, BOUNDS), "+Inf"), tuple(stage.counts), strict=True):
                total += count
                buckets.append((bound, total))
            stages.add_metric((name,), buckets, stage.seconds)
        yield stages
        yield _counter("repeats", "Messages that a platform sent again.", {(): self._metrics.repeats})
        yield _counter("failed_turns", "Turns that failed, each try.", {(): self._metrics.failed_turns})
        yield from self._of_engines()
        yield _counter(
            "sends",
            "What became of what was to be sent, each try.",
            self._sends(),
            ("channel", "status", "code"),
        )
        now = time.monotonic()
        gaps = {(name,): now - self._metrics.heard_at.get(name, self._since) for name in self._channels}
        yield _gauge(
            "channel_gap_seconds",
            "Since this process last got something from the platform, else since its start.",
            gaps,
            ("channel",),
        )

    def _of_engines(self) -> Iterator[Metric]:
        engines = {(engine.part,): engine for engine in self._engines()}
        if not engines:
            return
        part = ("part",)
        up = {key: float(not engine.is_away) for key, engine in engines.items()}
        yield _gauge(
            "engine_up", "1 while the remote engine answers; else the embedded one does.", up, part
        )
        failed = {key: engine.failed for key, engine in engines.items()}
        yield _counter("engine_failures", "Times that it was asked and gave no answer.", failed, part)
        spared = {key: engine.spared for key, engine in engines.items()}
        yield _counter("engine_spared", "Times that it was not asked, being away.", spared, part)

    def _sends(self) -> dict[tuple[str, str, str], int]:
        """By channel, status and code."""
        sends = dict(self._metrics.outcomes)
        for channel, count in dict(self._metrics.forbidden).items():
            key = (channel, "skipped", "")
            sends[key] = sends.get(key, 0) + count
        return sends

    def _of_database(self, backlog: Backlog) -> Iterator[Metric]:
        now = self._now()
        oldest = _age(backlog.oldest_at, now)
        yield _gauge("waiting_messages", "Messages that wait for their turn.", {(): backlog.waiting})
        yield _gauge("oldest_waiting_seconds", "How long the first of them has waited.", {(): oldest})
        yield _gauge("parked_turns", "Turns that an operator has to look at.", {(): backlog.parked})
        lanes = ("channel", "lane")
        yield _gauge("outbox_queued", "Rows that are to be sent, now or later.", backlog.queued, lanes)
        overdue = {key: _age(backlog.due_at.get(key), now) for key in backlog.queued}
        yield _gauge("outbox_overdue_seconds", "How long the first of them has been due.", overdue, lanes)
        sending = {(name,): count for name, count in backlog.sending.items()}
        yield _gauge("outbox_sending", "Rows that are being sent.", sending, ("channel",))
        ages = {(n,): _age(made, now) for n, (made, _) in backlog.tokens.items() if made is not None}
        yield _gauge("platform_token_age_seconds", "Since the token was fetched.", ages, ("channel",))
        left = {(n,): (ends - now).total_seconds() for n, (_, ends) in backlog.tokens.items()}
        yield _gauge("platform_token_left_seconds", "Until another is fetched.", left, ("channel",))

    def _backlog(self) -> Backlog | None:
        """What waits, asked at most once a second; None while the database is away."""
        with self._asking:
            asked, known = self._known
            if time.monotonic() - asked >= KEPT_SECONDS:
                try:
                    with self._database.reading() as session:
                        known = read_backlog(session, self._channels)
                except SQLAlchemyError:
                    known = None
                self._known = (time.monotonic(), known)
            return known


def _is_near(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_private


def _age(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at is not None else 0.0


def _gauge(
    name: str, about: str, values: Mapping[Any, float], labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(f"parley_{name}", about, labels=labels), values)


def _counter(
    name: str, about: str, values: Mapping[Any, float], labels: Sequence[str] = ()
) -> CounterMetricFamily:
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(f"parley_{name}", about, labels=labels), values)


def _filled(family: Family, values: Mapping[Any, float]) -> Family:
    for key, value in values.items():
        family.add_metric(key, value)
    return family
