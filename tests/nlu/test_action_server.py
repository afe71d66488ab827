"""Rasa's action-server protocol against servers that misbehave in every way, on real sockets."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nlu.action_server import VERSION, ActionFailed, ActionServer, Call
from nlu.endpoints import Endpoint, read_action_endpoint
from nlu.rasa_responses import contents_of
from nlu.reading import ProjectErrors
from tests.http_servers import PlainServer, serving

CALL = Call("action_x", "m1/0/action_x", "shop:anna", {"slots": {}}, {"slots": {}})


@pytest.fixture
def server() -> Iterator[PlainServer]:
    server = PlainServer(b'{"events": [], "responses": []}')
    with serving(server):
        yield server


def _url(server: PlainServer) -> str:
    return f"{server.url}/webhook"


@contextmanager
def _wire(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of bare bytes: it reads a request and does with the connection what it is told."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/webhook"
        thread.join(20)


def test_events_and_responses_come_back_and_the_request_is_rasas(server: PlainServer) -> None:
    told = {"events": [{"event": "slot", "name": "a", "value": 1}], "responses": [{"text": "hi"}]}
    server.body = json.dumps(told).encode()
    ran = ActionServer(Endpoint(_url(server))).run(CALL)
    assert (list(ran.events), list(ran.responses)) == (told["events"], told["responses"])
    ((path, headers, body),) = server.asked
    assert (path, headers["Idempotency-Key"]) == ("/webhook", "m1/0/action_x")
    assert body == {
        "next_action": "action_x",
        "sender_id": "shop:anna",
        "tracker": {"slots": {}},
        "domain": {"slots": {}},
        "version": VERSION,
    }


def test_it_signs_in_as_the_project_says(server: PlainServer, tmp_path: Path) -> None:
    (tmp_path / "endpoints.yml").write_text(
        f"""
action_endpoint:
  url: {_url(server)}?a=b
  headers: {{X-Shop: tea}}
  params: {{room: 7}}
  token: ${{SECRET}}
  token_name: key
  basic_auth: {{username: anna, password: "${{PASSWORD}}"}}
