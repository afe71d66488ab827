"""One address of a Rasa server: JSON goes there, JSON comes back, or `EngineUnavailable` says why not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crm_store.messages import ParleyError
from nlu.http_client import HttpServer, NoAnswer, TooLate

TIMEOUT = 30.0  # seconds, for all of an answer


class EngineUnavailable(ParleyError):
    """The Rasa server cannot be reached or does not answer as one."""


class EngineTimedOut(EngineUnavailable):
    """The Rasa server has not answered in time."""


class Wire:
    """Talks to one path of a server. Threads share it. `repeats`: the same twice does no harm."""

    def __init__(self, url: str, path: str, timeout: float, *, repeats: bool) -> None:
        self._server = HttpServer(url, repeats=repeats)
        self._path, self._timeout = path, timeout

    @property
    def where(self) -> str:
        """Host, port and path, for messages."""
        return self._server.where + self._path

    def post(self, value: Mapping[str, Any]) -> Any:
        """The JSON value that the server answers; `EngineUnavailable`, `EngineTimedOut`."""
        return self._ask(json.dumps(value).encode())

    def get(self) -> Any:
        """The JSON value that is there; `EngineUnavailable`, `EngineTimedOut`."""
        return self._ask(None)

    def close(self) -> None:
        """Close the connections that are kept."""
        self._server.close()

    def _ask(self, body: bytes | None) -> Any:
        try:
            if body is None:
                answer = self._server.get(self._path, {}, within=self._timeout)
            else:
                answer = self._server.post(self._path, body, {}, within=self._timeout)
        except TooLate as error:
            told = f"no answer from the Rasa server at {self.where} within {self._timeout:g} s"
            raise EngineTimedOut(told) from error
        except NoAnswer as error:
            raise EngineUnavailable(f"no answer from the Rasa server at {self.where}: {error}") from error
        try:
            result = json.loads(answer.body)
        except (ValueError, RecursionError):
            result = None
        if answer.status != 200 or result is None:
            raise EngineUnavailable(f"expected JSON from {self.where}, got HTTP {answer.status}")
        return result
