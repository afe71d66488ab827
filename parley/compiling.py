"""Loads all that a server may load, so that no start has to compile it: `python -OO -m parley.compiling`.

Done where an environment is built (`make .venv`, the image): there is written what starts may only read.
"""

from __future__ import annotations

from pkgutil import iter_modules

import parley.server  # before all others: it shuts out what no server wants

# isort: split
from sqlalchemy import make_url
from starlette.applications import Starlette
from uvicorn.config import Config

import bots
import parley.together
import parley.worker_process  # noqa: F401  (loading is all that is wanted)
from actions.base import load_actions
from bots.base import find_channel

# The web server and the database choose their parts by name, when they begin.
DATABASES = ("sqlite://", "postgresql+psycopg://")


def load() -> None:
    """Load every channel and action, and what web server and databases choose when they begin."""
    load_actions()
    for module in iter_modules(bots.__path__):
        try:
            find_channel(module.name)
        except LookupError:  # It holds what channels share, or stands in for a platform.
            continue
    server = Config(Starlette())
    server.get_loop_factory()
    server.load()
    for url in DATABASES:
        make_url(url).get_dialect().import_dbapi()


if __name__ == "__main__":
    load()
