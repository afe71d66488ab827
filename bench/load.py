"""Put load on a Parley of its own: WeChat's callback in, stored, understood, recorded, answered.

.venv/bin/python -m bench.load --database postgresql --connections 32 --seconds 10
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from bench.callbacks import Callbacks
from bench.checking import faults
from bench.client import Heard, ask
from bench.databases import NoServer, fresh
from bench.flames import NoProfiler, flame
from bench.house import House, NotReady
from bench.processes import pin, used

_AHEAD = 6_000  # requests made before the clock starts, for each second of it …
_MOST_AHEAD = 200_000  # … up to so many (150 MB); the rest costs 20 µs each while it runs


class Subject(Protocol):
    """Something that answers callbacks, with its processes."""

    @property
    def port(self) -> int:
        """Where it listens on this machine."""

    @property
    def pids(self) -> list[int]:
        """Its processes."""

    @property
    def database_pids(self) -> list[int]:
        """Those of its database server that work for it."""


@dataclass(frozen=True)
class Figures:
    """What one run says. Memory in MB, latencies in ms, CPU in µs a message."""

    messages: int
    per_second: float
    p50: float
    p99: float
    cpu: float
    database_cpu: float
    load_cpu: float  # of this process, for all seconds, as a share of one core
    memory_before: float
    memory_after: float
    wrong: int
    lost: int


def measure(
    subject: Subject, callbacks: Callbacks, *, connections: int, seconds: float, rate: float = 0.0
) -> tuple[Figures, Heard]:
    """Put the load on a subject once."""
    callbacks.prepare(min(int((rate or _AHEAD) * seconds), _MOST_AHEAD))
    before, database_before = used(subject.pids), used(subject.database_pids)
    own = used([os.getpid()])
    heard = ask(subject.port, callbacks, connections=connections, seconds=seconds, rate=rate)
    after, database_after = used(subject.pids), used(subject.database_pids)
    answered = max(len(heard.latencies), 1)
    return Figures(
        messages=len(heard.latencies),
        per_second=round(heard.per_second, 1),
        p50=round(heard.milliseconds(0.5), 2),
        p99=round(heard.milliseconds(0.99), 2),
        cpu=round((after.cpu - before.cpu) / answered * 1e6, 1),
        database_cpu=round((database_after.cpu - database_before.cpu) / answered * 1e6, 1),
        load_cpu=round((used([os.getpid()]).cpu - own.cpu) / heard.seconds, 3),
        memory_before=round(before.memory / 1e6, 1),
        memory_after=round(after.memory / 1e6, 1),
        wrong=len(heard.wrong),
        lost=heard.lost,
    ), heard


def load(arguments: argparse.Namespace) -> int:
    """Start a house, put the load on it, print what it says; 1 if an answer or the database was wrong."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-")))
        url = stack.enter_context(fresh(arguments.database, folder))
        callbacks = Callbacks(House.path, arguments.customers, arguments.seed)
        with House(folder, url) as house:
            pin(1)
            acknowledged = []
            if arguments.warm:
                _, heard = measure(house, callbacks, connections=32, seconds=arguments.warm)
                acknowledged += heard.acknowledged
            with flame(house.pids[0], arguments.flame):
                figures, heard = measure(
                    house,
                    callbacks,
                    connections=arguments.connections,
                    seconds=arguments.seconds,
                    rate=arguments.rate,
                )
            acknowledged += heard.acknowledged
        found = faults(url, acknowledged)
    _show(figures, heard, found, arguments)
    return 1 if found or heard.wrong or heard.lost else 0


def _show(figures: Figures, heard: Heard, found: list[str], arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(asdict(figures) | {"faults": found}))
        return
    for name, value in asdict(figures).items():
        print(f"{name:14} {value:>12}")
    for line in [*heard.wrong[:3], *found]:
        print(line)


def main(words: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warm", type=float, default=2, help="seconds of load before the clock starts")
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument(
        "--rate", type=float, default=0, help="messages a second, come what may; 0: as many as go"
    )
    parser.add_argument("--seed", type=int, default=1, help="other questions")
    parser.add_argument("--flame", type=Path, help="write a flame graph of the server to this SVG file")
    parser.add_argument("--json", action="store_true")
    try:
        return load(parser.parse_args(words))
    except (NoProfiler, NoServer, NotReady) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
