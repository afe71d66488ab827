"""Whatever is sent to the API: it is refused with a problem document, and nothing breaks."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.api.app import LARGEST_BODY
from console.api.paging import write_cursor
from crm_store.messages import Address
from tests.console.api.shop import NOBODY, Shop, check_problem, in_pieces

JSON = {"Content-Type": "application/json"}
PATHS = ["/api/v1/customers", "/api/v1/conversations"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
ANY_BODY = st.dictionaries(st.sampled_from(["text", "agent", "sender", "id"]), ANY_JSON) | ANY_JSON
often = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def path(sqlite_shop: Shop) -> str:
    """Where a message is posted."""
    return f"/api/v1/conversations/{sqlite_shop.say('hi').conversation_id}/messages"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\x00\xff\xfe", 400),
        (b'{"text": "\xff"}', 400),
        (b'{"text": "\\ud800"}', 422),
        (b'{"\\ud800": "\\udfff", "text": 1}', 422),
        (b'{"text": "\\u0000"}', 422),
        (b'{"text": NaN}', 422),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"1" * 5000, 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"text": "' + b"x" * 1_000_000 + b'"}', 422),
    ],
)
def test_a_body_that_is_garbage_is_refused(sqlite_shop: Shop, path: str, body: bytes, status: int) -> None:
    check_problem(sqlite_shop.ask("POST", path, content=body, headers=JSON), status)
    assert sqlite_shop.ask("POST", path, json={"text": "still here"}).status_code == 201


def test_a_body_of_another_type_is_refused(sqlite_shop: Shop, path: str) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "¿"):
        given_type = {"Content-Type": kind.encode()}
        check_problem(sqlite_shop.ask("POST", path, content=b'{"text": "hi"}', headers=given_type), 415)
    for kind in ("application/json; charset=utf-8", "application/vnd.api+json"):
        response = sqlite_shop.ask("POST", path, content=b'{"text": "hi"}', headers={"Content-Type": kind})
        assert response.status_code == 201
    assert sqlite_shop.ask("POST", path, content=b'{"text": "no type at all"}').status_code == 201


@pytest.mark.parametrize(
    "path", [f"/api/v1/conversations/{NOBODY}/messages", "/api/v1/customers", "/api/none"]
)
def test_a_body_that_is_too_large_is_refused_unread(sqlite_shop: Shop, path: str) -> None:
    body = b"x" * (LARGEST_BODY + 1)
    check_problem(sqlite_shop.ask("POST", path, content=body, headers=JSON), 413)
    lie = {"Content-Length": "9" * 30}
    check_problem(sqlite_shop.ask("POST", path, content=b"{}", headers=JSON | lie), 413)


def test_a_large_body_that_does_not_say_so_is_refused(sqlite_shop: Shop, path: str) -> None:
    check_problem(sqlite_shop.ask("POST", path, content=in_pieces(b"x" * 100_000, 100), headers=JSON), 413)
    broken = {"Content-Length": "²"}
    response = sqlite_shop.ask(
        "POST", path, content=in_pieces(b"x" * 100_000, 100), headers=_raw(JSON | broken)
    )
    check_problem(response, 413)


def _raw(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode() for name, value in headers.items()}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "!!!!",
        "é",
        "x" * 201,
        "AAAA====",
        write_cursor("customers", 1),
        write_cursor("conversations", 1),
        write_cursor("messages", 1),
        "customers:1",
    ],
)
def test_a_broken_cursor_is_refused(sqlite_shop: Shop, path: str, cursor: str) -> None:
    problem = check_problem(sqlite_shop.ask("GET", path, params={"cursor": cursor}), 422)
    assert problem["errors"][0]["pointer"] == "#/cursor"


@pytest.mark.parametrize("seq", [-1, 2**63, 10**30])
def test_a_cursor_to_a_place_that_cannot_be_is_refused(shop: Shop, seq: int) -> None:
    path = f"/api/v1/conversations/{shop.say('hi').conversation_id}/messages"
    check_problem(shop.ask("GET", path, params={"cursor": write_cursor("messages", seq)}), 422)
    last = write_cursor("messages", 2**63 - 1)
    assert shop.ask("GET", path, params={"cursor": last}).json() == {"items": [], "next_cursor": None}


@often
@given(body=ANY_BODY)
def test_no_json_breaks_a_post(sqlite_shop: Shop, body: Any) -> None:
    path = f"/api/v1/conversations/{NOBODY}"
    for what in ("messages", "takeover", "assign"):
        content = json.dumps(body).encode()
        response = sqlite_shop.ask("POST", f"{path}/{what}", content=content, headers=JSON)
        assert response.status_code in (404, 422)
        check_problem(response, response.status_code)


@often
@given(
    query=st.dictionaries(
        st.sampled_from(["identity", "cursor", "limit", "customer", "floor", "channel"]),
        st.text(st.characters(codec="utf-8"), max_size=40),
    )
)
def test_no_query_breaks_a_list(sqlite_shop: Shop, query: dict[str, str]) -> None:
    for path in PATHS:
        response = sqlite_shop.ask("GET", path, params=query)
        assert response.status_code in (200, 422)


@pytest.mark.parametrize("text", ["a\x00b", "%ED%A0%80", "'; DROP TABLE customers; --", "💥" * 100])
def test_odd_characters_in_a_query_find_nothing(shop: Shop, text: str) -> None:
    assert shop.get("/customers", params={"identity": f"shop:{text}"})["items"] == []
    assert shop.get("/conversations", params={"channel": text})["items"] == []
    assert shop.ask("GET", "/api/v1/customers?identity=shop:%ed%a0%80%00%ff").json()["items"] == []


@often
@given(tail=st.text(st.characters(codec="utf-8"), max_size=30).map(lambda text: quote(text, safe="")))
def test_no_path_breaks_anything(sqlite_shop: Shop, tail: str) -> None:
    for path in (f"/api/v1/customers/x{tail}", f"/api/{tail}x", f"/api/v1/conversations/{NOBODY}/{tail}x"):
        check_problem(sqlite_shop.ask("GET", path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"/api/v1/customers/{NOBODY}", "DELETE, GET, PATCH"),
        ("POST", "/api/v1/customers", "GET"),
        ("DELETE", f"/api/v1/conversations/{NOBODY}/messages", "GET, POST"),
        ("GET", f"/api/v1/conversations/{NOBODY}/takeover", "POST"),
        ("TRACE", "/api/v1/conversations", "GET"),
    ],
)
def test_a_method_that_is_not_there_is_answered_with_those_that_are(
    sqlite_shop: Shop, method: str, path: str, allowed: str
) -> None:
    response = sqlite_shop.ask(method, path)
    check_problem(response, 405)
    assert response.headers["allow"] == allowed


def test_a_database_that_fails_is_said_so(sqlite_shop: Shop) -> None:
    with sqlite_shop.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE conversations RENAME TO gone")
    response = sqlite_shop.ask("GET", "/api/v1/conversations")
    problem = check_problem(response, 503)
    assert response.headers["retry-after"] == "1"
    assert "gone" not in problem["detail"]


def test_a_cursor_of_another_list_is_refused(sqlite_shop: Shop) -> None:
    said = sqlite_shop.say("one", "two")
    sqlite_shop.say("hi", address=Address("shop", "other"))
    paths = [*PATHS, f"/api/v1/conversations/{said.conversation_id}/messages"]
    who = sqlite_shop.get("/customers")["items"][0]["id"]
    paths.append(f"/api/v1/customers/{who}/timeline")
    cursors = {path: sqlite_shop.ask("GET", f"{path}?limit=1").json()["next_cursor"] for path in paths}
    assert all(cursors.values())
    for path in paths:
        for origin, cursor in cursors.items():
            status = sqlite_shop.ask("GET", path, params={"cursor": cursor}).status_code
            assert status == (200 if origin == path else 422), (origin, path)
