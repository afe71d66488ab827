"""A market on each of both databases."""

from __future__ import annotations

import pytest

from crm_store.db import Database
from tests.campaigns.market import Market


@pytest.fixture
def market(database: Database) -> Market:
    """An empty market."""
    return Market(database)
