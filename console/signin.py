"""Signing in and out, one's own language and password."""

from __future__ import annotations

from math import ceil

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

import pages
from console import cookies, drawing
from console.host import Host
from console.rail import home_of
from console.routing import Routes, check_origin
from console.visits import Visit, safe_path
from crm_store import audit, sign_ins, staff
from crm_store.messages import ParleyError
from crm_store.passwords import hash_password, verify_password
from crm_store.sign_ins import TooManyAttempts, WrongPassword

SIGN_IN = "/console/sign-in"
routes = Routes()
log = structlog.get_logger()


async def show_sign_in(request: Request) -> Response:
    """The sign-in page; who is signed in goes on to the console."""
    host: Host = request.app.state.host
    secret = cookies.secret_of(request, host)
    if secret:
        known = await run_in_threadpool(sign_ins.find_signed_in, host.database, secret, host.now())
        if known:
            return RedirectResponse(safe_path(request.query_params.get("next", ""), home_of(known)), 303)
    return _page(request)


async def sign_in(request: Request) -> Response:
    """Check name and password, in a thread, and begin a session."""
    check_origin(request)
    host: Host = request.app.state.host
    async with request.form(max_fields=10, max_files=0, max_part_size=10_000) as form:
        name, password = str(form.get("name", "")), str(form.get("password", ""))
        wanted = str(form.get("next", ""))
    peer = request.client.host if request.client else ""
    now = host.now()
    try:
        secret = await run_in_threadpool(sign_ins.sign_in, host.database, name, password, peer, now)
    except TooManyAttempts as error:
        minutes = ceil((error.until - now).total_seconds() / 60)
        log.warning("sign_in.limited")
        return _page(request, status=429, wrong="too_many", minutes=minutes, name=name, wanted=wanted)
    except WrongPassword:
        log.warning("sign_in.refused")
        return _page(request, status=403, wrong="wrong", name=name, wanted=wanted)
    with host.database.reading() as session:
        person = staff.get_staff(session, name)
    log.info("staff.signed_in", staff_id=str(person.id))
    response = RedirectResponse(safe_path(wanted, home_of(person)), 303)
    cookies.keep_session(response, host, secret)
    return response


def _page(
    request: Request,
    *,
    status: int = 200,
    wrong: str = "",
    minutes: int = 0,
    name: str = "",
    wanted: str = "",
) -> Response:
    host: Host = request.app.state.host
    language = pages.choose_language(
        request.headers.get("accept-language", ""), request.query_params.get("language", "")
    )
    wanted = wanted or request.query_params.get("next", "")
    html = drawing.draw(
        host,
        "signin.html",
        language,
        error=drawing.word(language, f"signin.{wrong}", {"minutes": minutes}) if wrong else "",
        name=name[:100],
        wanted=safe_path(wanted, ""),
        links={
            code: f"{SIGN_IN}?{request.url.include_query_params(language=code).query}"
            for code in pages.LANGUAGES
        },
    )
    return HTMLResponse(html, status, pages.security_headers())


routes += [
    Route(SIGN_IN, show_sign_in, methods=["GET"]),
    Route(SIGN_IN, sign_in, methods=["POST"]),
]


@routes.page("/console", right=None)
@routes.page("/console/home", right=None)
def go_home(visit: Visit) -> Response:
    """To where this person begins."""
    return visit.go(home_of(visit.staff))


@routes.deed("/console/sign-out", right=None)
def sign_out(visit: Visit) -> Response:
    """End this session."""
    with visit.database.writing() as session:
        sign_ins.sign_out(session, visit.secret)
    visit.request.app.state.live.end(visit.secret)
    response = RedirectResponse(SIGN_IN, 303)
    cookies.keep_session(response, visit.host, "")
    return response


@routes.deed("/console/language", right=None)
def choose_language(visit: Visit) -> Response:
    """Draw the console in another language from now on."""
    language = visit.text("language")
    with visit.database.writing() as session:
        person = staff.get_staff(session, visit.staff.name, lock=True)
        person.language = language if language in pages.LANGUAGES else ""
        session.add(person)
    return visit.go(visit.text("back"))


@routes.page("/console/account", right=None)
def show_account(visit: Visit) -> Response:
    """One's own name, role, language and password."""
    return visit.draw("account.html", error="")


@routes.deed("/console/account/password", right=None)
def change_password(visit: Visit) -> Response:
    """Give oneself another password; all other sessions end."""
    try:
        if not verify_password(visit.staff.password_hash, str(visit.form.get("old", ""))):
            raise WrongPassword
        hashed = hash_password(str(visit.form.get("new", "")))
    except ParleyError as error:
        return visit.draw("account.html", status=422, error=drawing.reason_in(visit.language, str(error)))
    with visit.database.writing() as session:
        person = staff.get_staff(session, visit.staff.name, lock=True)
        person.password_hash = hashed
        session.add(person)
        sign_ins.end_sessions(session, person, but=visit.secret)
        audit.note(
            session, actor=visit.actor, action="staff.password_changed", noun="staff", noun_id=person.name,
            now=visit.now,
        )  # fmt: skip
    return visit.go("/console/account", "account.changed")
