"""A console for every test of its pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crm_store.db import Database
from tests.console.office import Office


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    """A console with one person of each role, once on SQLite and once on PostgreSQL."""
    with Office(database) as opened:
        yield opened


@pytest.fixture
def sqlite_office(sqlite_url: str) -> Iterator[Office]:
    """The same for what has nothing to do with the database, and for browsers."""
    database = Database(sqlite_url)
    with Office(database) as opened:
        yield opened
    database.close()
