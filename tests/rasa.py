"""A stand-in for a Rasa server on a real socket: it does to each text what the text says.

`wait 3` takes three seconds (at the stand-in's pace), `gate` until the gate is opened; `error` is a 500,
`reset` a connection that breaks off, `rubbish` no JSON, `shape` JSON of another kind, `drip` an answer
without end, `hang` none at all. All else is answered at once. Whatever is asked is remembered.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.http_servers import serving

Json = dict[str, Any]


class RasaStandIn(ThreadingHTTPServer):
    """Serves `/model/parse`, and the REST channel under `/webhooks/rest/`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, pace: float = 1.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pace = pace
        self.asked: list[tuple[str, Json]] = []
        self.connections = 0
        self.down = False  # every request is answered with a 503
        self.closing = threading.Event()
        self.gate = threading.Event()
        self.parses: Callable[[str], Any] = _parsed
        self.says: Callable[[Json], Any] = _said

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def texts(self, path: str = "/webhooks/rest/webhook") -> list[str]:
        """What was asked there, in its order."""
        return [str(body.get("message", body.get("text"))) for where, body in self.asked if where == path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who is asked may hang up."""


@contextmanager
def rasa_stand_in(pace: float = 1.0) -> Iterator[RasaStandIn]:
    """A stand-in that serves until the block ends."""
    server = RasaStandIn(pace)
    with serving(server):
        try:
            yield server
        finally:
            server.closing.set()
            server.gate.set()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: RasaStandIn

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        parse = self.path == "/model/parse"
        text = str(body["text"] if parse else body["message"])
        word = text.partition(" ")[0]
        if word == "wait":
            time.sleep(float(text.partition(" ")[2]) * self.server.pace)
        if word == "gate":
            self.server.gate.wait(60)
        if self.server.down:
            self._answer(503, b"{}")
        elif word in _FAULTS:
            _FAULTS[word](self)
        else:
            found = self.server.parses(text) if parse else self.server.says(body)
            self._answer(200, json.dumps(found).encode())

    def do_GET(self) -> None:
        here = self.path == "/webhooks/rest/" and not self.server.down
        self._answer(200, b'{"status":"ok"}') if here else self._answer(404, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _error(self) -> None:
        self._answer(500, b'{"status": "failure"}')

    def _rubbish(self) -> None:
        self._answer(200, b"<html>\xff not what you think")

    def _shape(self) -> None:
        self._answer(200, b'{"intent": 1, "messages": [1]}')

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.closing.wait(0.02):
            self.wfile.write(b" ")

    def _hang(self) -> None:
        self.server.closing.wait(60)
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


_FAULTS: dict[str, Callable[[_Handler], None]] = {
    "error": _Handler._error,
    "rubbish": _Handler._rubbish,
    "shape": _Handler._shape,
    "reset": _Handler._reset,
    "drip": _Handler._drip,
    "hang": _Handler._hang,
}


def _parsed(text: str) -> Json:
    ranking = [{"name": "said", "confidence": 0.9}]
    return {"text": text, "intent": ranking[0], "entities": [], "intent_ranking": ranking}


def _said(body: Json) -> list[Json]:
    return [{"recipient_id": body["sender"], "text": f"rasa {body['message']}"}]
