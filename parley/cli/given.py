"""What a command is given by its `--config`."""

from __future__ import annotations

import os
from pathlib import Path

from config.settings import Settings, read_settings


def settings_from(config: Path | None) -> Settings:
    """The settings of a command."""
    return read_settings(config, os.environ)
