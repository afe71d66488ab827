"""Faults by script: what a local platform shall do wrong, and how many times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Fault:
    """A fault that waits for its moment."""

    kind: str  # the platform's own word: "timeout", "500", "429", "reset", "duplicate" …
    match: str  # a method or path; "*" fits every one
    times: int  # how often it still strikes


class Faults:
    """The scripted faults of one platform, struck in the order of scripting."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def script(self, kind: str, match: str = "*", times: int = 1) -> None:
        """Let the next `times` calls that fit `match` (exact, or "*" for all) fail as `kind`."""
        if times < 1:
            raise ValueError(f"expected times >= 1, got {times}")
        self._waiting.append(Fault(kind, match, times))

    def take(self, match: str) -> str | None:
        """The kind of fault that strikes this call, used up by one; None if all is well."""
        for fault in self._waiting:
            if fault.match in ("*", match):
                fault.times -= 1
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault.kind
        return None

    def waiting(self) -> list[Fault]:
        """The faults that have yet to strike, in order."""
        return list(self._waiting)

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()
