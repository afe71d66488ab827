"""Understanding, measured: Parley beside scikit-learn and real Rasa, on the sets of a folder.

DATA=folder python -m bench.nlu [--sets banking77 …] [--engines Parley …] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.nlu.datasets import Dataset, read_datasets
from bench.nlu.engines import Engine, LeftOut, engines
from bench.nlu.scores import score
from bench.nlu.tables import tables


def measure(dataset: Dataset, engine: Engine) -> dict[str, Any]:
    """One engine on one set: its scores and what they cost."""
    asked = [str(row["text"]) for row in (*dataset.test, *dataset.strange)]
    found = engine.measure({"train": dataset.train, "asked": asked})
    scores = {name: round(value, 4) for name, value in score(dataset, found.pop("answers")).items()}
    return {"set": dataset.name, "engine": engine.name, "is_faq": dataset.is_faq, **scores, **found}


def main(arguments: Sequence[str]) -> int:
    """0: measured, 2: wrong use."""
    parser = argparse.ArgumentParser(prog="python -m bench.nlu", description=__doc__)
    parser.add_argument("--sets", nargs="*", default=[], help="beginnings of their names; else all")
    parser.add_argument("--engines", nargs="*", default=[], help="beginnings of their names; else all")
    parser.add_argument("--json", type=Path, help="a file for all that was measured")
    chosen = parser.parse_args(arguments)
    folder = os.environ.get("DATA", "")
    if not folder or not Path(folder).is_dir():
        parser.error("expected DATA to name the folder of the sets")
    results = []
    for dataset in read_datasets(Path(folder)):
        for engine in engines():
            if _is_named(dataset.name, chosen.sets) and _is_named(engine.name, chosen.engines):
                sys.stderr.write(f"{dataset.name}: {engine.name} …\n")
                try:
                    results.append(measure(dataset, engine))
                except LeftOut as error:
                    sys.stderr.write(f"left out: {error}\n")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, ensure_ascii=False, indent=1), encoding="utf-8")
    sys.stdout.write("\n".join(tables(results)) + "\n")
    return 0


def _is_named(name: str, beginnings: Sequence[str]) -> bool:
    return not beginnings or any(name.lower().startswith(one.lower()) for one in beginnings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
