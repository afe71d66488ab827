"""The real Rasa, for tests that hold ours against it: in an environment of its own, of Python 3.10."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BUILT = Path(__file__).parents[1] / ".venv-rasa" / "bin" / "rasa"
PROGRAM = Path(os.environ.get("PARLEY_TEST_RASA") or BUILT)
PYTHON = PROGRAM.parent / "python"


def need_rasa() -> None:
    """Skip the test where no Rasa is installed, as on machines without Python 3.10."""
    if not PROGRAM.exists():
        pytest.skip("make .venv-rasa/rasa.stamp builds the real Rasa")
