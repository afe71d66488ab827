"""FAQ entries from and to CSV: read, shown what would change, then done."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

import pages
from console.routing import Routes
from console.visits import Visit
from crm_store import faq, faq_imports
from crm_store.faq import Filter
from crm_store.faq_files import COLUMNS, MOST_BYTES, BadTable, read_text, write_table
from crm_store.messages import NotFound

routes = Routes()


@routes.page("/console/faq/import", right="faq")
def show_import(visit: Visit) -> Response:
    """Where a file is chosen, and what its columns mean."""
    return visit.draw("faq/import.html", columns=COLUMNS, error="")


@routes.deed("/console/faq/import", right="faq")
def read_file(visit: Visit) -> Response:
    """Read a file and show what it would change."""
    file = visit.file("file")
    try:
        text = read_text(file.file.read(MOST_BYTES + 1) if file else b"")
        name = (file.filename or "") if file else ""
        found = faq_imports.prepare(visit.database, text, name, visit.actor, visit.now)
    except BadTable as error:
        return visit.draw("faq/import.html", status=422, columns=COLUMNS, error=str(error))
    return visit.go(f"/console/faq/import/{found.id}")


@routes.page("/console/faq/import/{id:uuid}", right="faq")
def show_plan(visit: Visit) -> Response:
    """What an import would change."""
    with visit.database.reading() as session:
        return visit.draw("faq/plan.html", plan=faq_imports.get_import(session, _id(visit)))


@routes.deed("/console/faq/import/{id:uuid}/apply", right="faq")
def apply_plan(visit: Visit) -> Response:
    """Do it."""
    try:
        made, changed = faq_imports.apply(visit.database, _id(visit), visit.actor, visit.now)
    except NotFound:
        return visit.go("/console/faq/import", "faq.import_gone")
    visit.host.entries_changed()
    return visit.go("/console/faq", "faq.imported", made=made, changed=changed)


@routes.page("/console/faq/export.csv", right="faq")
def export(visit: Visit) -> Response:
    """People's entries as CSV; with `all`, the project's too."""
    wanted = Filter() if visit.query.get("all") else Filter(origin="console")
    with visit.database.reading() as session:
        found = faq.wholes(session, faq.list_entries(session, wanted, limit=faq_imports.MOST_EXPORTED))
    headers = {"content-disposition": f'attachment; filename="faq-{visit.now:%Y%m%d}.csv"'}
    # With its mark, so that Excel reads it as what it is.
    body = write_table(found).encode("utf-8-sig", "replace")
    return Response(body, media_type="text/csv; charset=utf-8", headers=pages.security_headers() | headers)


def _id(visit: Visit) -> UUID:
    return UUID(str(visit.request.path_params["id"]))
