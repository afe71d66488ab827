"""Real Rasa with DIET, 100 epochs, as it comes; runs in the environment of `make rasa`.

python -m bench.nlu.rasa_engine < TASK
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.nlu.examples import as_yaml
from bench.nlu.meter import Meter, memory, read_task

_SLASH = "+"
_CJK = "\u3040"
_PIPELINE: list[dict[str, Any]] = [
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True},
    {"name": "EntitySynonymMapper"},
]


def main() -> None:
    """Train, load, ask; all in this process, which is not Parley's."""
    task = read_task()
    training = import_module("rasa.model_training")
    agents = import_module("rasa.core.agent")
    meter = Meter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # A slash would make one intent of all entries, whose answers another component chooses.
        rows = [{**row, "intent": str(row["intent"]).replace("/", _SLASH)} for row in task["train"]]
        write_project(folder, rows)
        path = meter.train(
            lambda: training.train_nlu(str(folder / "config.yml"), str(folder / "data"), str(folder))
        )
        begun = time.perf_counter()
        agent = agents.Agent.load(path)
        meter.found["load_seconds"] = round(time.perf_counter() - begun, 2)
    loop = asyncio.new_event_loop()
    meter.ask(task["asked"], lambda texts: [loop.run_until_complete(_ask(agent, text)) for text in texts])
    meter.found["serve_mb"] = round(memory())
    meter.write()


def write_project(folder: Path, rows: Sequence[Any]) -> None:
    """A Rasa project that is nothing but these examples."""
    (folder / "data").mkdir()
    (folder / "data" / "nlu.yml").write_text(as_yaml(rows), encoding="utf-8")
    is_chinese = sum(str(row["text"])[:1] >= _CJK for row in rows) > len(rows) / 2
    tokenizer = {"name": "JiebaTokenizer" if is_chinese else "WhitespaceTokenizer"}
    config = {
        "recipe": "default.v1",
        "language": "zh" if is_chinese else "en",
        "pipeline": [tokenizer, *_PIPELINE],
    }
    (folder / "config.yml").write_text(json.dumps(config), encoding="utf-8")


async def _ask(agent: Any, text: str) -> Any:
    heard = await agent.parse_message(text)
    best = heard["intent"]
    return {
        "intent": str(best["name"]).replace(_SLASH, "/"),
        "confidence": best["confidence"],
        "entities": [{key: e.get(key) for key in ("start", "end", "entity")} for e in heard["entities"]],
        "answers": [one["name"].replace(_SLASH, "/") for one in heard.get("intent_ranking", [])[:3]],
    }


if __name__ == "__main__":
    main()
