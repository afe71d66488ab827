"""A stand-in for a language model's server, on a real socket: answers as it is told to, or misbehaves."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.http_servers import serving

Say = Callable[[dict[str, Any]], Any]  # from the request's material to the model's JSON object or text


def gullible(material: dict[str, Any]) -> Any:
    """A model that does what any text tells it: `OUTPUT: …` anywhere is its answer, cited as it can."""
    told = re.search(r"OUTPUT: (.*?)(?:\\n|\"|$)", json.dumps(material, ensure_ascii=False))
    first = material["passages"][0]["text"] if material.get("passages") else ""
    return {
        "answer": told[1] if told else first,
        "summary": told[1] if told else "?",
        "citations": [{"passage": 1, "quote": first[:60]}],
        "confidence": 1.0,
    }


def honest(material: dict[str, Any]) -> Any:
    """A model that repeats the nearest passage, as sure as can be."""
    first = material["passages"][0]["text"]
    return {"answer": first, "citations": [{"passage": 1, "quote": first[:60]}], "confidence": 0.95}


@dataclass
class ModelServer:
    """What it was asked, and what it does: set `say`, or `does` for what is no answer at all."""

    url: str = ""
    say: Say = honest
    does: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)  # once each
    always: Callable[[BaseHTTPRequestHandler], None] | None = None
    usage: Any = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)  # what hangs, hangs until this

    @property
    def heard(self) -> str:
        """All that has left the house."""
        return json.dumps(self.asked, ensure_ascii=False)

    def completion(self, material: dict[str, Any]) -> dict[str, Any]:
        """A chat completion with what the model says."""
        said = self.say(material)
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"total_tokens": 100} if self.usage is None else self.usage
        return {"object": "chat.completion", "choices": [choice], "usage": usage}


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """Answer with these bytes."""
    handler.send_response(status)
    for name, value in {"content-type": "application/json", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def with_status(
    status: int, body: bytes = b"{}", **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Something that answers with this status."""
    return lambda handler: reply(handler, status, body, **headers)


@contextmanager
def model_server(**more: Any) -> Iterator[ModelServer]:
    """A server that is there while the block lasts."""
    told = ModelServer(**more)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.asked.append(body)
            told.headers.append({name.lower(): value for name, value in self.headers.items()})
            with suppress(OSError):
                if told.does:
                    told.does.pop(0)(self)
                elif told.always:
                    told.always(self)
                elif self.path != "/v1/chat/completions":
                    reply(self, 404, b"{}")
                else:
                    material = json.loads(body["messages"][-1]["content"])
                    reply(self, 200, json.dumps(told.completion(material)).encode())
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # Who asked has hung up.

    server = Server(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    with serving(server):
        try:
            yield told
        finally:
            told.gate.set()


def unused_url() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
