"""A Parley of its own to be measured: a fresh database, the demo bot, one channel."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench.callbacks import TOKEN
from bench.processes import CORES
from bench.served import ROOT, Served, environment
from scripts.services import free_port

_SETTINGS = """
database_url = "{database_url}"
redis_url = "{redis_url}"
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


class House(Served):
    """So many `parley run`, sharing the load as behind a balancer, and so many `parley worker`."""

    path = "/webhooks/shop-wechat"

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        redis_url: str = "",
        processes: int = 1,
        workers: int = 0,
    ) -> None:
        super().__init__(folder, _cores(processes + workers))
        self.database_url = database_url
        self.ports += [free_port() for _ in range(processes - 1)]
        self.url = _url(self.ports[0])
        self._config = folder / "parley.toml"
        self._workers = workers
        settings = _SETTINGS.format(
            database_url=database_url, redis_url=redis_url, port=self.ports[0], root=ROOT, token=TOKEN
        )
        self._config.write_text(settings, encoding="utf-8")

    def start(self) -> None:
        """One after the other: the first migrates the database."""
        for port in self.ports:
            self.launch(self._command("run", "--port", str(port)), partial(_is_ready, port))
        for number in range(1, self._workers + 1):
            self.launch(self._command("worker"), partial(self._opened, len(self.ports) + number))

    def _opened(self, houses: int) -> bool:
        """Whether so many have said that they are open: a worker has no port to ask."""
        return self.log.read_bytes().count(b"house.opened") >= houses

    def run(self, *words: str, typed: str = "") -> None:
        """Run a `parley` command to its end."""
        command = self._command(*words)
        subprocess.run(
            command, input=typed, env=environment({}), text=True, stdout=subprocess.DEVNULL, check=True
        )

    def _command(self, *words: str) -> list[str]:
        main = "from parley.cli import main; main()"
        return [sys.executable, "-c", main, *words, "--config", str(self._config)]


def _cores(processes: int) -> Sequence[int]:
    """A core each, and the second for the load; where there are not enough, all share all."""
    own = [0, *range(2, processes + 1)]
    return own if len(CORES) > max(own) else range(len(CORES))


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"{_url(port)}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
