"""How a command becomes a server or worker under the same id: without what only commands need (20 MB)."""

from __future__ import annotations

import os
import sys
from importlib.util import cache_from_source, find_spec
from pathlib import Path

# Scoring a batch of texts is one small matrix product: more threads only cost memory.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


def become(module: str, *arguments: str) -> None:
    """A process of its own: the module shuts out what commands need, and -OO what only readers do."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    sys.stdout.flush()
    # Only where libraries are compiled for it (`make .venv` does): else each start would take seconds more.
    large = find_spec("sqlalchemy")
    compiled = large and large.origin and Path(cache_from_source(large.origin, optimization=2)).exists()
    options = ["-OO"] if compiled else []
    command = [sys.executable, *options, "-m", module, *arguments]
    os.execv(sys.executable, command)  # noqa: S606  (our own interpreter and module)
