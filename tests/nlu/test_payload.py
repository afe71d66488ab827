"""Payloads of buttons."""

from __future__ import annotations

import pytest

from nlu.payload import read_payload

INTENTS = {"greet", "inform", "faq"}


def test_a_payload_is_an_understanding() -> None:
    heard = read_payload('/inform@0.9{"city": "Rome", "tag": ["a", "b"]}', INTENTS)
    assert heard is not None
    assert (heard.intent, heard.confidence, heard.engine) == ("inform", 0.9, "payload")
    assert [(e.entity, e.value) for e in heard.entities] == [("city", "Rome"), ("tag", "a"), ("tag", "b")]


def test_an_entry_of_a_known_retrieval_intent_may_be_named() -> None:
    heard = read_payload("/faq/opening_hours", INTENTS)
    assert heard is not None
    assert (heard.intent, heard.confidence) == ("faq/opening_hours", 1.0)


def test_entity_types_that_nobody_declares_are_dropped() -> None:
    heard = read_payload('/inform{"city": "Rome", "x": 1}', INTENTS, {"city"})
    assert heard is not None
    assert [e.entity for e in heard.entities] == ["city"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "/unknown",
            "greet",
            "",
            "/",
            "//greet",
            "/greet{broken",
            '/greet{"a": }',
            "/hello there",
            "你好",
        ),
        "/greet" + '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_what_is_no_payload_is_plain_text(text: str) -> None:
    found = read_payload(text, INTENTS)
    assert found is None or found.entities == ()
    if not text.startswith("/greet"):
        assert found is None
