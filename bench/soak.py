"""A long load on one house, to see whether its memory stays flat."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.candidates import Candidate
from bench.checking import faults
from bench.measuring import Measurer
from bench.results import Soaked

SAMPLES = 60


def soak(candidate: Candidate, seconds: float, rate: float, *, connections: int, customers: int) -> Soaked:
    """Put `rate` messages a second on it for so long, looking at its memory sixty times."""
    with (
        tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
        candidate.open(Path(folder)) as served,
    ):
        measurer = Measurer(served, connections=connections, customers=customers)
        measured = [measurer.measure(seconds / SAMPLES, rate) for _ in range(SAMPLES)]
        served.stop()
        found = faults(served.database_url, measurer.acknowledged)
    return Soaked(
        name=candidate.name,
        seconds=seconds,
        messages=sum(figures.messages for figures in measured),
        memory=[figures.memory for figures in measured],
        faults=measurer.complaints[:3] + found,
    )
