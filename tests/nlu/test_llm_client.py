"""Whatever a language model's server does, one answer or one clear fault comes back, in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from nlu.llm.client import MOST_BYTES, Client, ModelFailed
from tests.nlu.model_server import ModelServer, model_server, reply, unused_url, with_status

MESSAGES = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": '{"passages": [{"text": "tea"}]}'},
]
Do = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with model_server() as opened:
        yield opened


def ask(url: str, timeout: float = 5.0, key: str = "") -> dict[str, Any]:
    return Client(url, "some-model", key, timeout).ask(MESSAGES, 50).value


def fault_of(url: str, timeout: float = 5.0) -> tuple[str, int | None]:
    with pytest.raises(ModelFailed) as failed:
        ask(url, timeout)
    return failed.value.fault, failed.value.used


def test_a_question_is_asked_as_every_server_knows_it(server: ModelServer) -> None:
    assert ask(server.url, key="k3y")["answer"] == "tea"
    (asked,) = server.asked
    assert asked["model"] == "some-model"
    assert asked["messages"] == MESSAGES
    assert asked["max_tokens"] == 50
    assert asked["response_format"] == {"type": "json_object"}
    assert server.headers[0]["authorization"] == "Bearer k3y"


def test_without_a_key_none_is_sent_and_what_it_cost_is_told(server: ModelServer) -> None:
    assert Client(server.url, "m").ask(MESSAGES, 50).tokens == 100
    assert "authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "usage", [{}, {"total_tokens": "many"}, {"total_tokens": -5}, {"total_tokens": True}]
)
def test_a_count_that_is_none_is_not_believed(server: ModelServer, usage: Any) -> None:
    server.usage = usage
    assert Client(server.url, "m").ask(MESSAGES, 50).tokens is None


def test_keys_that_a_server_does_not_take_are_done_without(server: ModelServer) -> None:
    server.does = [
        with_status(400, b'{"error": {"message": "use max_completion_tokens instead of max_tokens"}}'),
        with_status(400, b'{"error": {"message": "temperature and response_format are not supported"}}'),
    ]
    client = Client(server.url, "m")
    assert client.ask(MESSAGES, 50).value["answer"] == "tea"
    assert client.ask(MESSAGES, 50).value["answer"] == "tea"
    assert len(server.asked) == 4
    assert server.asked[-1]["max_completion_tokens"] == 50
    assert not {"max_tokens", "temperature", "response_format"} & set(server.asked[-1])


def test_a_busy_server_is_asked_once_more_when_it_says(server: ModelServer) -> None:
    server.does = [with_status(429, retry_after="0")]
    assert ask(server.url)["answer"] == "tea"
    server.does = [with_status(429, retry_after="0"), with_status(429, retry_after="0")]
    assert fault_of(server.url) == ("busy", 0)
    assert len(server.asked) == 4


def test_a_pause_that_is_longer_than_the_time_left_is_not_waited_for(server: ModelServer) -> None:
    server.does = [with_status(429, retry_after="30")]
    began = time.monotonic()
    assert fault_of(server.url, 1.0) == ("busy", 0)
    assert time.monotonic() - began < 0.9


def test_where_nobody_listens_is_said_after_a_second_try() -> None:
    assert fault_of(unused_url()) == ("no_answer", 0)


def hang(server: ModelServer) -> Do:
    def wait(_: BaseHTTPRequestHandler) -> None:
        server.gate.wait(30)

    return wait


def drip(server: ModelServer) -> Do:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        for _ in range(1000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            if server.gate.wait(0.05):
                return

    return send


@pytest.mark.parametrize("how", [hang, drip])
def test_a_server_that_takes_too_long_is_given_up_in_time(
    server: ModelServer, how: Callable[[ModelServer], Do]
) -> None:
    server.always = how(server)
    began = time.monotonic()
    assert fault_of(server.url, 1.0) == ("too_slow", None)
    assert 0.9 < time.monotonic() - began < 2.5
    assert len(server.asked) == 1  # It may have been counted: it is not asked again.


def test_who_is_told_to_stop_waits_for_nothing(server: ModelServer) -> None:
    server.always = hang(server)
    client = Client(server.url, "m", timeout=30)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.ask, MESSAGES, 50)
        while not server.asked:
            time.sleep(0.01)
        client.stop()
        with pytest.raises(ModelFailed):
            asked.result(5)
    with pytest.raises(ModelFailed):
        client.ask(MESSAGES, 50)
    assert len(server.asked) == 1


def chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    piece = b" " * 65536
    for _ in range(1000):
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))


def test_an_endless_answer_is_not_read_to_its_end(server: ModelServer) -> None:
    server.always = chunks
    assert fault_of(server.url)[0] == "rubbish"
    server.always = with_status(200, b" " * (MOST_BYTES + 1))
    assert fault_of(server.url)[0] == "rubbish"


def slam(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(2)


def whole(message: Any, **more: Any) -> bytes:
    return json.dumps({"choices": [{"message": message, **more}]}).encode()


@pytest.mark.parametrize(
    ("does", "fault"),
    [
        (with_status(500), "broken"),
        (with_status(503), "broken"),
        (with_status(401, b'{"error": "wrong key"}'), "refused"),
        (with_status(400, b"no"), "refused"),
        (with_status(302, location="http://elsewhere.example/"), "broken"),
        (slam, "no_answer"),
        (with_status(200, b"<html>"), "rubbish"),
        (with_status(200, b"[]"), "rubbish"),
        (with_status(200, b'{"choices": []}'), "rubbish"),
        (with_status(200, b'{"choices": [{"message": null}]}'), "rubbish"),
        (with_status(200, b"[" * 100_000), "rubbish"),
        (with_status(200, whole({"content": None, "refusal": "I cannot"})), "rubbish"),
        (with_status(200, whole({"content": "I cannot help with that."})), "rubbish"),
        (with_status(200, whole({"content": '{"answer": "cut'})), "rubbish"),
        (with_status(200, whole({"content": "{}"}, finish_reason="length")), "rubbish"),
        (with_status(200, whole({"content": '["answer"]'})), "rubbish"),
        (with_status(200, whole({"content": "[" * 100_000})), "rubbish"),
        (lambda handler: handler.wfile.write(b"\x00\x01 no http\r\n\r\n"), "no_answer"),
        (lambda handler: reply(handler, 200, b"\xff\xfe"), "rubbish"),
    ],
)
def test_what_is_no_answer_is_a_clear_fault(server: ModelServer, does: Do, fault: str) -> None:
    server.always = does
    assert fault_of(server.url)[0] == fault


def test_an_object_in_a_code_fence_counts(server: ModelServer) -> None:
    server.say = lambda _: '```json\n{"answer": "tea"}\n```'
    assert ask(server.url) == {"answer": "tea"}


def test_no_fault_repeats_the_key(server: ModelServer) -> None:
    server.always = with_status(401, b"the key k3y-s3cret is wrong")
    with pytest.raises(ModelFailed) as failed:
        ask(server.url, key="k3y-s3cret")
    assert "s3cret" not in str(failed.value)
