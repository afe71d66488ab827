"""One measurement: load on a server, and what it took."""

from __future__ import annotations

import os
from dataclasses import dataclass

from bench.callbacks import Callbacks
from bench.client import Heard, ask
from bench.databases import backends
from bench.processes import cpu_of, used
from bench.served import Served

MOST_AHEAD = 400_000  # requests made before the clock starts (300 MB); the rest costs 20 µs each meanwhile
_UNKNOWN_RATE = 6_000  # messages a second to be ready for before anything is known


@dataclass(frozen=True)
class Figures:
    """What one measurement says. Latencies in ms, CPU in µs a message, memory in MB."""

    messages: int
    per_second: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float  # of PostgreSQL's processes that worked for it, if they run on this machine
    load_cpu: float  # of the load itself, in cores
    memory_before: float
    memory: float
    wrong: int
    lost: int


class Measurer:
    """Puts load on one server, again and again, and remembers what was acknowledged."""

    def __init__(self, served: Served, *, connections: int, customers: int, seed: int = 1) -> None:
        self.acknowledged: list[str] = []
        self.complaints: list[str] = []
        self._served, self._connections = served, connections
        self._callbacks = Callbacks(served.path, customers, seed)
        self._rate = 0.0

    def measure(self, seconds: float, rate: float = 0.0) -> Figures:
        """As many messages as go, or `rate` a second, for so long."""
        expected = (rate or self._rate * 1.3 or _UNKNOWN_RATE) * seconds
        self._callbacks.prepare(min(int(expected), MOST_AHEAD))
        url, pids = self._served.database_url, self._served.pids
        before, database_before, own = used(pids), cpu_of(backends(url)), used([os.getpid()])
        heard = ask(
            self._served.ports, self._callbacks, connections=self._connections, seconds=seconds, rate=rate
        )
        after = used(pids)
        database = sum(cpu - database_before.get(pid, 0.0) for pid, cpu in cpu_of(backends(url)).items())
        self._remember(heard, rate)
        answered = max(len(heard.latencies), 1)
        return Figures(
            messages=len(heard.latencies),
            per_second=round(heard.per_second, 1),
            p50=round(heard.milliseconds(0.5), 2),
            p99=round(heard.milliseconds(0.99), 2),
            cpu=round((after.cpu - before.cpu) / answered * 1e6, 1),
            database_cpu=round(database / answered * 1e6, 1),
            load_cpu=round((used([os.getpid()]).cpu - own.cpu) / heard.seconds, 3),
            memory_before=round(before.memory / 1e6, 1),
            memory=round(after.memory / 1e6, 1),
            wrong=len(heard.wrong),
            lost=heard.lost,
        )

    def _remember(self, heard: Heard, rate: float) -> None:
        self.acknowledged += heard.acknowledged
        self.complaints += heard.wrong
        if heard.lost:
            self.complaints.append(f"{heard.lost} messages were never answered")
        if not rate:
            self._rate = heard.per_second
