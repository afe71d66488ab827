"""Who is compared: how each is started, and what it does with a message."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.databases import fresh
from bench.house import House
from bench.rivals.serving import Bare, WeRoBot
from bench.served import Served

LIMIT, RIVAL = "bare ASGI function on uvicorn", "WeRoBot 1.13.1, its own server, SQLite session"


@dataclass(frozen=True)
class Candidate:
    """One line of the comparison. `open` starts it in a folder of its own."""

    name: str
    stores: str
    open: Callable[[Path], AbstractContextManager[Served]]


@contextmanager
def _house(folder: Path, *, database: str, redis_url: str = "", processes: int = 1) -> Iterator[Served]:
    with (
        fresh(database, folder) as url,
        House(folder, url, redis_url=redis_url, processes=processes) as house,
    ):
        yield house


def candidates(redis_url: str) -> list[Candidate]:
    """All of them, in the order of the table; those with Redis only where there is one."""
    nothing, session, everything = "nothing", "a session", "everything"
    found = [
        Candidate(LIMIT, nothing, Bare),
        Candidate(RIVAL, session, partial(WeRoBot, session=True)),
        Candidate("WeRoBot, its own server, no session", nothing, partial(WeRoBot, session=False)),
        Candidate(
            "WeRoBot, granian, SQLite session", session, partial(WeRoBot, session=True, granian=True)
        ),
        Candidate("WeRoBot, granian, no session", nothing, partial(WeRoBot, session=False, granian=True)),
        Candidate("Parley, SQLite", everything, partial(_house, database="sqlite")),
        Candidate("Parley, PostgreSQL", everything, partial(_house, database="postgresql")),
    ]
    if redis_url:
        for number in (1, 2, 4):
            found.append(
                Candidate(
                    f"Parley, PostgreSQL + Redis, {number} × `parley run`",
                    everything,
                    partial(_house, database="postgresql", redis_url=redis_url, processes=number),
                )
            )
    return found
