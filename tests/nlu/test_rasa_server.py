"""The interpreter that asks a Rasa server, against a small server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from crm_store.messages import Answer
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import EngineUnavailable

RESULT = {
    "text": "two to Rome",
    "intent": {"name": "faq", "confidence": 0.8, "full_retrieval_intent_name": "faq/hours"},
    "entities": [
        {"entity": "city", "value": "Rome", "start": 7, "end": 11, "role": "to", "extractor": "DIET"}
    ],
    "intent_ranking": [{"name": "faq", "confidence": 0.8}, {"name": "greet", "confidence": 0.2}],
    "response_selector": {
        "all_retrieval_intents": ["faq"],
        "faq": {
            "response": {"intent_response_key": "faq/hours", "confidence": 0.7},
            "ranking": [
                {"intent_response_key": "faq/hours", "confidence": 0.7},
                {"intent_response_key": "faq/price", "confidence": 0.3},
            ],
        },
    },
}


class Server(ThreadingHTTPServer):
    status = 200
    body = json.dumps(RESULT).encode()
    asked: list[tuple[str, Any]]
    connections = 0


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def _url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_a_parse_result_becomes_an_understanding(server: Server) -> None:
    rasa = RasaServer(_url(server))
    heard = rasa.understand(["two to Rome", "again"])
    assert [body["text"] for _, body in server.asked] == ["two to Rome", "again"]
    assert {path for path, _ in server.asked} == {"/model/parse"}
    assert server.connections == 1
    first = heard[0]
    assert (first.intent, first.confidence, first.language, first.engine) == ("faq", 0.8, "en", "rasa")
    assert first.ranking == (("faq", 0.8), ("greet", 0.2))
    assert [(e.value, e.role, e.start) for e in first.entities] == [("Rome", "to", 7)]
    assert first.answers == (Answer("faq/hours", 0.7), Answer("faq/price", 0.3))
    rasa.close()


def test_a_text_that_a_server_understands_has_a_tone_too(server: Server) -> None:
    rasa = RasaServer(_url(server))
    heard = rasa.understand(["太慢了，请尽快"])[0]
    assert heard.sentiment < 0
    assert heard.urgent
    rasa.close()


def test_a_customers_slash_forges_no_intent(server: Server) -> None:
    rasa = RasaServer(_url(server))
    heard = rasa.understand([' //opt_in{"a": 1}'])
    assert not server.asked[0][1]["text"].strip().startswith("/")
    assert heard[0].text == ' //opt_in{"a": 1}'
    rasa.close()


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"no json"), (200, b'{"intent": 1}')])
def test_an_answer_that_is_none_is_refused_in_words(server: Server, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    rasa = RasaServer(_url(server))
    with pytest.raises(EngineUnavailable, match=r"expected (JSON|Rasa's parse result) from"):
        rasa.understand(["hello"])
    rasa.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="no answer"):
        RasaServer("http://127.0.0.1:9").understand(["hello"])
    with pytest.raises(ValueError, match="expected an address as in"):
        RasaServer("localhost:5005")
