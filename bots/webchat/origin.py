"""Which pages may open the chat's wire or frame it: our own, and those of `allowed_origins`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection


class Origins:
    """The origins that a chat page trusts. Browsers name theirs on every socket and every POST."""

    def __init__(self, public_url: str, allowed: Sequence[str]) -> None:
        own = urlsplit(public_url)
        self.allowed = tuple(allowed)
        self._trusted = {*allowed, f"{own.scheme}://{own.netloc.lower()}"} if own.netloc else {*allowed}

    def trusts(self, connection: HTTPConnection) -> bool:
        """True if the request names its origin, and names one that may use the wire."""
        return self.trusts_origin(connection.headers.get("origin", ""), connection)

    def trusts_origin(self, origin: str, connection: HTTPConnection) -> bool:
        """True if `origin` is listed, or is the very address that the request was sent to."""
        if origin.lower() in self._trusted:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        own = connection.headers.get("host", "").lower()
        return parts.scheme in ("http", "https") and bool(own) and parts.netloc.lower() == own
