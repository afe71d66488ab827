"""The comparison in words and a table: for the terminal, and for docs/performance.md."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from bench.candidates import LIMIT, RIVAL
from bench.databases import NoServer, find_postgres
from bench.processes import CORES
from bench.results import Result, Soaked, median

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"
FULL_CORE = 0.9
HEAD = (
    "| who | stores | messages/s | of the limit | WeRoBot = 1 | p50 / p99 ms | p99 ms at half "
    "| CPU µs | + database | memory MB |"
)


def table(results: Sequence[Result]) -> Iterator[str]:
    """The comparison in Markdown; below it what was left out and what was wrong."""
    speeds = {result.name: median(result.flat_out, "per_second") for result in results if result.flat_out}
    yield HEAD
    yield "| --- | --- |" + " ---: |" * 8
    for result in results:
        if result.flat_out:
            yield _row(result, speeds)
    wrong = [f"{result.name}: {fault}" for result in results for fault in dict.fromkeys(result.faults)]
    left_out = [f"{result.name}: left out. {result.left_out}" for result in results if result.left_out]
    held_back = [
        f"{result.name}: the load had no more of its core to give, so this is the least that it does."
        for result in results
        if result.flat_out and median(result.flat_out, "load_cpu") > FULL_CORE
    ]
    for line in [*left_out, *wrong, *held_back]:
        yield ""
        yield line


def _row(result: Result, speeds: dict[str, float]) -> str:
    fast, steady = result.flat_out, result.steady
    speed = speeds[result.name]
    cells = [
        result.name,
        result.stores,
        f"{speed:,.0f}",
        f"{speed / speeds[LIMIT]:.0%}" if speeds.get(LIMIT) else "",
        f"{speed / speeds[RIVAL]:.1f}" if speeds.get(RIVAL) else "",
        f"{median(fast, 'p50'):,.1f} / {median(fast, 'p99'):,.1f}",
        f"{median(steady, 'p99'):,.1f}",
        f"{median(fast, 'cpu'):,.0f}",
        f"{median(fast, 'database_cpu'):,.0f}" if median(fast, "database_cpu") else "",
        f"{median(fast, 'memory'):,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def soaks(soaked: Sequence[Soaked]) -> Iterator[str]:
    """What memory did in the long run, a line each."""
    for one in soaked:
        yield ""
        speed, memory = one.messages / one.seconds, one.memory
        yield (
            f"{one.name}, {one.seconds:,.0f} seconds, {speed:,.0f} messages/s: "
            f"memory at first {memory[0]:.0f} MB, at most {max(memory):.0f}, at last {memory[-1]:.0f}; "
            f"from the second quarter to the last {one.growth:+.1%}."
        )
        yield from one.faults


def machine() -> Iterator[str]:
    """On what it was measured, without a word of whose it is."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    parts = [
        f"{len(CORES)} cores",
        f"{memory:.0f} GiB",
        platform.system(),
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        *_postgres(),
        *_redis(),
    ]
    yield ", ".join(parts) + "."


def _postgres() -> Iterator[str]:
    try:
        with psycopg.connect(find_postgres()) as connection:
            version = connection.info.parameter_status("server_version") or ""
    except (NoServer, psycopg.Error):
        return
    yield f"PostgreSQL {version.split()[0]}"


def _redis() -> Iterator[str]:
    program = shutil.which("redis-server")
    if program:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"v=([\d.]+)", said)
        yield f"Redis {found[1]}" if found else "Redis"


def write(lines: Sequence[str], command: str, page: Path = PAGE) -> None:
    """Put the figures, and the command that made them, between the marks on the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = "\n".join([BEGIN, f"`{command}`", "", *lines, END])
    page.write_text(before + text + after, encoding="utf-8")
