"""A real `parley run` in a process of its own, with a configuration for one test."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Self

from config.settings import DAYS

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "config" / "models"
HOURS = "[opening_hours]\n" + "".join(f'{day} = "10:00-21:30"\n' for day in DAYS)
CHANNELS = """
[[channels]]
name = "site"
kind = "webchat"

[[channels]]
name = "shop-wechat"
kind = "wechat"
app_id = "wx00000000000000aa"
app_secret = "app-secret-of-a-test"
token = "token-of-a-test"
api_base_url = "{wechat}"
customer_service_messages = {customer_service}

[[channels]]
name = "safe-wechat"
kind = "wechat"
app_id = "wx00000000000000bb"
app_secret = "app-secret-of-a-test"
token = "token-of-a-test"
encoding_aes_key = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY"
api_base_url = "{wechat}"

[[channels]]
name = "shop-telegram"
kind = "telegram"
bot_token = "123456:token-of-a-test"
webhook_secret = "secret-of-a-test"
api_base_url = "{telegram}"
"""


_ANY = random.SystemRandom()


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection meanwhile."""
    while True:
        port = _ANY.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server:
    """`parley run`, to be started, killed and started again on the same database."""

    def __init__(
        self,
        folder: Path,
        database_url: str,
        *,
        wechat: str = "http://127.0.0.1:9",
        telegram: str = "http://127.0.0.1:9",
        customer_service: bool = True,
        bot: Path = ROOT / "config" / "bot",
        redis_url: str = "",
        more: str = "",
    ) -> None:
        """`more`: further tables of the settings."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.config = folder / "parley.toml"
        self.log = folder / "server.log"
        channels = CHANNELS.format(
            wechat=wechat, telegram=telegram, customer_service=str(customer_service).lower()
        )
        head = f'database_url = "{database_url}"\npublic_url = "{self.url}"\nbot = "{bot}"\n'
        head += f'redis_url = "{redis_url}"\n' if redis_url else ""
        head += f'models_dir = "{MODELS}"\n[log]\nformat = "json"\n' + HOURS + more
        self.config.write_text(head + channels, encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command("run"), "--port", str(self.port)], stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while not self._ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"parley run did not get ready:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        assert self.process
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        """Ctrl-C, and wait."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)

    def command(self, *words: str) -> list[str]:
        """A `parley` command with this configuration."""
        return [
            sys.executable,
            "-c",
            "from parley.cli import main; main()",
            *words,
            "--config",
            str(self.config),
        ]

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a `parley` command to its end."""
        return subprocess.run(
            self.command(*words), input=typed, capture_output=True, text=True, timeout=60, check=False
        )

    def memory(self) -> int:
        """Resident memory in bytes."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
