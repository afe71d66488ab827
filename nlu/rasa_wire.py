"""One address of a Rasa server: JSON goes there, JSON comes back, or `EngineUnavailable` says why not."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from crm_store.messages import ParleyError

TIMEOUT = 30.0  # seconds, for all of an answer
LARGEST = 4 * 1024 * 1024  # bytes of an answer


class EngineUnavailable(ParleyError):
    """The Rasa server cannot be reached or does not answer as one."""


class EngineTimedOut(EngineUnavailable):
    """The Rasa server has not answered in time."""


def check_rasa_url(url: str) -> str:
    """The address of a Rasa server; ValueError in words if it is none."""
    parts = urlsplit(url)
    with suppress(ValueError):
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return url
    raise ValueError(f"expected rasa_url as in http://127.0.0.1:5005, got {url!r}")


class Wire:
    """Talks to one path of a server. Threads share it.

    `repeats`: the same twice does no harm. Then connections are kept open, and where the server had closed
    one meanwhile, it is asked again. Else every request has a connection of its own, and is sent once.
    """

    def __init__(self, url: str, path: str, timeout: float, *, repeats: bool) -> None:
        parts = urlsplit(check_rasa_url(url))
        self._https = parts.scheme == "https"
        self._host, self._port = str(parts.hostname), parts.port
        self._path = f"{parts.path.rstrip('/')}{path}"
        self._timeout = timeout
        self._repeats = repeats
        self._idle: list[http.client.HTTPConnection] = []  # open, and nobody waits for an answer on them

    def post(self, value: Mapping[str, Any]) -> Any:
        """The JSON value that the server answers; `EngineUnavailable`, `EngineTimedOut`."""
        return self._read(*self._post(json.dumps(value).encode()))

    def get(self) -> Any:
        """The JSON value that is there; `EngineUnavailable`, `EngineTimedOut`."""
        return self._read(*self._exchange(self._connect(), None))

    def _read(self, status: int, body: bytes) -> Any:
        try:
            result = json.loads(body)
        except (ValueError, RecursionError):
            result = None
        if status != 200 or result is None:
            raise EngineUnavailable(f"expected JSON from {self.where}, got HTTP {status}")
        return result

    def close(self) -> None:
        """Close the connections that are kept."""
        while (kept := self._find_idle()) is not None:
            kept.close()

    @property
    def where(self) -> str:
        """Host, port and path, for messages."""
        return f"{self._host}:{self._port or (443 if self._https else 80)}{self._path}"

    def _post(self, body: bytes) -> tuple[int, bytes]:
        kept = self._find_idle()
        if kept is not None:
            # One that the server had closed meanwhile: asking again does no harm.
            with suppress(http.client.RemoteDisconnected, ConnectionError):
                return self._exchange(kept, body, was_idle=True)
        return self._exchange(self._connect(), body)

    def _find_idle(self) -> http.client.HTTPConnection | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=self._timeout)

    def _exchange(
        self, connection: http.client.HTTPConnection, body: bytes | None, *, was_idle: bool = False
    ) -> tuple[int, bytes]:
        """One request and all of its answer; a connection that failed is closed."""
        cut = _Cut(connection)
        timer = threading.Timer(self._timeout, cut)
        timer.daemon = True
        timer.start()
        try:
            answer = self._asked(connection, body)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two come from a connection that was cut in the midst of something.
            connection.close()
            if cut.done or isinstance(error, TimeoutError):
                told = f"no answer from the Rasa server at {self.where} within {self._timeout:g} s"
                raise EngineTimedOut(told) from error
            if was_idle and isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                raise
            # Not its message, which may repeat what came over the wire.
            told = f"no answer from the Rasa server at {self.where}: {type(error).__name__}"
            raise EngineUnavailable(told) from error
        finally:
            timer.cancel()
        if self._repeats:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def _asked(self, connection: http.client.HTTPConnection, body: bytes | None) -> tuple[int, bytes]:
        """The answer to a POST of the body, or to a GET where there is none."""
        method = "GET" if body is None else "POST"
        connection.request(method, self._path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read(LARGEST + 1)
        if len(answer) > LARGEST or response.length:
            raise http.client.HTTPException  # Too much, or cut short.
        return response.status, answer


class _Cut:
    """Ends a connection when its time is up: a time-out of the socket begins anew with every byte."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self.done = False

    def __call__(self) -> None:
        self.done = True
        open_socket = self._connection.sock
        if open_socket is not None:
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
