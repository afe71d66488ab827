"""Messages that a company has labelled by how pleased they sound: `sentiment*.csv` in a project's folder.

Each line is a text and `positive`, `negative` or `neutral`; a first line of names is left out.
"""

from __future__ import annotations

import csv
from pathlib import Path

from nlu.reading import Problem, Problems

LABELS = {"positive": (True,), "negative": (False,), "neutral": (True, False)}
Labelled = tuple[str, str]


def read_labels(folder: Path, problems: Problems) -> list[Labelled]:
    """Texts with their labels; a line that is neither is a problem."""
    found: list[Labelled] = []
    for file in sorted(folder.rglob("sentiment*.csv")) if folder.is_dir() else ():
        name = str(file.relative_to(folder))
        try:
            found += _read(file, name, problems)
        except (OSError, csv.Error) as error:
            said = getattr(error, "strerror", None) or str(error)
            problems.errors.append(Problem(name, 1, f"expected a CSV file that can be read: {said}"))
    return found


def _read(file: Path, name: str, problems: Problems) -> list[Labelled]:
    found: list[Labelled] = []
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        for number, row in enumerate(csv.reader(lines), 1):
            label = row[1].strip().lower() if len(row) == 2 else ""
            if label in LABELS:
                found.append((row[0], label))
            elif row and number > 1:
                said = "expected a text and positive, negative or neutral"
                problems.errors.append(Problem(name, number, said))
    return found
