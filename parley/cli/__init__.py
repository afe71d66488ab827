"""The command line: one file per group of commands. Exits 0 (ok), 1 (did not hold) or 2 (wrong use)."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

# Whoever asks for one command does not wait for what others load: where those of a first word are.
FILES: Mapping[str, Sequence[str]] = {
    "bot": ("bots",),
    "chat": ("talk",),
    "check": ("check",),
    "db": ("backups", "store"),
    "run": ("run",),
    "simulate": ("simulate",),
    "token": ("store",),
    "user": ("staff",),
    "worker": ("worker",),
}


def main() -> None:
    """Run the command that was typed."""
    gc.disable()  # What is loaded stays: looking through it takes a sixth of the time.
    for name in FILES.get(sys.argv[1] if len(sys.argv) > 1 else "", ("every",)):
        import_module(f"parley.cli.{name}")
    gc.freeze()
    gc.enable()
    from parley.cli.root import app  # and the library of commands, which takes its time too

    try:
        app()
    except _refusals() as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _refusals() -> tuple[type[Exception], ...]:
    """What is told in words. Asked only when something was raised, so that it loads nothing otherwise."""
    from config.reading import SettingsError
    from crm_store.messages import ParleyError
    from nlu.reading import ProjectErrors

    return SettingsError, ProjectErrors, ParleyError


__all__ = ["main"]
