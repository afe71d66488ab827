"""A small flower shop that speaks Chinese, English and Korean: read and trained once for all tests."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from random import Random

import pytest

from nlu.embedded import Embedded
from nlu.model import Model
from nlu.project import Project, read_project
from nlu.train import train

SHOP = Path(__file__).parent / "shop"
SUNDAY = date(2026, 11, 22)


@pytest.fixture(scope="session")
def shop_folder() -> Path:
    return SHOP


@pytest.fixture(scope="session")
def shop() -> Project:
    return read_project(SHOP, Random(1))


@pytest.fixture(scope="session")
def model(shop: Project, tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "shop.model"
    train(shop).save(path)
    return Model.load(path)


@pytest.fixture(scope="session")
def embedded(model: Model) -> Embedded:
    return Embedded(model, lambda: SUNDAY)
