"""What all tests share: databases of both kinds, freshly migrated, a Redis, a browser. No network."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis
from playwright.sync_api import Browser, expect, sync_playwright
from psycopg import sql

from crm_store.db import Database
from crm_store.migrating import upgrade

POSTGRES = os.environ.get("PARLEY_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("PARLEY_TEST_REDIS", "redis://127.0.0.1:6379/0")
CHROMIUM = os.environ.get("PARLEY_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PATIENCE = 30_000  # milliseconds that a busy machine may take; only a failing test ever waits so long
expect.set_options(timeout=PATIENCE)


def _on_server(statement: str, *names: str) -> None:
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _new_name() -> str:
    return f"parley_test_{uuid.uuid4().hex}"


def _address(name: str) -> str:
    return urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))


def _migrate(url: str) -> None:
    database = Database(url)
    try:
        upgrade(database)
    finally:
        database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "parley.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of a migrated PostgreSQL database to copy; nobody may be connected to it."""
    name = _new_name()
    _on_server("CREATE DATABASE {} TEMPLATE template0", name)
    try:
        _migrate(_address(name))
        yield name
    finally:
        _on_server("DROP DATABASE {} WITH (FORCE)", name)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty, migrated SQLite database of this test alone."""
    shutil.copyfile(sqlite_template, tmp_path / "parley.db")
    return f"sqlite:///{tmp_path / 'parley.db'}"


@pytest.fixture
def postgres_url(postgres_template: str) -> Iterator[str]:
    """An empty, migrated PostgreSQL database of this test alone."""
    name = _new_name()
    _on_server("CREATE DATABASE {} TEMPLATE {}", name, postgres_template)
    yield _address(name)
    _on_server("DROP DATABASE {} WITH (FORCE)", name)


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


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A headless Chromium. It lives for one test, as its event loop would disturb the next one's."""
    with sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM)
        yield launched
        launched.close()
