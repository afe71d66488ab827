"""What every engine's process measures of itself. Standard library only: Rasa needs a Python of its own."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

SINGLES = 500  # texts that are asked one at a time
_MB = 1024 * 1024


class Meter:
    """Seconds and megabytes of one engine, step by step, and what it answered."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {"imported_mb": round(memory())}

    def train(self, learn: Callable[[], Any]) -> Any:
        """Learn, with the time it takes and the memory it adds at its peak."""
        before, begun = memory(), time.perf_counter()
        learned = learn()
        self.found["train_seconds"] = round(time.perf_counter() - begun, 2)
        self.found["train_mb"] = round(max(0.0, peak() - before))
        return learned

    def ask(self, texts: Sequence[str], understand: Callable[[Sequence[str]], list[Any]]) -> None:
        """Ask all at once and some one by one, with the texts a second and the time of one."""
        understand(texts[:64])
        begun = time.perf_counter()
        self.found["answers"] = understand(texts)
        self.found["texts_per_second"] = round(len(texts) / (time.perf_counter() - begun))
        some = texts[:SINGLES]
        begun = time.perf_counter()
        for text in some:
            understand([text])
        self.found["single_us"] = round((time.perf_counter() - begun) / len(some) * 1e6)

    def write(self) -> None:
        """Everything, as JSON in the last line of standard output: Rasa writes there, too."""
        sys.stdout.write(f"\n{json.dumps(self.found)}\n")


def memory() -> float:
    """Megabytes of this process that are in memory."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / _MB
    return peak()


def peak() -> float:
    """The most megabytes that this process ever had in memory."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / _MB if sys.platform == "darwin" else most / 1024


def read_task() -> dict[str, Any]:
    """`{"train": rows, "asked": texts}` from standard input."""
    task: dict[str, Any] = json.load(sys.stdin)
    return task
