"""What the local Telegram says when it will not: error envelopes with the real ones' codes and words."""

from __future__ import annotations

from typing import Any, Self


class Refusal(Exception):
    """A call is refused; `envelope` is what the caller reads."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code
        self.description = description
        self.parameters = parameters

    @property
    def envelope(self) -> dict[str, Any]:
        """The answer's body."""
        said: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return said | ({"parameters": self.parameters} if self.parameters else {})

    @classmethod
    def bad(cls, description: str) -> Self:
        """400 with what is wrong about the request."""
        return cls(400, f"Bad Request: {description}")

    @classmethod
    def slow_down(cls, seconds: int) -> Self:
        """429 with the pause that is asked for."""
        return cls(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
