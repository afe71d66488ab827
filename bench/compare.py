"""Parley beside WeRoBot and the bare limit, in one run: what `make bench` calls.

Each is started anew for each repeat, and the repeats go round, so that a slow minute of the machine hits
all. First as many messages as go, then half of that as a steady stream. The table shows medians.

make bench BENCH="--seconds 10 --repeats 3 --write"
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from bench.candidates import Candidate, candidates
from bench.checking import faults
from bench.databases import NoServer, find_redis
from bench.measuring import Measurer
from bench.processes import pin
from bench.report import machine, soaks, table, write
from bench.results import Result, Soaked
from bench.served import NotReady
from bench.soak import soak

LEAST_RATE = 20.0  # messages a second of the steady stream, for whoever answers hardly any
SOAKED = ("Parley, SQLite", "Parley, PostgreSQL")


def measure_all(chosen: Sequence[Candidate], arguments: argparse.Namespace) -> list[Result]:
    """Round after round, each candidate once a round."""
    results = [Result(candidate.name, candidate.stores) for candidate in chosen]
    for repeat in range(1, arguments.repeats + 1):
        for candidate, result in zip(chosen, results, strict=True):
            _tell(f"{repeat}/{arguments.repeats} {candidate.name} …")
            try:
                _measure_once(candidate, result, arguments)
            except (NoServer, NotReady) as error:
                result.left_out = str(error).strip().splitlines()[-1]
    return results


def _measure_once(candidate: Candidate, result: Result, arguments: argparse.Namespace) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
        candidate.open(Path(folder)) as served,
    ):
        # What shares the load gets more of it: else each had less to do at a time than one alone.
        connections = arguments.connections * len(served.ports)
        measurer = Measurer(served, connections=connections, customers=arguments.customers)
        measurer.measure(arguments.warm)
        flat_out = measurer.measure(arguments.seconds)
        steady = measurer.measure(arguments.seconds, max(flat_out.per_second / 2, LEAST_RATE))
        found = measurer.complaints[:3]
        if served.database_url:
            served.stop()
            found += faults(served.database_url, measurer.acknowledged)
    result.flat_out.append(flat_out)
    result.steady.append(steady)
    result.faults += found


def soak_all(chosen: Sequence[Candidate], arguments: argparse.Namespace) -> list[Soaked]:
    """A long load on one process of ours, on each database."""
    soaked = []
    for candidate in chosen if arguments.soak else ():
        if candidate.name in SOAKED:
            _tell(f"{arguments.soak:.0f} seconds of {candidate.name} …")
            soaked.append(
                soak(
                    candidate,
                    arguments.soak,
                    arguments.rate,
                    connections=arguments.connections,
                    customers=arguments.customers,
                )
            )
    return soaked


def compare(arguments: argparse.Namespace, command: str) -> int:
    """Measure, print the table; 1 if one of ours gave or stored a wrong answer."""
    with ExitStack() as started:
        chosen = [
            candidate
            for candidate in candidates(find_redis(started))
            if not arguments.only or any(word.lower() in candidate.name.lower() for word in arguments.only)
        ]
        pin(1)
        results = measure_all(chosen, arguments)
        soaked = soak_all(chosen, arguments)
    lines = [*machine(), "", *table(results), *soaks(soaked)]
    print("\n".join(lines))
    if arguments.json:
        kept = {"results": [asdict(one) for one in results], "soaks": [asdict(one) for one in soaked]}
        arguments.json.write_text(json.dumps(kept, ensure_ascii=False, indent=1), encoding="utf-8")
    if arguments.write:
        write(lines, command)
    ours = [one.faults for one in results if one.name.startswith("Parley")]
    return 1 if any([*ours, *(one.faults for one in soaked)]) else 0


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--seconds", type=float, default=10, help="of each of the two measurements of a repeat"
    )
    parser.add_argument("--warm", type=float, default=2, help="seconds of load before the clock starts")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32, help="for each process of a server")
    parser.add_argument("--customers", type=int, default=1000)
    parser.add_argument("--only", action="append", default=[], help="only those with this in their name")
    parser.add_argument("--soak", type=float, default=0, help="so many seconds of steady load, for memory")
    parser.add_argument(
        "--rate", type=float, default=2000, help="messages a second of the soak; 0: all that go"
    )
    parser.add_argument("--json", type=Path, help="write every measurement to this file")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    return compare(
        parser.parse_args(words), f'make bench BENCH="{shlex.join(words)}"' if words else "make bench"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
