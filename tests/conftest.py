"""What all tests share: databases of both kinds, freshly migrated, a Redis, a browser. No network."""

from __future__ import annotations

import importlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from argon2 import PasswordHasher
from playwright.sync_api import Browser

from crm_store import db, passwords
from crm_store.db import Database
from crm_store.migrating import upgrade
from tests.chromium import Chromium
from tests.postgres import Postgres, address

importlib.import_module("crm_store.tables")  # Whatever a test imports, tables know each other.
# What one process has compiled, the hundreds that tests start need not compile again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
LONGEST = ("parley", "console", "campaigns", "bots")  # folders of tests
REDIS = os.environ.get("PARLEY_TEST_REDIS", "redis://127.0.0.1:6379/0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that nobody waits for it at the end, when one file is left.

    Those are files with a test that is given much time; then those with processes of their own or browsers.
    """
    slow = {item.path for item in items if item.get_closest_marker("timeout")}
    items.sort(key=lambda item: (item.path not in slow, _rank(item.path)))


def _rank(path: Path) -> int:
    """The place of a file's folder: those that come late have many files that take a second or two."""
    folder = path.relative_to(Path(__file__).parent).parts[0]
    return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "parley.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """What `postgres_url` lends."""
    databases = Postgres()
    yield databases
    databases.close()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty, migrated SQLite database of this test alone."""
    shutil.copyfile(sqlite_template, tmp_path / "parley.db")
    return f"sqlite:///{tmp_path / 'parley.db'}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """An empty, migrated PostgreSQL database of this test alone."""
    name = postgres.lend()
    yield address(name)
    postgres.take_back(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty, migrated database: the test runs once on SQLite and once on PostgreSQL."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def redis_url() -> Iterator[str]:
    """An empty Redis database of this test alone; one where somebody keeps things is left in peace."""
    for number in range(15, 0, -1):
        url = urlunsplit(urlsplit(REDIS)._replace(path=f"/{number}"))
        with redis.Redis.from_url(url) as client:
            if client.dbsize() or not client.set("test", 1, nx=True, ex=600):
                continue
            yield url
            client.flushdb()
            return
    pytest.fail("all Redis databases from 1 to 15 are in use")


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hashing is slow on purpose; here it would only be slow. Processes of their own stay slow."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: cheap)
        patch.setattr(passwords, "_NOBODY", cheap.hash(uuid.uuid4().hex))
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_files() -> Iterator[None]:
    """A commit need not reach the disk: nobody pulls the plug of a test. That of other processes does."""
    prepare = db._prepare_sqlite

    def quickly(connection: Any, record: Any) -> None:
        prepare(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "_prepare_sqlite", quickly)
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """What `browser` lends."""
    opened = Chromium()
    yield opened
    opened.stop()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Browser]:
    """A headless Chromium without windows, cookies or storage."""
    yield chromium.lend()
    chromium.take_back()
