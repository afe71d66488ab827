"""Who may call the API."""

from __future__ import annotations

import pytest

from console.api.auth import GuardedRoute
from tests.console.api.shop import NOBODY, Shop, check_problem

READS = [
    "/api/v1/customers",
    f"/api/v1/customers/{NOBODY}",
    f"/api/v1/customers/{NOBODY}/timeline",
    "/api/v1/conversations",
    f"/api/v1/conversations/{NOBODY}",
    f"/api/v1/conversations/{NOBODY}/messages",
]
WRITES = [
    f"/api/v1/conversations/{NOBODY}/{what}"
    for what in ("messages", "takeover", "release", "assign", "close")
]
ADMINISTERS = [("GET", f"/api/v1/customers/{NOBODY}/export"), ("DELETE", f"/api/v1/customers/{NOBODY}")]
ALL = [*(("GET", path) for path in READS), *(("POST", path) for path in WRITES), *ADMINISTERS]


@pytest.mark.parametrize(("method", "path"), ALL)
def test_nobody_gets_in_without_a_token(sqlite_shop: Shop, method: str, path: str) -> None:
    response = sqlite_shop.ask(method, path, token="")
    check_problem(response, 401)
    assert response.headers["www-authenticate"] == 'Bearer realm="parley"'


@pytest.mark.parametrize("given", ["Bearer", "Bearer ", "Basic YTpi", "Token x", "", "bearer\t"])
def test_a_header_that_is_no_bearer_token_is_refused(sqlite_shop: Shop, given: str) -> None:
    response = sqlite_shop.ask("GET", READS[0], token="", headers={"Authorization": given})
    check_problem(response, 401)
    assert "error" not in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    "token", ["parley_x", "x" * 5000, "é", "\x7f", "a b", "parley_'; DROP TABLE tokens"]
)
def test_a_token_that_we_never_made_is_refused(shop: Shop, token: str) -> None:
    response = shop.ask("GET", READS[0], token="", headers={b"Authorization": b"Bearer " + token.encode()})
    check_problem(response, 401)
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert token not in response.text


def test_a_request_without_a_token_is_refused_before_anything_else_is_looked_at(sqlite_shop: Shop) -> None:
    path = "/api/v1/conversations/no-uuid/messages"
    check_problem(sqlite_shop.ask("POST", path, token="", content=b"{garbage"), 401)
    check_problem(sqlite_shop.ask("GET", "/api/v1/customers?limit=x", token=""), 401)


@pytest.mark.parametrize("scope", ["read", "write", "admin"])
@pytest.mark.parametrize("path", READS)
def test_reading_needs_a_token_that_may_read(sqlite_shop: Shop, scope: str, path: str) -> None:
    assert sqlite_shop.ask("GET", path, token=sqlite_shop.tokens[scope]).status_code in (200, 404)


@pytest.mark.parametrize("path", WRITES)
def test_a_token_that_may_only_read_changes_nothing(sqlite_shop: Shop, path: str) -> None:
    response = sqlite_shop.ask("POST", path, token=sqlite_shop.tokens["read"], json={"text": "hi"})
    check_problem(response, 403)
    assert 'error="insufficient_scope", scope="write"' in response.headers["www-authenticate"]


@pytest.mark.parametrize(("method", "path"), ADMINISTERS)
@pytest.mark.parametrize("scope", ["read", "write", "actions"])
def test_only_administrators_export_and_erase(
    sqlite_shop: Shop, method: str, path: str, scope: str
) -> None:
    check_problem(sqlite_shop.ask(method, path, token=sqlite_shop.tokens[scope]), 403)
    check_problem(sqlite_shop.ask(method, path, token=sqlite_shop.tokens["admin"]), 404)


def test_a_token_of_an_action_server_cannot_read(sqlite_shop: Shop) -> None:
    check_problem(sqlite_shop.ask("GET", READS[0], token=sqlite_shop.tokens["actions"]), 403)


def test_the_word_bearer_may_be_written_in_any_case(sqlite_shop: Shop) -> None:
    for word in ("bearer", "BEARER"):
        given = {"Authorization": f"{word} {sqlite_shop.token}"}
        assert sqlite_shop.ask("GET", READS[0], token="", headers=given).status_code == 200


def test_a_route_that_says_nothing_of_its_scope_cannot_be_made() -> None:
    with pytest.raises(LookupError, match="/open"):
        GuardedRoute("/open", lambda: None)
