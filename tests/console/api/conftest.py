"""A shop for every test of the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_store.db import Database
from tests.console.api.shop import Shop


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    """An empty shop, once on SQLite and once on PostgreSQL."""
    with Shop(database) as opened:
        yield opened


@pytest.fixture
def sqlite_shop(sqlite_url: str) -> Iterator[Shop]:
    """An empty shop for what has nothing to do with the database."""
    database = Database(sqlite_url)
    with Shop(database) as opened:
        yield opened
    database.close()
