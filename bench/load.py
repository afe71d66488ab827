"""Put load on a Parley of its own: WeChat's callback in, stored, understood, recorded, answered.

.venv/bin/python -m bench.load --database postgresql --connections 32 --seconds 10
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.checking import faults
from bench.databases import NoServer, find_redis, fresh
from bench.flames import NoProfiler, flame
from bench.house import House
from bench.measuring import Measurer
from bench.processes import pin
from bench.served import NotReady


def load(arguments: argparse.Namespace) -> int:
    """Start a house, put the load on it, print what it says; 1 if an answer or the database was wrong."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="parley-bench-")))
        url = stack.enter_context(fresh(arguments.database, folder))
        redis_url = find_redis(stack) if arguments.processes + arguments.workers > 1 else ""
        processes, workers = arguments.processes, arguments.workers
        with House(folder, url, redis_url=redis_url, processes=processes, workers=workers) as house:
            pin(1)
            measurer = Measurer(
                house,
                connections=arguments.connections,
                customers=arguments.customers,
                seed=arguments.seed,
            )
            if arguments.warm:
                measurer.measure(arguments.warm)
            with flame(house.pids[0], arguments.flame):
                figures = measurer.measure(arguments.seconds, arguments.rate)
        found = faults(url, measurer.acknowledged)
    complaints = found + measurer.complaints
    if arguments.json:
        print(json.dumps(asdict(figures) | {"faults": complaints[:20]}, ensure_ascii=False))
    else:
        for name, value in asdict(figures).items():
            print(f"{name:14} {value:>12}")
        print(*complaints[:5], sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


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
    parser.add_argument("--processes", type=int, default=1, help="how many `parley run` share the load")
    parser.add_argument("--workers", type=int, default=0, help="how many `parley worker` beside them")
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
