"""Every command: for what asks for all of them, and for whoever lists or tests them."""

from __future__ import annotations

import parley.cli.backups
import parley.cli.bots
import parley.cli.check
import parley.cli.run
import parley.cli.simulate
import parley.cli.staff
import parley.cli.store
import parley.cli.talk
import parley.cli.worker  # noqa: F401  (each file adds its commands)
from parley.cli.root import app

__all__ = ["app"]
