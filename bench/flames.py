"""A flame graph of a running server, drawn by py-spy: where its time goes, without touching it."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TOOLS = Path(__file__).parents[1] / ".venv-bench" / "bin"


class NoProfiler(Exception):
    """py-spy is not there, or may not look into other processes."""


@contextmanager
def flame(pid: int, svg: Path | None) -> Iterator[None]:
    """Watch a process while the block runs and write the graph; nothing where no file is named."""
    if svg is None:
        yield
        return
    program = shutil.which("py-spy", path=str(TOOLS)) or shutil.which("py-spy")
    if program is None:
        raise NoProfiler("py-spy is missing: `make .venv-bench` installs it.")
    command = [program, "record", "--pid", str(pid), "--output", str(svg), "--rate", "200"]
    watching = subprocess.Popen([*command, "--threads"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)
    if watching.returncode or not svg.exists():
        raise NoProfiler(f"py-spy could not watch the server: {said.decode(errors='replace').strip()}")
