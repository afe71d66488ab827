"""What went wrong, as RFC 9457 problem documents: one shape for every status from 400 on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from crm_store.messages import NotFound, ParleyError, Refused, clean, clean_json

MEDIA_TYPE = "application/problem+json"
_REF = "#/components/schemas/{model}"
log = structlog.get_logger()


class Flaw(BaseModel):
    """One thing that is wrong with a request."""

    detail: str = Field(
        description="What was expected.", examples=["String should have at least 1 character"]
    )
    location: Literal["body", "query", "header"] = Field(examples=["body"])
    pointer: str = Field(
        description="Where: a JSON Pointer as a URI fragment; for query and header the parameter's name.",
        examples=["#/text"],
    )


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(description="`about:blank`: the status says it all.", examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(description="What happened.", examples=["the conversation is closed"])
    instance: str = Field(description="The path asked for.", examples=["/api/v1/conversations"])
    errors: list[Flaw] | None = Field(
        default=None, description="Of a request that is not valid: each flaw."
    )


def schemas() -> dict[str, Any]:
    """The shapes of this file for the OpenAPI document."""
    problem = TypeAdapter(Problem).json_schema(ref_template=_REF)
    return {**problem.pop("$defs"), "Problem": problem}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: these statuses come with a problem document."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="Problem")}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


ANYWHERE: dict[int | str, dict[str, Any]] = {
    **refusals(401, 403, 422),
    "default": {**refusals(400)[400], "description": "Any other error"},
}


def flaw(location: Literal["body", "query", "header"], name: str, detail: str) -> RequestValidationError:
    """To raise where a parameter is found wrong only by looking closer."""
    return RequestValidationError([{"loc": (location, name), "msg": detail, "type": "value_error"}])


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Flaw] = (),
) -> Response:
    """The document as a response."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(clean(request.scope["path"])),
    }
    if errors:
        document["errors"] = [each.model_dump() for each in errors]
    return JSONResponse(clean_json(document), status, headers, MEDIA_TYPE)


def install(api: FastAPI) -> None:
    """Have every error of the application answered with a problem document."""
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(ParleyError, _refused)
    api.add_exception_handler(OperationalError, _unavailable)
    api.add_exception_handler(NoConnection, _unavailable)
    api.add_exception_handler(Exception, _unexpected)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    detail = error.detail
    if error.status_code == 405:
        headers["Allow"] = _allowed(request)
        detail = f"this address takes {headers['Allow']}"
    elif detail == HTTPStatus(error.status_code).phrase == HTTPStatus.NOT_FOUND.phrase:
        detail = "there is nothing at this address"
    return problem(request, error.status_code, detail, headers=headers)


def _allowed(request: Request) -> str:
    """All methods of the path: a route by itself knows only its own."""
    fitting = [
        route.methods or ()
        for route in iter_route_contexts(request.app.routes)
        if route.path and compile_path(route.path)[0].match(request.scope["path"])
    ]
    return ", ".join(sorted({method for methods in fitting for method in methods} or {"GET"}))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    for each in found:
        if each["loc"][0] == "path":
            return problem(request, 404, f"there is no such {each['loc'][1].removesuffix('_id')}")
        if each["type"] == "json_invalid":
            where = f"at character {each['loc'][-1]}"
            return problem(request, 400, f"the body is not JSON: {each['ctx']['error']} {where}")
        if each["loc"] == ("body",) and not _is_json(request):
            return problem(request, 415, "expected a body of type application/json")
    flaws = [_flaw(each) for each in found[:20]]
    return problem(request, 422, f"{flaws[0].pointer}: {flaws[0].detail}", errors=flaws)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


def _flaw(error: Mapping[str, Any]) -> Flaw:
    location, *steps = error["loc"]
    pointer = "".join("/" + quote(clean(str(step)).replace("~", "~0").replace("/", "~1")) for step in steps)
    return Flaw(location=location, pointer=f"#{pointer}", detail=error["msg"].removeprefix("Value error, "))


async def _refused(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, NotFound) else 409 if isinstance(error, Refused) else 422
    return problem(request, status, str(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    log.error("database.failed", error=type(getattr(error, "orig", error)).__name__)
    return problem(request, 503, "the database did not answer, try again", headers={"Retry-After": "1"})


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem(request, 500, "something unexpected happened; the server's log has it")
