"""Routes of the console: who is not signed in, may not or was sent here by another site comes no further.

routes = Routes()

@routes.page("/console/segments", right="campaigns")
def list_segments(visit: Visit) -> Response:
    return visit.draw("segments/list.html", segments=…)

@routes.deed("/console/segments", right="campaigns")
def make_segment(visit: Visit) -> Response:
    …
    return visit.go("/console/segments", "segments.made", name=…)
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from console import cookies
from console.host import Host
from console.visits import Visit, by_script
from crm_store.sign_ins import find_signed_in
from crm_store.staff import Staff

Handler = Callable[[Visit], Response]
MOST_FIELDS = 500
LONGEST_FIELD = 200_000  # bytes


class NotSignedIn(Exception):
    """Nobody is signed in, or not any more."""


class Routes(list[BaseRoute]):
    """The routes of one noun."""

    def page(self, path: str, *, right: str | None) -> Callable[[Handler], Handler]:
        """Draw a page at this path for whoever has the right (None: for everybody who is signed in)."""

        def add(handler: Handler) -> Handler:
            async def answer(request: Request) -> Response:
                return await run_in_threadpool(_show, request, right, handler)

            self.append(Route(path, answer, methods=["GET"], name=handler.__name__))
            return handler

        return add

    def deed(self, path: str, *, right: str | None) -> Callable[[Handler], Handler]:
        """Do something on a POST of one of our forms, whose fields are `visit.form`."""

        def add(handler: Handler) -> Handler:
            async def answer(request: Request) -> Response:
                check_origin(request)
                host: Host = request.app.state.host
                staff, secret = await run_in_threadpool(admit, request, right)
                async with request.form(max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as form:
                    _check_csrf(request, form, secret)
                    return await run_in_threadpool(handler, Visit(host, request, staff, secret, form))

            self.append(Route(path, answer, methods=["POST"], name=handler.__name__))
            return handler

        return add


def admit(request: Request, right: str | None) -> tuple[Staff, str]:
    """Who is signed in, and the secret of their session; refused without the right."""
    host: Host = request.app.state.host
    secret = cookies.secret_of(request, host)
    staff = find_signed_in(host.database, secret, host.now()) if secret else None
    if staff is None:
        raise NotSignedIn
    request.state.visit = Visit(host, request, staff, secret)
    if right and not staff.may(right):
        raise HTTPException(403, "your role does not include this")
    return staff, secret


def check_origin(request: Request) -> None:
    """Refuse what a page of another site has sent."""
    host: Host = request.app.state.host
    origin = request.headers.get("origin")
    ours = {request.headers.get("host", ""), urlsplit(host.public_url).netloc}
    if origin is not None and urlsplit(origin).netloc not in ours:
        raise HTTPException(403, "this was sent by another site")
    if origin is None and request.headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        raise HTTPException(403, "this was sent by another site")


def to_sign_in(request: Request) -> Response:
    """To the sign-in page and back again; a script is only told."""
    if by_script(request):
        return Response(status_code=401)
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or back in ("/console", "/console/home"):
        return RedirectResponse("/console/sign-in", 303)
    return RedirectResponse(f"/console/sign-in?next={quote(back)}", 303)


def _show(request: Request, right: str | None, handler: Handler) -> Response:
    staff, secret = admit(request, right)
    return handler(Visit(request.app.state.host, request, staff, secret))


def _check_csrf(request: Request, form: FormData, secret: str) -> None:
    given = request.headers.get("x-csrf") or form.get("csrf")
    if given != cookies.csrf_of(secret):
        raise HTTPException(403, "this form is not from your session: open the page again")
