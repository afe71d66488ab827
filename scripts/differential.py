"""Write tests/differential/answers.jsonl.xz anew: what a real Rasa does with random projects.

`make .venv-rasa/rasa.stamp`, then `python -m scripts.differential [FIRST SEED] [LAST SEED]`, about five
minutes. A line holds a project with its dialogues, and Rasa's answer; most of those that Rasa refuses to
train are left out.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.differential.inventing import invent

ROOT = Path(__file__).parent.parent
RASA = ROOT / ".venv-rasa" / "bin" / "python"
ASK = ROOT / "tests" / "differential" / "rasa_answers.py"
ANSWERS = ROOT / "tests" / "differential" / "answers.jsonl.xz"
DIALOGUES = 12
REFUSED_KEPT = 4  # every so many of the refused projects one is kept


def answers(projects: list[dict[str, Any]], python: Path = RASA) -> list[dict[str, Any]]:
    """What Rasa makes of these projects."""
    lines = "".join(json.dumps(project) + "\n" for project in projects)
    done = subprocess.run(
        [str(python), str(ASK)], input=lines, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(seeds: range) -> Iterator[str]:
    """Lines of the file."""
    projects = [invent(seed, DIALOGUES) for seed in seeds]
    refused = 0
    for project, answer in zip(projects, answers(projects), strict=True):
        if "error" in answer:
            refused += 1
            project = {**project, "dialogues": []}
        if "error" not in answer or refused % REFUSED_KEPT == 0:
            yield json.dumps({"project": project, "answer": answer}, ensure_ascii=False) + "\n"


def main(first: int = 1, last: int = 370) -> None:
    """Ask for all seeds, and write."""
    text = "".join(kept(range(first, last + 1)))
    ANSWERS.write_bytes(lzma.compress(text.encode(), preset=9))
    print(
        f"{ANSWERS.relative_to(ROOT)}: {len(text.splitlines())} projects, {ANSWERS.stat().st_size:,} bytes"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
