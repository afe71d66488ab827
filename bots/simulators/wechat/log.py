"""What is kept of the calls to the platform, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Called:
    """One call in the log. Neither token nor secret is kept."""

    at: datetime
    method: str
    path: str
    status: int
    code: int
    body: str = ""
    answer: str = ""
    number: int = 0  # counts up

    def to_json(self) -> dict[str, Any]:
        """A JSON object for the page."""
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "code": self.code,
            "body": self.body,
            "answer": self.answer,
        }
