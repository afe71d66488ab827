"""A console for every test of its pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crm_store.db import Database
from tests.console.office import Office
from tests.nlu.model_server import ModelServer, model_server
from tests.nlu.tea import DOCUMENTS


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


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A stand-in for a language model's server."""
    with model_server() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the documents of a tea shop."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name, text in DOCUMENTS.items():
        (documents / name).write_text(text, encoding="utf-8")
    return documents
