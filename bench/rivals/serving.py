"""The rivals as servers: WeRoBot in its own environment, and a bare ASGI function."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from bench.callbacks import TOKEN
from bench.served import ROOT, NotReady, Served, listens

ENVIRONMENT = ROOT / ".venv-bench" / "bin"
# More threads would each open the session's database, and most messages end in "database is locked".
_ONE_THREAD = ("--blocking-threads", "1")


class WeRoBot(Served):
    """WeRoBot on its default server, or on granian; with its default session in SQLite, or with none."""

    def __init__(self, folder: Path, *, session: bool, granian: bool = False) -> None:
        super().__init__(folder)
        self._session = "sqlite" if session else ""
        module, port = "bench.rivals.werobot_shop", str(self.ports[0])
        self._command = [str(ENVIRONMENT / "python"), "-m", module, port]
        if granian:
            served = [
                "--interface",
                "wsgi",
                "--port",
                port,
                "--workers",
                "1",
                "--no-ws",
                *_ONE_THREAD,
                f"{module}:wsgi",
            ]
            self._command = [str(ENVIRONMENT / "granian"), *served]

    def start(self) -> None:
        """One process."""
        if not Path(self._command[0]).exists():
            raise NotReady("`make .venv-bench` builds the environment of the rivals.")
        ready = partial(listens, self.ports[0])
        self.launch(self._command, ready, BENCH_TOKEN=TOKEN, BENCH_SESSION=self._session)


class Bare(Served):
    """An ASGI function on uvicorn that stores nothing."""

    def start(self) -> None:
        """One process."""
        app = ["bench.rivals.bare:app", "--port", str(self.ports[0]), "--no-access-log"]
        command = [sys.executable, "-m", "uvicorn", *app, "--log-level", "warning", "--lifespan", "off"]
        self.launch(command, partial(listens, self.ports[0]), BENCH_TOKEN=TOKEN)
