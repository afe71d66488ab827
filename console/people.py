"""The page of the staff: who signs in, as what; for administrators."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session
from starlette.responses import Response

from console import drawing
from console.routing import Routes
from console.visits import Visit
from crm_store import audit, sign_ins, staff
from crm_store.messages import ParleyError
from crm_store.passwords import hash_password
from crm_store.staff import Staff

HERE = "/console/staff"
routes = Routes()


@routes.page(HERE, right="staff")
def show(visit: Visit) -> Response:
    """Everybody, and a form for one more."""
    return _draw(visit)


@routes.deed(HERE, right="staff")
def add(visit: Visit) -> Response:
    """Let somebody sign in."""
    try:
        hashed = hash_password(str(visit.form.get("password", "")))
        with visit.database.writing() as session:
            made = staff.add_staff(
                session,
                visit.text("name"),
                visit.text("role"),
                hashed,
                visit.now,
                display_name=visit.text("display_name"),
            )
            _note(session, visit, "staff.added", made, {"role": {"from": None, "to": made.role}})
    except ParleyError as error:
        return _draw(visit, 422, drawing.reason_in(visit.language, str(error)))
    return visit.go(HERE, "people.added", name=made.called)


@routes.deed(HERE + "/{name}/role", right="staff")
def change_role(visit: Visit) -> Response:
    """Give somebody another role; it counts from their next click on."""

    def act(session: Session, found: Staff) -> None:
        before = found.role
        staff.set_role(session, found, visit.text("role"))
        _note(session, visit, "staff.role_changed", found, {"role": {"from": before, "to": found.role}})

    return _change(visit, "people.role_changed", act)


@routes.deed(HERE + "/{name}/password", right="staff")
def change_password(visit: Visit) -> Response:
    """Give somebody another password; all their sessions end."""
    try:
        hashed = hash_password(str(visit.form.get("password", "")))
    except ParleyError as error:
        return _draw(visit, 422, drawing.reason_in(visit.language, str(error)))

    def act(session: Session, found: Staff) -> None:
        found.password_hash = hashed
        session.add(found)
        sign_ins.end_sessions(session, found, but=visit.secret)
        _note(session, visit, "staff.password_changed", found, {})

    return _change(visit, "people.password_changed", act)


@routes.deed(HERE + "/{name}/disable", right="staff")
def disable(visit: Visit) -> Response:
    """Let somebody sign in no more; what they wrote stays."""

    def act(session: Session, found: Staff) -> None:
        staff.disable(session, found, visit.now)
        sign_ins.end_sessions(session, found)
        _note(session, visit, "staff.disabled", found, {})

    return _change(visit, "people.disabled", act)


@routes.deed(HERE + "/{name}/enable", right="staff")
def enable(visit: Visit) -> Response:
    """Let somebody sign in again."""

    def act(session: Session, found: Staff) -> None:
        staff.enable(session, found)
        _note(session, visit, "staff.enabled", found, {})

    return _change(visit, "people.enabled", act)


def _change(visit: Visit, said: str, act: Callable[[Session, Staff], None]) -> Response:
    try:
        with visit.database.writing() as session:
            found = staff.get_staff(session, visit.request.path_params["name"], lock=True)
            act(session, found)
    except ParleyError as error:
        return _draw(visit, 409, drawing.reason_in(visit.language, str(error)))
    return visit.go(HERE, said, name=found.called)


def _draw(visit: Visit, status: int = 200, error: str = "") -> Response:
    with visit.database.reading() as session:
        found = staff.list_staff(session)
    typed = {name: visit.text(name) for name in ("name", "display_name", "role")} if error else {}
    return visit.draw(
        "people.html", status=status, found=found, error=error, typed=typed, roles=staff.ROLES
    )


def _note(
    session: Session, visit: Visit, action: str, about: Staff, changes: dict[str, dict[str, str | None]]
) -> None:
    audit.note(
        session,
        actor=visit.actor,
        action=action,
        noun="staff",
        noun_id=about.name,
        changes=changes,
        now=visit.now,
    )
