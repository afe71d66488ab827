"""A customer's own data by the link from the chat: seen and taken along, without a sign-in, for minutes.

Opening the link shows nothing yet: whoever previews links in a chat opens them too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

import pages
from console import drawing
from console.happened import plainly
from console.host import Host
from crm_store import audit, data_links, privacy

PATH = "/my-data/{secret}"
# What a reader cares for first; a table that is not named follows.
ORDER = (
    "customers",
    "customer_attributes",
    "customer_tags",
    "identities",
    "consents",
    "messages",
    "events",
)
_MACHINERY = {"id", "seq", "version", "attempts", "lane", "key", "work", "digest", "content", "read_seq"}
_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[\d:.]*(?:\+00:00|Z)$")
HEADERS = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex"}


def routes(host: Host) -> list[BaseRoute]:
    """The page of a link."""

    async def door(request: Request) -> Response:
        return await run_in_threadpool(_door, host, request)

    async def show(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=5) as form:
            wants_file = form.get("as") == "file"
        return await run_in_threadpool(_show, host, request, wants_file)

    return [Route(PATH, door, methods=["GET"]), Route(PATH, show, methods=["POST"])]


def _door(host: Host, request: Request) -> Response:
    with host.database.reading() as session:
        known = data_links.find_link(session, request.path_params["secret"], host.now()) is not None
    return _page(host, request, "own/door.html", status=200 if known else 404, known=known)


def _show(host: Host, request: Request, wants_file: bool) -> Response:
    now = host.now()
    with host.database.writing() as session:
        customer_id = data_links.find_link(session, request.path_params["secret"], now)
        if customer_id is None:
            return _page(host, request, "own/door.html", status=404, known=False)
        found = privacy.export(session, customer_id)
        audit.note(
            session, actor="customer", action="customer.exported", noun="customer", noun_id=customer_id,
            customer_id=customer_id, now=now,
        )  # fmt: skip
    return _file(found) if wants_file else _tables(host, request, found)


def _file(found: Mapping[str, Any]) -> Response:
    written = json.dumps(found, ensure_ascii=False, indent=2)
    headers = (
        pages.security_headers() | HEADERS | {"content-disposition": 'attachment; filename="my-data.json"'}
    )
    return Response(written, headers=headers, media_type="application/json")


def _tables(host: Host, request: Request, found: Mapping[str, list[dict[str, Any]]]) -> Response:
    rank = {name: place for place, name in enumerate(ORDER)}
    tables = sorted((name for name, rows in found.items() if rows), key=lambda n: (rank.get(n, 99), n))
    return _page(
        host,
        request,
        "own/data.html",
        tables={name: found[name] for name in tables},
        told=_told,
    )


def _told(row: Mapping[str, Any]) -> dict[str, str]:
    """What of a row says something: neither what is empty nor what only we need. The file has all."""
    return {
        name: _TIME.sub(r"\1 \2 UTC", plainly(value))
        for name, value in row.items()
        if value not in (None, "", {}, []) and not _is_ours(name)
    }


def _page(host: Host, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    language = pages.choose_language(request.headers.get("accept-language", ""))
    html = drawing.draw(host, template, language, **values)
    return HTMLResponse(html, status, pages.security_headers() | HEADERS)


def _is_ours(name: str) -> bool:
    return name in _MACHINERY or (name.endswith("_id") and name != "external_id")
