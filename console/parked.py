"""The page of parked turns: what could not be answered, with its traceback; for supervisors."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from starlette.responses import Response

from console import replaying
from console.host import Host
from console.routing import Routes
from console.visits import Visit, number_of
from crm_store import parked
from crm_store.customers import customers_by_id
from crm_store.messages import ParleyError
from crm_store.parked import Parked

routes = Routes()
HERE = "/console/parked"
SHOWN = 50


@routes.page(HERE, right="parked")
def list_parked(visit: Visit) -> Response:
    """All parked turns, newest first."""
    before = visit.query.get("before", "")
    with visit.database.reading() as session:
        found = parked.list_parked(session, before=number_of(before), limit=SHOWN + 1)
        turns = found[:SHOWN]
        people = customers_by_id(session, {one.message.customer_id for one in turns})
        return visit.draw(
            "parked.html",
            turns=turns,
            names={one.id: one.display_name for one in people},
            total=parked.count_parked(session),
            more=turns[-1].message.seq if len(found) > SHOWN else None,
        )


@routes.deed(HERE + "/replay", right="parked")
def replay(visit: Visit) -> Response:
    """Have turns tried again: one, or all that are chosen."""
    return _each(visit, replaying.replay, "replayed")


@routes.deed(HERE + "/dismiss", right="parked")
def dismiss(visit: Visit) -> Response:
    """Take turns from the list: one, or all that are chosen."""
    return _each(visit, replaying.dismiss, "dismissed")


def _each(visit: Visit, deed: Callable[[Host, str, UUID], Parked], said: str) -> Response:
    done = refused = 0
    # The button of one turn means that one, whatever is chosen besides.
    for message_id in dict.fromkeys(visit.texts("only") or visit.texts("turn")):
        try:
            deed(visit.host, visit.actor, UUID(message_id))
            done += 1
        except (ParleyError, ValueError):
            refused += 1  # Somebody was faster, or the talk is over: the page shows what is left.
    if not done and not refused:
        return visit.go(HERE, "parked.none_chosen")
    return visit.go(HERE, f"parked.{said}_but" if refused else f"parked.{said}", done=done, refused=refused)
