"""A Parley of its own to be measured: `parley run`, a fresh database, the demo bot, one channel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from bench.callbacks import TOKEN
from bench.databases import backends
from bench.processes import pin
from scripts.services import free_port

ROOT = Path(__file__).parents[1]
PATH = "/webhooks/shop-wechat"
_SETTINGS = """
database_url = "{database_url}"
public_url = "http://127.0.0.1:{port}"
bot = "{root}/config/bot"
models_dir = "{root}/config/models"

[[channels]]
name = "shop-wechat"
kind = "wechat"
app_id = "wx00000000000000aa"
app_secret = "app-secret-of-a-bench"
token = "{token}"
api_base_url = "http://127.0.0.1:9"
"""


class NotReady(Exception):
    """A server that did not start; its log's end."""


class House:
    """The processes of one Parley. `path` and `port` are where its callbacks go."""

    path = PATH

    def __init__(self, folder: Path, database_url: str, cores: tuple[int, ...] = (0,)) -> None:
        self.port = free_port()
        self.database_url = database_url
        self._cores = cores
        self._config, self._log = folder / "parley.toml", folder / "server.log"
        values = {"database_url": database_url, "port": self.port, "root": ROOT, "token": TOKEN}
        self._config.write_text(_SETTINGS.format(**values), encoding="utf-8")
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        """Our processes."""
        return [process.pid for process in self._processes]

    @property
    def database_pids(self) -> list[int]:
        """The database server's processes that work for us."""
        return backends(self.database_url)

    def __enter__(self) -> Self:
        self._start("run", "--port", str(self.port))
        until = time.monotonic() + 120
        while not self._answers():
            if self._processes[0].poll() is not None or time.monotonic() > until:
                self.stop()
                raise NotReady(self._log.read_text(encoding="utf-8")[-3000:])
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ctrl-C to all, and wait for them."""
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            process.wait(60)
        self._processes.clear()

    def run(self, *words: str, typed: str = "") -> None:
        """Run a `parley` command to its end."""
        subprocess.run(self._command(*words), input=typed, env=_environment(), text=True, check=True)

    def _start(self, *words: str) -> None:
        with self._log.open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    self._command(*words),
                    stdout=log,
                    stderr=log,
                    env=_environment(),
                    preexec_fn=lambda: pin(*self._cores),
                )
            )

    def _command(self, *words: str) -> list[str]:
        main = "from parley.cli import main; main()"
        return [sys.executable, "-c", main, *words, "--config", str(self._config)]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return kept | {"PYTHONPATH": str(ROOT)}
