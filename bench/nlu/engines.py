"""Who is measured: Parley, plain scikit-learn, and real Rasa where its environment is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCIKIT = ROOT / ".venv-bench" / "bin" / "python"
RASA = ROOT / ".venv-rasa" / "bin" / "python"


class LeftOut(Exception):
    """This engine cannot be measured here."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A name and the command that takes a task on standard input; with steps, one command for each."""

    name: str
    python: Path
    module: str
    argument: str = ""
    steps: Sequence[str] = ()

    def measure(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """What it found: seconds, megabytes and answers."""
        if not self.python.exists():
            raise LeftOut(f"there is no {self.python}")
        with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
            found: dict[str, Any] = {}
            for step in self.steps or ("",):
                more = [step, f"{folder}/model"] if step else [self.argument]
                found |= self._run([one for one in more if one], json.dumps(task), folder)
            return found

    def _run(self, arguments: Sequence[str], task: str, folder: str) -> dict[str, Any]:
        # In a folder that goes away: Rasa leaves a cache where it is started.
        done = subprocess.run(
            [str(self.python), "-m", f"bench.nlu.{self.module}", *arguments],
            cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
            input=task, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise LeftOut((done.stderr.strip().splitlines() or ["it failed"])[-1])
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found


def engines() -> list[Engine]:
    """All, ours first."""
    scikit = [
        Engine(f"scikit-learn, {name}", SCIKIT, "scikit_engine", kind)
        for kind, name in (("logistic", "logistic"), ("svm", "linear SVM"), ("neighbour", "nearest"))
    ]
    ours = Engine("Parley", Path(sys.executable), "parley_engine", steps=("train", "serve"))
    return [ours, *scikit, Engine("Rasa DIET", RASA, "rasa_engine")]
