from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

import pages
from pages.assets import Assets


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def get(app: Starlette, path: str, **headers: str) -> Answer:
    """A GET, asked of the application itself."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": named, "query_string": b""}
    asyncio.run(app(scope, receive, send))
    got = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], got, b"".join(part.get("body", b"") for part in sent[1:]))


@pytest.fixture
def ask() -> Callable[..., Answer]:
    app = Starlette(routes=pages.shared_routes())
    return lambda path, **headers: get(app, path, **headers)


def test_a_file_is_served_for_good_under_its_version(ask: Callable[..., Answer]) -> None:
    answer = ask(pages.assets.path("style.css"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.body == Path(pages.__file__).with_name("style.css").read_bytes()


def test_a_browser_that_has_the_file_is_told_so(ask: Callable[..., Answer]) -> None:
    path = pages.assets.path("style.css")
    again = ask(path, if_none_match=ask(path).headers["etag"])
    assert (again.status, again.body) == (304, b"")


def test_another_version_of_a_file_is_asked_for_again(ask: Callable[..., Answer]) -> None:
    answer = ask("/static/0123456789ab/style.css")
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name", ["__init__.py", "base.html", "words/en/base.toml", "../pyproject.toml", ""]
)
def test_what_is_no_asset_is_not_served(ask: Callable[..., Answer], name: str) -> None:
    assert ask(f"/static/x/{name}").status == 404


def test_what_is_no_version_is_no_address(ask: Callable[..., Answer]) -> None:
    assert ask("/static/../style.css").status == 404


def test_the_widget_has_an_address_of_its_own_that_is_never_stale(ask: Callable[..., Answer]) -> None:
    answer = ask("/widget.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert ask("/favicon.ico").headers["content-type"] == "image/svg+xml"


def test_the_version_changes_with_any_file_and_a_folder_of_ones_own_works_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1", encoding="utf-8")
    before = Assets(tmp_path, "/own")
    (tmp_path / "a.js").write_text("2", encoding="utf-8")
    after = Assets(tmp_path, "/own")
    assert before.path("a.js") != after.path("a.js")
    assert get(Starlette(routes=after.routes()), after.path("a.js")).body == b"2"
    with pytest.raises(LookupError, match=r"a\.js"):
        after.path("b.js")
