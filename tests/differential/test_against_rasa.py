"""Our engine does what Rasa does: answers of the real one, stored, and asked for where it is installed."""

from __future__ import annotations

import json
import lzma
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from scripts import differential
from tests.differential.inventing import invent
from tests.differential.playing import answer, differences
from tests.real_rasa import PYTHON, need_rasa

STORED = [json.loads(line) for line in lzma.decompress(differential.ANSWERS.read_bytes()).splitlines()]
PARTS = 8


def _differing(pairs: list[tuple[dict[str, Any], dict[str, Any]]], folder: Path) -> list[str]:
    """Where we differ, a line for each dialogue."""
    found = []
    for number, (project, rasas) in enumerate(pairs):
        place = folder / str(number)
        place.mkdir()
        found += [
            f"project {number}, {said}" for said in differences(project, answer(project, place), rasas)
        ]
    return found


def test_the_stored_answers_are_many() -> None:
    dialogues = [played for line in STORED for played in line["answer"].get("dialogues", ())]
    assert len(dialogues) >= 2000
    assert sum(played is None for played in dialogues) < 20  # Rasa found no end
    assert sum("error" in line["answer"] for line in STORED) >= 40


@pytest.mark.parametrize("part", range(PARTS))
def test_the_same_is_done_as_by_rasa(part: int, tmp_path: Path) -> None:
    pairs = [(line["project"], line["answer"]) for line in STORED[part::PARTS]]
    assert _differing(pairs, tmp_path) == []


@pytest.mark.timeout(600)
def test_the_same_is_done_as_by_a_rasa_that_runs_here(tmp_path: Path) -> None:
    """With projects that nobody has seen before: another seed every day, unless one is given."""
    need_rasa()
    seed = int(os.environ.get("PARLEY_SEED", "0")) or datetime.now(UTC).toordinal() * 100
    projects = [invent(number, 6) for number in range(seed, seed + 12)]
    answers = differential.answers(projects, PYTHON)
    assert _differing(list(zip(projects, answers, strict=True)), tmp_path) == [], seed
