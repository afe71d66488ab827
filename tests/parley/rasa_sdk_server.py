"""Rasa's own action server with the table bot's actions, as a process of Rasa's environment."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.parley.serving import free_port
from tests.real_rasa import PYTHON

TABLE = Path(__file__).parent / "table"


@contextmanager
def action_server(folder: Path) -> Iterator[str]:
    """Run it in this folder; its address."""
    port = free_port()
    shutil.copy(TABLE / "actions.py", folder / "actions.py")
    process = subprocess.Popen(
        [PYTHON, "-m", "rasa_sdk", "--actions", "actions", "--port", str(port)],
        cwd=folder,
        env={**os.environ, "SANIC_HOST": "127.0.0.1", "PYTHONPATH": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health") as answer:
                assert answer.status == 200
                return
        except (URLError, ConnectionError):
            assert process.poll() is None, "the action server has ended"
            assert time.monotonic() < until, "the action server does not answer"
            time.sleep(0.1)