""",
        encoding="utf-8",
    )
    endpoint = read_action_endpoint(tmp_path, {"SECRET": "s3cret", "PASSWORD": "pass"})
    assert endpoint
    ActionServer(endpoint).run(CALL)
    ((path, headers, _),) = server.asked
    assert path == "/webhook?a=b&room=7&key=s3cret"
    assert (headers["X-Shop"], headers["Authorization"]) == ("tea", "Basic YW5uYTpwYXNz")
    assert "s3cret" not in endpoint.where


def test_a_refusal_is_no_failure(server: PlainServer) -> None:
    server.status, server.body = 400, b'{"error": "no", "action_name": "action_x"}'
    assert ActionServer(Endpoint(_url(server))).run(CALL).rejected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error": "broken", "action_name": "action_x"}'),
        (404, b'{"error": "unknown", "action_name": "action_x"}'),
        (400, b"Bad Request"),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b"null"),
        (200, b'{"events": {}}'),
        (200, b'{"events": [1]}'),
        (200, b'{"events": [{"name": "a"}]}'),
        (200, b'{"responses": ["hi"]}'),
        (200, b"\xff\xfe"),
        (200, b" " * 4_000_001),
    ],
)
def test_whatever_is_no_answer_is_a_failure(server: PlainServer, status: int, body: bytes) -> None:
    server.status, server.body = status, body
    with pytest.raises(ActionFailed, match=r"127\.0\.0\.1"):
        ActionServer(Endpoint(_url(server))).run(CALL)


def _drip(connection: socket.socket) -> None:
    try:
        for _ in range(100):
            connection.sendall(b"H")
            time.sleep(0.1)
    except OSError:
        pass


@pytest.mark.parametrize(
    "answer",
    [
        lambda connection: connection.recv(1),  # hangs until the other side hangs up
        lambda connection: None,  # hangs up
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"),
        lambda connection: connection.sendall(b"rubbish\r\n\r\n"),
        _drip,
    ],
    ids=["hangs", "hangs up", "breaks off", "rubbish", "drips"],
)
def test_a_server_never_takes_longer_than_its_deadline(answer: Callable[[socket.socket], None]) -> None:
    with _wire(answer) as url:
        began = time.monotonic()
        with pytest.raises(ActionFailed):
            ActionServer(Endpoint(url), deadline=0.5).run(CALL)
        assert time.monotonic() - began < 5


def test_nobody_there_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(ActionFailed, match=f":{port}/webhook"):
        ActionServer(Endpoint(f"http://127.0.0.1:{port}/webhook")).run(CALL)


@pytest.mark.parametrize(
    ("written", "line", "expected"),
    [
        ("action_endpoint:\n  url: 5055", 2, "expected url: as in http://127.0.0.1:5055/webhook"),
        ("action_endpoint:\n  headers: {a: b}", 2, "expected url: as in"),
        (
            "action_endpoint:\n  url: http://a/b\n  token: ${GONE}",
            3,
            "expected the environment to have GONE",
        ),
        ("action_endpoint:\n  url: http://a/b\n  basic_auth: {username: a}", 3, "expected username: and"),
        ("action_endpoint:\n  url: http://a/b\n  headers: [a]", 3, "expected headers to be a mapping"),
        ("action_endpoint: [", 2, "expected valid YAML"),
    ],
)
def test_a_wrong_endpoint_is_told_with_its_line(
    tmp_path: Path, written: str, line: int, expected: str
) -> None:
    (tmp_path / "endpoints.yml").write_text(written, encoding="utf-8")
    with pytest.raises(ProjectErrors) as told:
        read_action_endpoint(tmp_path, {})
    (problem, *_) = told.value.problems
    assert (problem.file, problem.line) == ("endpoints.yml", line)
    assert problem.expected.startswith(expected)


@pytest.mark.parametrize("written", [None, "", "nlg:\n  url: http://a/b", "action_endpoint:"])
def test_without_an_endpoint_there_is_none(tmp_path: Path, written: str | None) -> None:
    if written is not None:
        (tmp_path / "endpoints.yml").write_text(written, encoding="utf-8")
    assert read_action_endpoint(tmp_path, {}) is None


def test_responses_become_content_as_rasa_draws_them() -> None:
    nothing: dict[str, Any] = {"buttons": [], "elements": [], "custom": {}, "template": None, "image": None}
    responses: list[dict[str, Any]] = [
        {"text": "{braces} stay", **nothing},
        {"text": None, "buttons": [{"title": "Yes", "payload": "/affirm"}, {"title": "No"}]},
        {"text": "quick", "quick_replies": [{"title": "Now", "payload": "/now"}]},
        {"attachment": {"type": "video", "payload": {"src": "https://example.org/v.mp4"}}},
        {"elements": [{"title": "Tea", "subtitle": "green", "image_url": "https://example.org/t.png"}]},
        {"custom": {"blocks": [{"type": "section"}]}},
        {
            "text": 7,
            "buttons": "rubbish",
            "image": 3,
            "attachment": [1],
            "custom": {"kind": "link", "media": 1},
        },
    ]
    found = [[one.to_json() for one in contents_of(each, lambda *_: [])] for each in responses]
    assert found == [
        [{"kind": "text", "text": "{braces} stay"}],
        [
            {
                "kind": "text",
                "buttons": [{"title": "Yes", "payload": "/affirm"}, {"title": "No", "payload": "No"}],
            }
        ],
        [{"kind": "text", "text": "quick", "buttons": [{"title": "Now", "payload": "/now"}]}],
        [{"kind": "video", "media": {"url": "https://example.org/v.mp4"}}],
        [
            {"kind": "image", "media": {"url": "https://example.org/t.png"}},
            {"kind": "text", "text": "Tea\ngreen"},
        ],
        [],
        [],
    ]
