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
from bench.served import ROOT, Served, environment

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
    """`parley run`, and `parley worker` so often that there are `processes` in all."""

    path = "/webhooks/shop-wechat"

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        redis_url: str = "",
        processes: int = 1,
        cores: Sequence[int] = (0,),
    ) -> None:
        super().__init__(folder, cores)
        self.database_url = database_url
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self._config = folder / "parley.toml"
        self._workers = processes - 1
        settings = _SETTINGS.format(
            database_url=database_url, redis_url=redis_url, port=self.ports[0], root=ROOT, token=TOKEN
        )
        self._config.write_text(settings, encoding="utf-8")

    def start(self) -> None:
        """The one that listens first: it migrates the database."""
        ready = partial(_is_ready, self.url)
        self.launch(self._command("run", "--port", str(self.ports[0])), ready)
        for _ in range(self._workers):
            self.launch(self._command("worker"), ready)

    def run(self, *words: str, typed: str = "") -> None:
        """Run a `parley` command to its end."""
        command = self._command(*words)
        subprocess.run(
            command, input=typed, env=environment({}), text=True, stdout=subprocess.DEVNULL, check=True
        )

    def _command(self, *words: str) -> list[str]:
        main = "from parley.cli import main; main()"
        return [sys.executable, "-c", main, *words, "--config", str(self._config)]


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
