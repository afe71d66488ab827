"""The command line: one file per group of commands. Exits 0 (ok), 1 (did not hold) or 2 (wrong use)."""

from __future__ import annotations

import sys

import parley.cli.backups
import parley.cli.bots
import parley.cli.run
import parley.cli.simulate
import parley.cli.staff
import parley.cli.store
import parley.cli.talk  # noqa: F401  (each file adds its commands)
from parley.cli.root import app


def main() -> None:
    """Run the command that was typed."""
    from config.reading import SettingsError
    from crm_store.messages import ParleyError
    from nlu.reading import ProjectErrors

    try:
        app()
    except (SettingsError, ProjectErrors, ParleyError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


__all__ = ["app", "main"]
