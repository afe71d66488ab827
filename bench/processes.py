"""What processes use: CPU and memory as the kernel counts them, and on which cores they may run."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Used:
    """What some processes have used together."""

    cpu: float  # seconds since they began
    memory: int  # bytes, resident now


def used(pids: Collection[int]) -> Used:
    """CPU and memory of processes; one that has ended counts for nothing."""
    return Used(sum(map(_cpu, pids)), sum(map(_memory, pids)))


def cpu_of(pids: Collection[int]) -> dict[int, float]:
    """CPU seconds of each process."""
    return {pid: _cpu(pid) for pid in pids}


def family(pids: Sequence[int]) -> list[int]:
    """These processes and all that descend from them."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    found = list(pids)
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def pin(*numbers: int) -> None:
    """Let this process and what it starts run on these cores only, if there are two or more."""
    if len(CORES) > 1:
        os.sched_setaffinity(0, {CORES[number % len(CORES)] for number in numbers})


def _stat(process: Path) -> list[str]:
    """The fields behind the name, which may hold anything: state, parent, …; empty if it has ended."""
    try:
        return (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []


def _parent(process: Path) -> int:
    fields = _stat(process)
    return int(fields[1]) if fields else 0


def _cpu(pid: int) -> float:
    fields = _stat(Path(f"/proc/{pid}"))
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
