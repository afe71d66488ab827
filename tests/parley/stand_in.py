"""A stand-in for an action server: it does what a test tells it, over a real socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.http_servers import serving

Json = dict[str, Any]
# Of a request: status and body of the answer.
Acts = Callable[[Json], tuple[int, Json]]


def says(*texts: str, **more: Any) -> tuple[int, Json]:
    """An answer with these words."""
    return 200, {"events": [], "responses": [{"text": text} for text in texts], **more}


@dataclass
class StandIn:
    """What it was asked, and what it does."""

    acts: Acts = lambda call: says(f"did {call['next_action']}")
    asked: list[Json] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""

    def named(self) -> list[str]:
        """The actions that it was asked to run."""
        return [call["next_action"] for call in self.asked]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    stand_in: StandIn


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        stand_in = self.server.stand_in
        stand_in.asked.append(call)
        stand_in.keys.append(self.headers["Idempotency-Key"])
        status, told = stand_in.acts(call)
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextmanager
def standing_in() -> Iterator[StandIn]:
    """Serve until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.stand_in = StandIn(url=f"http://127.0.0.1:{server.server_address[1]}/webhook")
    with serving(server):
        yield server.stand_in
