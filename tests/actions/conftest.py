"""An action's surroundings: the demo shop's words and a customer on a fresh database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from crm_store.customers import Customer
from crm_store.db import Database
from nlu.project import Project, read_project
from tests.actions.counter import NOON, Counter

SHOP = Path(__file__).parents[2] / "config" / "bot"


@pytest.fixture(scope="session")
def project() -> Project:
    """The demo shop, read once."""
    return read_project(SHOP, Random(1))


@pytest.fixture
def counter(project: Project, sqlite_url: str) -> Iterator[Counter]:
    """One customer before the counter."""
    database = Database(sqlite_url)
    with database.writing() as session:
        customer = Customer(created_at=NOON, updated_at=NOON)
        session.add(customer)
        session.flush()
        yield Counter(project, session, customer.id)
    database.close()
