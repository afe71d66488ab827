"""The interpreter that asks a Rasa server, against a small server of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from crm_store.messages import Answer
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import EngineUnavailable
from tests.http_servers import PlainServer, serving

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


@pytest.fixture
def server() -> Iterator[PlainServer]:
    server = PlainServer(json.dumps(RESULT).encode())
    with serving(server):
        yield server


def test_a_parse_result_becomes_an_understanding(server: PlainServer) -> None:
    rasa = RasaServer(server.url)
    heard = rasa.understand(["two to Rome", "again"])
    assert [one.body["text"] for one in server.asked] == ["two to Rome", "again"]
    assert {one.path for one in server.asked} == {"/model/parse"}
    assert server.connections == 1
    first = heard[0]
    assert (first.intent, first.confidence, first.language, first.engine) == ("faq", 0.8, "en", "rasa")
    assert first.ranking == (("faq", 0.8), ("greet", 0.2))
    assert [(e.value, e.role, e.start) for e in first.entities] == [("Rome", "to", 7)]
    assert first.answers == (Answer("faq/hours", 0.7), Answer("faq/price", 0.3))
    rasa.close()


def test_a_text_that_a_server_understands_has_a_tone_too(server: PlainServer) -> None:
    rasa = RasaServer(server.url)
    heard = rasa.understand(["太慢了，请尽快"])[0]
    assert heard.sentiment < 0
    assert heard.urgent
    rasa.close()


def test_a_customers_slash_forges_no_intent(server: PlainServer) -> None:
    rasa = RasaServer(server.url)
    heard = rasa.understand([' //opt_in{"a": 1}'])
    assert not server.asked[0].body["text"].strip().startswith("/")
    assert heard[0].text == ' //opt_in{"a": 1}'
    rasa.close()


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"no json"), (200, b'{"intent": 1}')])
def test_an_answer_that_is_none_is_refused_in_words(server: PlainServer, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    rasa = RasaServer(server.url)
    with pytest.raises(EngineUnavailable, match=r"expected (JSON|Rasa's parse result) from"):
        rasa.understand(["hello"])
    rasa.close()


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(EngineUnavailable, match="no answer"):
        RasaServer("http://127.0.0.1:9").understand(["hello"])
    with pytest.raises(ValueError, match="expected an address as in"):
        RasaServer("localhost:5005")
