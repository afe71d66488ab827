"""The load on a real house: what it counts, and that its look into the database misses nothing."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from bench.checking import faults
from bench.house import House
from bench.measuring import Figures, Measurer


@pytest.fixture(scope="module")
def measured(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Figures, Measurer, Path]:
    """A house that was under a little load, and its database afterwards."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copyfile(sqlite_template, folder / "parley.db")
    with House(folder, f"sqlite:///{folder / 'parley.db'}") as house:
        measurer = Measurer(house, connections=4, customers=50)
        figures = measurer.measure(2, rate=20)
    return figures, measurer, folder / "parley.db"


def test_every_message_is_answered_and_stored(measured: tuple[Figures, Measurer, Path]) -> None:
    figures, measurer, database = measured
    assert measurer.complaints == []
    assert (figures.wrong, figures.lost) == (0, 0)
    assert len(measurer.acknowledged) == figures.messages > 30
    assert faults(f"sqlite:///{database}", measurer.acknowledged) == []


def test_what_it_takes_is_told(measured: tuple[Figures, Measurer, Path]) -> None:
    figures, _, _ = measured
    assert figures.cpu > 0
    assert figures.memory > 10
    assert 0 < figures.p50 <= figures.p99


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (
            "DELETE FROM messages WHERE seq = (SELECT min(seq) FROM messages WHERE reply_to IS NOT NULL)",
            "acknowledged and not answered",
        ),
        (
            "DELETE FROM messages WHERE seq = (SELECT min(seq) FROM messages WHERE direction = 'in')",
            "acknowledged and stored 0 times",
        ),
        (
            "UPDATE messages SET status = 'unknown' WHERE reply_to IS NOT NULL",
            "answered, with the status unknown",
        ),
        (
            "UPDATE messages SET (reply_to, text, status) = (SELECT reply_to, text, status FROM messages"
            " WHERE reply_to IS NOT NULL ORDER BY seq LIMIT 1) WHERE direction = 'out'",
            "given the same answer twice",
        ),
    ],
)
def test_each_damage_to_the_database_is_told(
    measured: tuple[Figures, Measurer, Path], tmp_path: Path, damage: str, told: str
) -> None:
    _, measurer, database = measured
    damaged = tmp_path / "damaged.db"
    shutil.copyfile(database, damaged)
    with sqlite3.connect(damaged) as connection:
        assert connection.execute(damage).rowcount > 0
    connection.close()
    assert any(told in fault for fault in faults(f"sqlite:///{damaged}", measurer.acknowledged))
