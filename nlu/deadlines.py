"""A request over HTTP has a deadline for all of it, not for each of its steps."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def ended_after(seconds: float, connection: http.client.HTTPConnection) -> Iterator[None]:
    """Hang up when the time is over: a time-out of its own begins anew with every byte that drips in."""

    def hang_up() -> None:
        if connection.sock is not None:
            with suppress(OSError):  # It may be closed already.
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
