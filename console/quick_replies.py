"""The page of quick replies: everybody may read them, supervisors write them."""

from __future__ import annotations

from uuid import UUID

from sqlmodel import Session
from starlette.responses import Response

import pages
from console import drawing
from console.routing import Routes
from console.visits import Visit
from crm_store import audit, quick_replies
from crm_store.messages import ParleyError

HERE = "/console/quick-replies"
routes = Routes()


@routes.page(HERE, right="inbox")
def show(visit: Visit) -> Response:
    """All quick replies, and a form for one more."""
    return _draw(visit)


@routes.deed(HERE, right="quick_replies")
def add(visit: Visit) -> Response:
    """Write a new one."""
    return _save(visit, None)


@routes.deed(HERE + "/{id}", right="quick_replies")
def change(visit: Visit) -> Response:
    """Write one anew."""
    return _save(visit, visit.id())


@routes.deed(HERE + "/{id}/delete", right="quick_replies")
def delete(visit: Visit) -> Response:
    """Delete one."""
    with visit.database.writing() as session:
        gone = quick_replies.delete_quick_reply(session, visit.id())
        _note(session, visit, "quick_reply.deleted", gone.id, {"from": gone.shortcut, "to": None})
    return visit.go(HERE, "quick_replies.deleted", shortcut=gone.shortcut)


def _save(visit: Visit, reply_id: UUID | None) -> Response:
    texts = {language: visit.text(f"text_{language}") for language in pages.LANGUAGES}
    try:
        with visit.database.writing() as session:
            saved = quick_replies.save_quick_reply(
                session, visit.text("shortcut"), texts, visit.now, reply_id=reply_id
            )
            _note(session, visit, "quick_reply.saved", saved.id, {"from": None, "to": saved.shortcut})
    except ParleyError as error:
        typed = {"shortcut": visit.text("shortcut"), **texts}
        return _draw(visit, 422, drawing.reason_in(visit.language, str(error)), typed, reply_id)
    return visit.go(HERE, "quick_replies.saved", shortcut=saved.shortcut)


def _draw(
    visit: Visit,
    status: int = 200,
    error: str = "",
    typed: dict[str, str] | None = None,
    about: UUID | None = None,
) -> Response:
    with visit.database.reading() as session:
        found = quick_replies.list_quick_replies(session)
    return visit.draw(
        "quick_replies.html", status=status, found=found, error=error, typed=typed or {}, about=about
    )


def _note(
    session: Session, visit: Visit, action: str, reply_id: UUID, change: dict[str, str | None]
) -> None:
    audit.note(
        session,
        actor=visit.actor,
        action=action,
        noun="quick_reply",
        noun_id=reply_id,
        changes={"shortcut": change},
        now=visit.now,
    )
