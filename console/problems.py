"""What went wrong, as a page that looks like the others; scripts of ours get the words alone."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

import pages
from console import drawing
from console.host import Host
from console.routing import NotSignedIn, to_sign_in
from console.visits import by_script
from crm_store.messages import NotFound, ParleyError

log = structlog.get_logger()


def problem(request: Request, status: int, why: str = "") -> Response:
    """The page; `why` is a sentence of `reasons.toml`."""
    host: Host = request.app.state.host
    visit = getattr(request.state, "visit", None)
    accepted = request.headers.get("accept-language", "")
    language = visit.language if visit else pages.choose_language(accepted)
    words = drawing.words(language)["problem"]
    title = words.get(f"status_{status}", words["otherwise"])
    detail = drawing.reason_in(language, why) or words.get(f"about_{status}", "")
    if by_script(request):
        return PlainTextResponse(detail or title, status)
    if visit:
        response: Response = visit.draw("problem.html", status=status, title=title, detail=detail)
        return response
    html = drawing.draw(host, "problem_outside.html", language, title=title, detail=detail)
    return HTMLResponse(html, status, pages.security_headers())


def install(console: Starlette) -> None:
    """Have every error of the console answered with such a page."""
    console.add_exception_handler(HTTPException, _http)
    console.add_exception_handler(NotSignedIn, _outside)
    console.add_exception_handler(ParleyError, _refused)
    console.add_exception_handler(OperationalError, _away)
    console.add_exception_handler(NoConnection, _away)
    console.add_exception_handler(Exception, _unexpected)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(request, error.status_code, error.detail if error.status_code == 403 else "")


async def _outside(request: Request, _: Exception) -> Response:
    return to_sign_in(request)


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFound):
        return problem(request, 404)
    return problem(request, 409, str(error))


async def _away(request: Request, error: Exception) -> Response:
    log.error("database.failed", error=type(getattr(error, "orig", error)).__name__)
    return problem(request, 503)


async def _unexpected(request: Request, error: Exception) -> Response:
    return problem(request, 500)
