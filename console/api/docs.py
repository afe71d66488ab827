"""`/api/openapi.json`, and `/api/docs`: the same as a page of ours that asks no other host for anything."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

import pages
from console.api.schemas import Field, Shapes, Type, parameters, type_of
from console.api.shapes import EXAMPLE_ID

_static = pages.Assets(Path(__file__).parent / "static", "/api/static")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    summary: str
    about: str
    scope: str
    parameters: list[Field]
    body: list[Field]
    status: str
    answer: Type
    answer_fields: list[Field]
    answer_example: str
    curl: str
    refusals: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Noun:
    """What belongs together."""

    name: str
    about: str
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class Shape:
    """A named schema."""

    name: str
    about: str
    fields: list[Field]


def install(api: FastAPI, prefix: str) -> None:
    """Serve the document, the page and its style. Both are written in a thread: they are no `async def`."""

    def document(_: Request) -> Response:
        return JSONResponse(api.openapi())

    def draw(request: Request) -> Response:
        language = pages.choose_language(
            request.headers.get("accept-language", ""), request.query_params.get("language", "")
        )
        written = api.openapi()
        html = pages.render(
            "api_docs.html",
            language,
            nouns=nouns(written, f"{request.url.scheme}://{request.url.netloc}"),
            shapes=shapes(written),
            style=_static.path("api_docs.css"),
            openapi=f"{prefix}/openapi.json",
            in_code=in_code,
        )
        headers = {**pages.security_headers(), "content-language": language, "vary": "accept-language"}
        return HTMLResponse(html, headers=headers)

    api.add_route(f"{prefix}/openapi.json", document, include_in_schema=False)
    api.add_route(f"{prefix}/docs", draw, include_in_schema=False)
    api.router.routes.extend(_static.routes())


def nouns(document: Mapping[str, Any], host: str) -> list[Noun]:
    """The operations of the document by noun, in its order; `host` stands in the examples."""
    known = Shapes(document["components"]["schemas"])
    found = [
        (operation["tags"][0], _operation(known, host, path, method, operation))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return [
        Noun(tag["name"], tag["description"], [one for name, one in found if name == tag["name"]])
        for tag in document["tags"]
    ]


def shapes(document: Mapping[str, Any]) -> list[Shape]:
    """The named schemas of the document."""
    known = Shapes(document["components"]["schemas"])
    return [
        Shape(name, schema.get("description", ""), known.fields(schema))
        for name, schema in sorted(known.named.items())
    ]


def in_code(text: str) -> list[tuple[bool, str]]:
    """The text in pieces; True for those between back-ticks."""
    return [(number % 2 == 1, piece) for number, piece in enumerate(text.split("`")) if piece]


def _operation(known: Shapes, host: str, path: str, method: str, operation: Mapping[str, Any]) -> Operation:
    status, answer = next((s, r) for s, r in operation["responses"].items() if s.startswith("2"))
    content = next(iter(answer["content"].values()))
    shape = content["schema"]
    body = _json_body(operation)
    return Operation(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        about=operation["description"],
        scope=operation["security"][0]["bearer"][0],
        parameters=parameters(operation),
        body=known.fields(_given(body)) if body else [],
        status=f"{status} {HTTPStatus(int(status)).phrase}",
        answer=type_of(shape),
        answer_fields=known.fields(shape),
        answer_example=_pretty(content.get("example") or known.example(shape)),
        curl=_curl(known, host + path, method.upper(), operation),
        refusals=[(s, r["description"]) for s, r in operation["responses"].items() if s >= "400"],
    )


def _parameters(operation: Mapping[str, Any], where: str) -> list[Mapping[str, Any]]:
    return [each for each in operation.get("parameters", ()) if each["in"] == where]


def _json_body(operation: Mapping[str, Any]) -> Mapping[str, Any] | None:
    body = operation.get("requestBody")
    return body["content"]["application/json"]["schema"] if body else None


def _given(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of a body that is sent at all."""
    given: Mapping[str, Any] = schema.get("anyOf", [schema])[0]
    return given


def _curl(known: Shapes, url: str, method: str, operation: Mapping[str, Any]) -> str:
    for each in _parameters(operation, "path"):
        url = url.replace(f"{{{each['name']}}}", EXAMPLE_ID)
    lines = [f"curl {shlex.quote(url)}" if method == "GET" else f"curl -X {method} {shlex.quote(url)}"]
    lines.append('-H "Authorization: Bearer $TOKEN"')
    lines += [
        f"-H {shlex.quote(each['name'] + ': ' + known.example(each['schema']))}"
        for each in _parameters(operation, "header")
    ]
    body = _json_body(operation)
    if body:
        sent = json.dumps(known.example(_given(body)), ensure_ascii=False)
        lines += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(sent)}"]
    return " \\\n  ".join(lines)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
