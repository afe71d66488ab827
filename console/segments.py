"""Segments: saved descriptions of customers, with how many each fits now."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import HTMLResponse, Response

from console import drawing
from console.campaign_forms import When, Written
from console.campaign_preview import look_at
from console.conditions import KINDS, Rows, read_rows, rows_of
from console.routing import Routes
from console.visits import Visit
from crm_store import customers, segment_query, segments
from crm_store.messages import ParleyError
from crm_store.segment_query import InvalidSegment
from crm_store.segments import Segment

HERE = "/console/segments"
PER_PAGE = 20
routes = Routes()


@routes.page(HERE, right="campaigns")
def show(visit: Visit) -> Response:
    """Segments, newest first; each is counted, so a page holds few."""
    try:
        after = UUID(visit.query["after"]) if "after" in visit.query else None
    except ValueError:
        after = None
    with visit.database.reading() as session:
        found = segments.list_segments(session, after=after, limit=PER_PAGE + 1)
        more = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
        found = found[:PER_PAGE]
        lines = [
            (
                row,
                rows_of(row.definition),
                segment_query.count_customers(session, row.definition, visit.now),
            )
            for row in found
        ]
    return visit.draw("segments/list.html", lines=lines, more=more)


@routes.page(f"{HERE}/new", right="campaigns")
def begin(visit: Visit) -> Response:
    """An empty form."""
    return _draw(visit, None, "", Rows())


@routes.deed(f"{HERE}/new", right="campaigns")
def make(visit: Visit) -> Response:
    """Save a new one."""
    return _save(visit, None)


@routes.deed(f"{HERE}/look", right="campaigns")
def look(visit: Visit) -> Response:
    """Whom the form means, for the script."""
    with visit.database.reading() as session:
        found = look_at(session, visit, Written("", read_rows(visit), [], [], When()))
    return HTMLResponse(visit.part("campaigns/count.html", look=found))


@routes.page(f"{HERE}/{{id}}", right="campaigns")
def edit(visit: Visit) -> Response:
    """The form of one."""
    with visit.database.reading() as session:
        row = segments.get_segment(session, visit.id())
    return _draw(visit, row, row.name, rows_of(row.definition))


@routes.deed(f"{HERE}/{{id}}", right="campaigns")
def change(visit: Visit) -> Response:
    """Save one anew."""
    return _save(visit, visit.id())


@routes.deed(f"{HERE}/{{id}}/delete", right="campaigns")
def delete(visit: Visit) -> Response:
    """Forget one; campaigns keep the description that they were written with."""
    with visit.database.writing() as session:
        segments.delete_segment(session, visit.id(), actor=visit.actor, now=visit.now)
    return visit.go(HERE, "segments.deleted")


def _save(visit: Visit, segment_id: UUID | None) -> Response:
    rows, name = read_rows(visit), visit.text("name")
    try:
        definition = rows.definition()
    except ValueError:
        return _draw(visit, None, name, rows, "JSON")
    try:
        with visit.database.writing() as session:
            segments.save_segment(
                session, name, definition, actor=visit.actor, now=visit.now, segment_id=segment_id
            )
    except (ParleyError, InvalidSegment) as error:
        with visit.database.reading() as session:
            row = segments.get_segment(session, segment_id) if segment_id else None
        return _draw(visit, row, name, rows, drawing.reason_in(visit.language, str(error)))
    return visit.go(HERE, "segments.saved", name=name)


def _draw(visit: Visit, row: Segment | None, name: str, rows: Rows, error: str = "") -> Response:
    with visit.database.reading() as session:
        found = look_at(session, visit, Written(name, rows, [], [], When()))
        tags = customers.count_tags(session, 200)
    return visit.draw(
        "segments/edit.html",
        status=422 if error else 200,
        segment=row,
        name=name,
        rows=rows,
        look=found,
        error=error,
        tags=tags,
        kinds=KINDS,
    )
