"""A customer's own data, by an administrator: a file to hand over, and their erasure."""

from __future__ import annotations

import json

from starlette.responses import Response

import pages
from console.customers import HERE, LIST, draw_customer
from console.routing import Routes
from console.visits import Visit
from crm_store import audit, customers, erasures, privacy

routes = Routes()


@routes.deed(HERE + "/export", right="staff")
def export(visit: Visit) -> Response:
    """Everything that is kept about the customer, as a file."""
    with visit.database.writing() as session:
        customers.get_customer(session, visit.id())
        found = privacy.export(session, visit.id())
        audit.note(
            session, actor=visit.actor, action="customer.exported", noun="customer", noun_id=visit.id(),
            customer_id=visit.id(), now=visit.now,
        )  # fmt: skip
    headers = pages.security_headers() | {
        "content-disposition": f'attachment; filename="customer-{visit.id()}.json"',
        "cache-control": "no-store",
    }
    written = json.dumps(found, ensure_ascii=False, indent=2)
    return Response(written, headers=headers, media_type="application/json")


@routes.deed(HERE + "/erase", right="staff")
def erase(visit: Visit) -> Response:
    """Erase for good what is personal, once the word for it has been typed."""
    if visit.text("typed").casefold() != visit.word("customers.erase_word").casefold():
        return draw_customer(visit, status=422, erase_error=visit.word("customers.erase_mistyped"))
    with visit.database.writing() as session:
        customers.get_customer(session, visit.id())
        erasures.erase_now(session, visit.id(), visit.actor, visit.now)
    return visit.go(LIST, "customers.erased_said")
