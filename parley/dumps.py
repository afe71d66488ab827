"""Dumps: a whole database in one file, taken while it is in use, and put in the place of another.

SQLite copies itself (its online backup); PostgreSQL's own programs write and read the other kind.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import URL, inspect, text
from sqlmodel import SQLModel

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from crm_store.db import Database
from crm_store.messages import Refused

Progress = Callable[[float], None]  # the share that is done, 0 to 1
PAGES = 2_000  # copied between two reports
CHUNK = 1024 * 1024
_OWN = {"alembic_version"}
_FUNCTIONS = (
    "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
    "WHERE n.nspname = 'public' AND p.prorettype = 'trigger'::regtype AND starts_with(p.proname, 'search_')"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND backend_type = 'client backend'"
)


class Failed(Refused):
    """The database's own program has failed."""


def dump(database: Database, path: Path, progress: Progress) -> None:
    """Write all that is committed now to a file, while others go on writing."""
    if database.is_sqlite:
        _copy_sqlite(Path(str(database.engine.url.database)), path, progress)
        return
    url, environment = _told(database.engine.url)
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    done = subprocess.run(  # noqa: S603  (no shell, our own arguments)
        [_program("pg_dump"), *options, f"--dbname={url}"],
        env=environment,
        stderr=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise Failed(f"pg_dump: {_last_line(done.stderr)}")
    progress(1)


def is_empty(database: Database) -> bool:
    """Whether nothing of ours is in the database."""
    if database.is_sqlite and not Path(str(database.engine.url.database)).exists():
        return True
    with database.engine.connect() as connection:
        there = set(inspect(connection).get_table_names())
        kept = [t for t in SQLModel.metadata.sorted_tables if t.name in there]
        return not any(connection.execute(t.select().limit(1)).first() for t in kept)


def check_unused(database: Database) -> None:
    """Refused while anybody else works on the database."""
    if database.is_sqlite:
        database.claim()
        return
    with database.engine.connect() as connection:
        others = connection.execute(text(_OTHERS)).scalar()
    if others:
        raise Refused(f"somebody works on the database ({others} connections): stop every parley first")


def load(database: Database, path: Path, now: datetime, progress: Progress) -> Path | None:
    """Put the dump in the place of what the database holds; if that fails, nothing has changed.

    Returns where a SQLite file that was replaced is kept.
    """
    if database.is_sqlite:
        return _replace_sqlite(database, path, now)
    _load_postgres(database, path, progress)
    return None


def check_sqlite(path: Path) -> None:
    """Refused if the file is no whole SQLite database."""
    try:
        with closing(sqlite3.connect(path)) as opened:
            found = opened.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise Refused(f"the database in the backup is broken: {error}") from None
    if found != ("ok",):
        raise Refused(f"the database in the backup is broken: {found[0]}")


def _copy_sqlite(source: Path, path: Path, progress: Progress) -> None:
    if not source.exists():
        raise Refused(f"there is no database {source}")
    with closing(sqlite3.connect(source, timeout=15)) as live, closing(sqlite3.connect(path)) as copy:
        # An open read keeps the moment: else each write of the server would begin the copy anew.
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        live.backup(copy, pages=PAGES, progress=lambda _, left, all_: progress(1 - left / max(all_, 1)))
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def _replace_sqlite(database: Database, path: Path, now: datetime) -> Path | None:
    target = Path(str(database.engine.url.database))
    database.close()
    if not target.exists():
        path.replace(target)
        _sync(target.parent)
        return None
    try:
        with closing(sqlite3.connect(target, timeout=15)) as old:
            # The old log must be gone before the new file stands beside it: it would be played into that.
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            old.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        raise Refused(f"{target} is broken ({error}): move it and its -wal away, then restore") from None
    kept = target.with_name(f"{target.name}.replaced-{now:%Y%m%dT%H%M%S%f}")
    os.link(target, kept)
    path.replace(target)
    _sync(target.parent)
    return kept


def _load_postgres(database: Database, path: Path, progress: Progress) -> None:
    url, environment = _told(database.engine.url)
    read = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(path)]
    write = [_program("psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--dbname={url}"]
    before = _drop_statements(database)
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as told_too:
        # One transaction, committed only when the last word has come: who dies before leaves all as it was.
        with suppress(BrokenPipeError), _running(write, environment, told, stdin=subprocess.PIPE) as psql:
            assert psql.stdin
            psql.stdin.write(f"SET client_min_messages = warning;\nBEGIN;\n{before}\n".encode())
            with _running(read, environment, told_too, stdout=subprocess.PIPE) as restore:
                assert restore.stdout
                _pour(restore.stdout, psql.stdin, progress)
            if restore.returncode == 0:
                psql.stdin.write(b"\nCOMMIT;\n")
        _check(psql, "psql", told)
        _check(restore, "pg_restore", told_too)


def _drop_statements(database: Database) -> str:
    """SQL that drops all that is ours. Refused if there are tables of somebody else."""
    with database.engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        functions = connection.execute(text(_FUNCTIONS)).scalars().all()
    if strangers := tables - set(SQLModel.metadata.tables) - _OWN:
        names = ", ".join(sorted(strangers)[:5])
        raise Refused(
            f"the database holds tables that this version does not know ({names}): take an empty one"
        )
    lines = [f'DROP TABLE IF EXISTS "{name}" CASCADE;' for name in sorted(tables)]
    return "\n".join([*lines, *(f"DROP FUNCTION IF EXISTS {name} CASCADE;" for name in functions)])


def _pour(source: IO[bytes], target: IO[bytes], progress: Progress) -> None:
    poured = 0
    while piece := source.read(CHUNK):
        target.write(piece)
        poured += len(piece)
        progress(1 - 1 / (1 + poured / (64 * CHUNK)))  # How much it will be is not known.
    progress(1)


def _running(
    command: list[str],
    environment: dict[str, str],
    told: IO[bytes],
    *,
    stdin: int | None = None,
    stdout: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603  (no shell, our own arguments)
        command, env=environment, stdin=stdin, stdout=stdout, stderr=told
    )


def _check(process: subprocess.Popen[bytes], name: str, told: IO[bytes]) -> None:
    if process.returncode:
        told.seek(0)
        raise Failed(f"{name}: {_last_line(told.read())}; nothing was changed")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Failed(f"{name} is not installed; it comes with postgresql-client (apt-get install it)")
    return found


def _told(url: URL) -> tuple[str, dict[str, str]]:
    """The address for PostgreSQL's programs; the password goes where no list of processes shows it."""
    environment = dict(os.environ)
    if url.password:
        environment["PGPASSWORD"] = str(url.password)
    plain = URL.create(
        "postgresql", url.username, host=url.host, port=url.port, database=url.database, query=url.query
    )
    return plain.render_as_string(hide_password=False), environment


def _last_line(told: bytes) -> str:
    lines = [line for line in told.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it ended without a word"


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
