"""The server process: `python -m parley.server CONFIG HOST PORT`, which `parley run` becomes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn

from config.settings import read_settings
from parley.app import create_app
from parley.house import House
from parley.logs import set_up_log

# Scoring a batch of texts is one small matrix product: more threads only cost memory.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
GRACE_SECONDS = 15


def become_server(config: Path, host: str, port: int) -> None:
    """Turn this process into the server: without what only commands need (20 MB), under the same id."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    sys.stdout.flush()
    command = [sys.executable, "-m", "parley.server", str(config), host, str(port)]
    os.execv(sys.executable, command)  # noqa: S606  (our own interpreter and module)


def serve(config: Path, host: str, port: int) -> bool:
    """Serve until a signal comes; False if it could not start."""
    settings = read_settings(config, os.environ)
    set_up_log(settings.log.level, settings.log.format)
    house = House(settings, tell=_tell)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(house),
            host=host,
            port=port,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws_max_size=64 * 1024,
        )
    )
    server.run()
    return server.started


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    file, name, number = sys.argv[1:]
    sys.exit(0 if serve(Path(file), name, int(number)) else 1)
