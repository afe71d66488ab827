"""Fresh databases for one measurement: a SQLite file, a database on a PostgreSQL server, a Redis."""

from __future__ import annotations

import getpass
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from scripts.services import REDIS, start_redis, wait_for

POSTGRES = os.environ.get("PARLEY_TEST_POSTGRES", "")


class NoServer(Exception):
    """There is no PostgreSQL, or one that does not keep what it has committed."""


def find_postgres() -> str:
    """The address of a server where we may create databases and that waits for its disk; else NoServer."""
    here = "@127.0.0.1:5432/postgres"
    for url in filter(
        None, (POSTGRES, f"postgresql://postgres{here}", f"postgresql://{getpass.getuser()}{here}")
    ):
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                row = connection.execute("SELECT current_setting('fsync')").fetchone()
        except psycopg.Error:
            continue
        if row != ("on",):
            raise NoServer("The PostgreSQL server runs with fsync=off: what it measures is no storing.")
        return url
    raise NoServer("No PostgreSQL answers: name one in PARLEY_TEST_POSTGRES.")


def find_redis(started: ExitStack) -> str:
    """The address of a Redis of our own, gone with `started`; empty if its program is not installed."""
    address = start_redis(started)
    return address if address and wait_for(REDIS, address, 10) else ""


@contextmanager
def fresh(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty database, `sqlite` or `postgresql`; it is gone afterwards."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'parley.db'}"
        return
    server, name = find_postgres(), f"parley_bench_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def backends(url: str) -> list[int]:
    """The process ids of the PostgreSQL backends that work for a database, if they run on this machine."""
    if not url.startswith("postgresql"):
        return []
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    return [pid for (pid,) in rows if _is_postgres(pid)]


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("postgres")
    except OSError:
        return False
