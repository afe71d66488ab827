"""`parley run`. It loads only what becoming the server takes; what is wrong with settings, that tells."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from parley.cli.becoming import become
from parley.cli.root import Config, app


@app.command(epilog="Example: parley run --config /etc/parley/parley.toml --host 0.0.0.0 --port 8000")
def run(
    config: Config = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port to listen on")] = 8000,
) -> None:
    """Run everything in one process: web, workers, delivery."""
    become("parley.server", str(config or ""), host, str(port), sys.argv[0])
