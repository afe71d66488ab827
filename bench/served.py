"""Servers to be measured: started in processes of their own, watched, stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from bench.processes import family, pin
from scripts.services import free_port

ROOT = Path(__file__).parents[1]
PATIENCE = 120.0  # seconds until a server answers: a first start trains its bot


class NotReady(Exception):
    """A server that did not start; its log's end."""


class Served(ABC):
    """Something that answers callbacks at `path` on `ports`. A subclass says how it is started."""

    path = "/"
    database_url = ""  # where it stores them; empty: nowhere that we could look into

    def __init__(self, folder: Path, cores: Sequence[int] = (0,)) -> None:
        self.folder = folder
        self.ports = [free_port()]
        self._cores = cores
        self.log = folder / "server.log"
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def pids(self) -> list[int]:
        """Its processes, and theirs."""
        return family([process.pid for process in self._processes])

    @abstractmethod
    def start(self) -> None:
        """Start the processes and wait for them."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ctrl-C to all, and wait for them."""
        for process in self._processes:
            process.send_signal(signal.SIGINT)
        for process in self._processes:
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()

    def launch(self, command: Sequence[str], ready: Callable[[], bool], **more: str) -> None:
        """Start one process and wait until it is ready; NotReady if it ends or takes too long."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment(more),
                preexec_fn=lambda: pin(*self._cores),
            )
        self._processes.append(process)
        until = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
                raise NotReady(said.replace(f"{self.folder}/", ""))
            time.sleep(0.05)


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """What a server is started with: nothing that sets up a Parley, and our own code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PARLEY_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
