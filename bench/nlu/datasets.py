"""The sets of a data folder: what each teaches, what it asks, and what the right answers are.

A folder with `train10.jsonl` (else `train.jsonl`) and `test.jsonl` is a set of intents; `oos_test.jsonl`
asks about none of them. The same set is posed as an FAQ, too. A folder with `entries.jsonl` and
`queries.jsonl` is an FAQ whose entries have one phrasing each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows to learn from, questions with their right intent or entry, and questions that have none."""

    name: str
    train: list[Row]
    test: list[Row]
    strange: list[Row]
    is_faq: bool = False


def read_datasets(folder: Path) -> Iterator[Dataset]:
    """All sets of the folder, by name."""
    for path in sorted(folder.iterdir()):
        if (path / "entries.jsonl").exists():
            entries = [_row(row["question"], row["id"]) for row in _rows(path / "entries.jsonl")]
            asked = [_row(row["text"], row["id"]) for row in _rows(path / "queries.jsonl")]
            yield as_faq(Dataset(path.name, entries, asked, []))
        elif (path / "test.jsonl").exists():
            few = path / "train10.jsonl"
            train = _rows(few if few.exists() else path / "train.jsonl")
            found = Dataset(path.name, train, _rows(path / "test.jsonl"), _rows(path / "oos_test.jsonl"))
            yield found
            if few.exists():
                yield as_faq(found)


def as_faq(dataset: Dataset) -> Dataset:
    """The set with each intent as an FAQ entry and each example as one of its phrasings."""
    return replace(
        dataset,
        name=f"{dataset.name}, as FAQ",
        train=[{**row, "intent": f"faq/{row['intent']}", "entities": []} for row in dataset.train],
        test=[{**row, "intent": f"faq/{row['intent']}", "entities": []} for row in dataset.test],
        strange=[],
        is_faq=True,
    )


def _row(text: str, intent: str) -> Row:
    return {"text": text, "intent": intent, "entities": []}


def _rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
