"""`parley worker`: the process that works beside a server."""

from __future__ import annotations

import sys

import typer

from parley.cli.becoming import become
from parley.cli.given import settings_from
from parley.cli.root import Config, app
from parley.cli.store import open_database
from parley.opening import idle_host, open_channels


@app.command(epilog="Example: parley worker --config /etc/parley/parley.toml")
def worker(config: Config = None) -> None:
    """Run more workers for the same database: all that `parley run` does but the web server."""
    settings = settings_from(config)
    if not settings.redis_url or settings.database_url.startswith("sqlite"):
        raise typer.BadParameter(
            "parley worker needs redis_url and a PostgreSQL database_url: "
            "without them parley run does everything in one process",
            param_hint="--config",
        )
    open_channels(settings, idle_host(settings))  # What is wrong is told here.
    with open_database(config):
        print("Parley works. Stop it with Ctrl-C.", file=sys.stderr, flush=True)
    become("parley.worker_process", str(settings.file))
