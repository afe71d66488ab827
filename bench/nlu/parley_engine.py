"""Parley's own engine, as `parley bot train` and `parley bot parse` use it: MODEL is written or read.

python -m bench.nlu.parley_engine train|serve MODEL < TASK
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from bench.nlu.datasets import Row
from bench.nlu.examples import as_yaml
from bench.nlu.meter import Meter, memory, read_task


def main(step: str, model: Path) -> None:
    """Training and serving are processes of their own, as in the product."""
    task = read_task()
    if step == "train":
        _train(task["train"], model)
    else:
        _serve(task["asked"], model)


def _train(rows: Sequence[Row], model: Path) -> None:
    project, train = import_module("nlu.project"), import_module("nlu.train")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "nlu.yml").write_text(as_yaml(rows), encoding="utf-8")
        read = project.read_project(Path(folder))
        meter = Meter()
        meter.train(lambda: train.train(read).save(model))
        meter.write()


def _serve(texts: Sequence[str], model: Path) -> None:
    embedded, models = import_module("nlu.embedded"), import_module("nlu.model")
    meter = Meter()
    begun = time.perf_counter()
    engine = embedded.Embedded(models.Model.load(model))
    meter.found["load_seconds"] = round(time.perf_counter() - begun, 3)
    meter.ask(texts, engine.understand)
    meter.found["serve_mb"] = round(memory() - meter.found["imported_mb"])
    meter.found["answers"] = [
        {
            "intent": heard.intent,
            "confidence": heard.confidence,
            "entities": [entity.to_json() for entity in heard.entities],
            "answers": [answer.entry for answer in heard.answers],
        }
        for heard in meter.found["answers"]
    ]
    meter.write()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
