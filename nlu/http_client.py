"""Asking a server elsewhere: one request by HTTP, one answer, and one deadline for all of it.

For threads that may wait; never to be called while a transaction is open.
"""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

LARGEST = 4 * 1024 * 1024  # bytes of an answer
_PIECE = 64 * 1024


class NoAnswer(Exception):
    """There was no answer, or none to be used. `sent`: the server may have heard the question.

    What it says names no header and no word that went over the wire.
    """

    def __init__(self, what: str, *, sent: bool) -> None:
        super().__init__(what)
        self.sent = sent


class TooLate(NoAnswer):
    """The deadline was over first."""


class TooLarge(NoAnswer):
    """The answer had more bytes than anybody wants to read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered, whatever its status."""

    status: int
    headers: Message
    body: bytes


class HttpServer:
    """One server. Threads share it.

    `repeats`: the same question twice does no harm. Then connections are kept open, and where the server
    had closed one meanwhile, it is asked again. Else each question has a connection of its own, and is sent
    once.
    """

    def __init__(self, url: str, *, repeats: bool) -> None:
        """`url`: its address, to which the paths are added; ValueError in words if it is none."""
        self._https, self._host, self._port, self._base = _parts_of(url)
        self._repeats = repeats
        self._idle: list[http.client.HTTPConnection] = []  # open, and nobody waits for an answer on them
        self._asking: set[_Cut] = set()
        self._stopped = False

    @property
    def where(self) -> str:
        """Host, port and path, for messages."""
        return f"{self._host}:{self._port}{self._base}"

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        within: float,
        largest: int = LARGEST,
    ) -> Answer:
        """Send JSON; the answer within so many seconds from now, or `NoAnswer`."""
        headers = {"Content-Type": "application/json", **headers}
        return self._ask(_Asked("POST", self._base + path, body, headers, largest), within)

    def get(
        self, path: str, headers: Mapping[str, str], *, within: float, largest: int = LARGEST
    ) -> Answer:
        """What is there, within so many seconds from now, or `NoAnswer`."""
        return self._ask(_Asked("GET", self._base + path, None, headers, largest), within)

    def _ask(self, asked: _Asked, within: float) -> Answer:
        until = time.monotonic() + within
        kept = self._find_idle()
        if kept is not None:
            # One that the server had closed meanwhile: asking again does no harm.
            with suppress(http.client.RemoteDisconnected, ConnectionError):
                return self._exchange(kept, asked, until, was_idle=True)
        return self._exchange(self._connection(), asked, until)

    def close(self) -> None:
        """Close the connections that are kept."""
        while (kept := self._find_idle()) is not None:
            kept.close()

    def stop(self) -> None:
        """Cut what is being asked, and ask nothing any more: whoever waits gets a `NoAnswer` now."""
        self._stopped = True
        for cut in tuple(self._asking):
            cut()
        self.close()

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
        return kind(self._host, self._port)

    def _find_idle(self) -> http.client.HTTPConnection | None:
        with suppress(IndexError):
            return self._idle.pop()
        return None

    def _exchange(
        self, connection: http.client.HTTPConnection, asked: _Asked, until: float, *, was_idle: bool = False
    ) -> Answer:
        left = until - time.monotonic()
        if left <= 0 or self._stopped:
            connection.close()
            raise TooLate("no time was left to ask", sent=False)
        connection.timeout = left
        if connection.sock is not None:
            connection.sock.settimeout(left)
        cut, sent = _Cut(connection.sock), was_idle
        timer = threading.Timer(left, cut)
        timer.daemon = True
        timer.start()
        self._asking.add(cut)
        try:
            if not was_idle:
                connection.connect()
                cut.socket, sent = connection.sock, True
                if cut.done:
                    raise TimeoutError
            answer = asked.through(connection)
        except NoAnswer:
            connection.close()
            raise
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            # The last two come from a connection that was cut in the midst of something.
            connection.close()
            if cut.done or isinstance(error, TimeoutError):
                raise TooLate(f"no answer within {left:.3g} s", sent=sent) from None
            if was_idle and isinstance(error, http.client.RemoteDisconnected | ConnectionError):
                raise
            raise NoAnswer(type(error).__name__, sent=sent) from None
        finally:
            timer.cancel()
            self._asking.discard(cut)
        if cut.done:  # An answer without a length just ends where it is cut.
            connection.close()
            raise TooLate(f"no answer within {left:.3g} s", sent=True)
        if self._repeats:
            self._idle.append(connection)
        else:
            connection.close()
        return answer


def _parts_of(url: str) -> tuple[bool, str, int, str]:
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            https = parts.scheme == "https"
            return https, parts.hostname, parts.port or (443 if https else 80), parts.path.rstrip("/")
    raise ValueError(f"expected an address as in http://127.0.0.1:5005, got {url!r}")


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    path: str
    body: bytes | None
    headers: Mapping[str, str]
    largest: int

    def through(self, connection: http.client.HTTPConnection) -> Answer:
        """The answer on this connection, whole."""
        connection.request(self.method, self.path, self.body, dict(self.headers))
        # Closed whatever comes: an answer without a length has taken the socket over from the connection.
        with connection.getresponse() as response:
            body = bytearray()
            while piece := response.read1(_PIECE):
                body += piece
                if len(body) > self.largest:
                    raise TooLarge(f"the answer has more than {self.largest} bytes", sent=True)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        return Answer(response.status, response.headers, bytes(body))


class _Cut:
    """Ends a connection when its time is up: a time-out of the socket begins anew with every byte."""

    def __init__(self, open_socket: socket.socket | None) -> None:
        # Not asked of the connection, which forgets it while an answer without a length is still read.
        self.socket = open_socket
        self.done = False

    def __call__(self) -> None:
        self.done = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
