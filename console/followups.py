"""Follow-ups: an agent's own list of what is due, and planning, cancelling, doing them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.responses import Response

from console import drawing
from console.customers import HERE, LIST, draw_customer, zone_of
from console.routing import Routes
from console.visits import Visit
from crm_store import customers, followup_plans, followups
from crm_store.customers import Customer
from crm_store.due_followups import foresee
from crm_store.followup_plans import Wanted
from crm_store.followups import FollowUp
from crm_store.messages import Address, ParleyError

routes = Routes()
MINE = "/console/followups"
LONGEST_TEXT = 4000
RECENT = 20


@dataclass(frozen=True, slots=True)
class Item:
    """One follow-up with the customer it is about."""

    row: FollowUp
    customer: Customer | None


@routes.page(MINE, right="inbox")
def my_followups(visit: Visit) -> Response:
    """What I have to do: overdue, today, later; what goes out by itself; what is over."""
    name, end_of_today = visit.staff.name, _end_of_today(visit)
    with visit.database.reading() as session:
        tasks = followups.for_agent(session, name, ("task",))
        missed = followups.for_agent(session, name, ("missed",))
        groups = {
            "overdue": [row for row in (*missed, *tasks) if row.due_at < visit.now],
            "today": [row for row in tasks if visit.now <= row.due_at < end_of_today],
            "later": [row for row in tasks if row.due_at >= end_of_today],
            "anybody": followups.for_agent(session, None, ("task", "missed")),
            "planned": followups.for_agent(session, name, ("planned",)),
            "over": followups.for_agent(
                session, name, ("done", "sent", "cancelled"), latest=True, limit=RECENT
            ),
        }
        return visit.draw("followups/list.html", groups=_with_customers(session, groups))


def _with_customers(session: Session, groups: dict[str, Any]) -> dict[str, list[Item]]:
    ids = {row.customer_id for rows in groups.values() for row in rows}
    found = {row.id: row for row in customers.customers_by_id(session, ids)}
    return {name: [Item(row, found.get(row.customer_id)) for row in rows] for name, rows in groups.items()}


def _end_of_today(visit: Visit) -> datetime:
    local = visit.now.astimezone(zone_of(visit))
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


@routes.deed(HERE + "/followups", right="edit_customers")
def plan(visit: Visit) -> Response:
    """Plan one; if nothing may be sent at that time, this is said first and asked for again."""
    text, due_at, address = visit.text("text")[:LONGEST_TEXT], _due_at(visit), _address(visit)
    typed = {name: visit.text(name) for name in ("text", "due", "kind", "address", "zone", "back")}
    typed["cancel_if_written"] = visit.text("cancel_if_written")
    if not text or due_at is None:
        return _again(visit, typed, problem="no_text" if not text else "no_time")
    is_task = visit.text("kind") == "task"
    if due_at <= visit.now:
        return _again(visit, typed, problem="past")
    expected = _expected(visit, address, due_at) if not is_task else None
    if expected and visit.text("anyway") != expected:
        return _again(visit, typed, expected=expected)
    wanted = Wanted(
        customer_id=visit.id(),
        text=text,
        due_at=due_at,
        agent=visit.staff.name,
        address=address,
        is_task=is_task,
        cancel_if_written=bool(typed["cancel_if_written"]) and not is_task,
    )
    try:
        with visit.database.writing() as session:
            followup_plans.make(session, wanted, visit.actor, visit.now)
    except ParleyError as error:
        return _again(visit, typed, sentence=drawing.reason_in(visit.language, str(error)))
    said = "followups.task_noted" if is_task else "followups.planned_said"
    return visit.go(_back(visit, visit.id()), said)


def _again(visit: Visit, typed: dict[str, str], **problem: Any) -> Response:
    return draw_customer(visit, status=422, planning={"typed": typed, **problem})


def _expected(visit: Visit, address: Address | None, due_at: datetime) -> str | None:
    with visit.database.reading() as session:
        found = address or followup_plans.best_address(session, visit.id())
        return foresee(session, found, due_at) if found else None


def _due_at(visit: Visit) -> datetime | None:
    """The time of a `datetime-local` field, on the reader's clock."""
    try:
        written = datetime.fromisoformat(visit.text("due"))
    except ValueError:
        return None
    return (written if written.tzinfo else written.replace(tzinfo=zone_of(visit))).astimezone(UTC)


def _address(visit: Visit) -> Address | None:
    try:
        return Address.parse(visit.text("address"))
    except ValueError:
        return None


@routes.deed(MINE + "/{id}/cancel", right="edit_customers")
def cancel(visit: Visit) -> Response:
    """Neither send nor do it."""
    with visit.database.writing() as session:
        row = followup_plans.cancel(session, visit.id(), visit.actor, visit.now)
    return visit.go(_back(visit, row.customer_id), "followups.cancelled_said")


@routes.deed(MINE + "/{id}/done", right="edit_customers")
def complete(visit: Visit) -> Response:
    """It is done."""
    with visit.database.writing() as session:
        row = followup_plans.complete(session, visit.id(), visit.actor, visit.now)
    return visit.go(_back(visit, row.customer_id), "followups.done_said")


def _back(visit: Visit, customer_id: UUID) -> str:
    return visit.text("back") or f"{LIST}/{customer_id}"
