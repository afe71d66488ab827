"""`/customers`: who they are, all they said, and their own data to take along or to erase."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Query, Response
from sqlmodel import Session

from console.api.auth import MAY_ADMINISTER, MAY_READ, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.paging import Cursor, Limit, cut, read_id, read_seq, write_cursor
from console.api.problems import ANYWHERE, flaw, refusals
from console.api.shapes import EXAMPLE_ID, Customer, CustomerPage, Message, MessagePage
from crm_store import audit, customers, erasures, privacy
from crm_store.history import list_timeline
from crm_store.identities import find_identity, identities_of
from crm_store.messages import Address

router = APIRouter(prefix="/customers", tags=["customers"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

CustomerId = Annotated[UUID, Path(description="The customer's id.")]
IdentityQuery = Annotated[
    str,
    Query(
        max_length=1000,
        description="Only the customer with this account, as CHANNEL:EXTERNAL_ID.",
        examples=["shop:8f14e45f"],
    ),
]

TAGGED = {
    "headers": {
        "ETag": {
            "description": "The customer's present state, for If-Match.",
            "schema": {"type": "string"},
        }
    }
}
EXPORTED = {"customers": [{"id": EXAMPLE_ID, "display_name": "小林"}], "messages": []}


@router.get("", dependencies=[MAY_READ], operation_id="listCustomers", summary="List customers")
def list_customers(
    host: GivenHost, identity: IdentityQuery = "", cursor: Cursor = "", limit: Limit = 50
) -> CustomerPage:
    """Customers, oldest first; with `identity` the one who has this account, or none."""
    with host.database.reading() as session:
        if identity:
            return CustomerPage(items=draw_customers(session, _find(session, identity)), next_cursor=None)
        after = read_id("customers", cursor)
        rows, last = cut(customers.list_customers(session, after=after, limit=limit + 1), limit)
        return CustomerPage(
            items=draw_customers(session, rows),
            next_cursor=write_cursor("customers", last.id) if last else None,
        )


@router.get(
    "/{customer_id}",
    dependencies=[MAY_READ],
    operation_id="getCustomer",
    summary="Get a customer",
    responses={**refusals(404), 200: TAGGED},
)
def get_customer(host: GivenHost, response: Response, customer_id: CustomerId) -> Customer:
    """One customer with all that is known of them, and from where."""
    with host.database.reading() as session:
        drawn = draw_customers(session, [customers.get_customer(session, customer_id)])[0]
    response.headers["ETag"] = etag_of(drawn)
    return drawn


@router.get(
    "/{customer_id}/timeline",
    dependencies=[MAY_READ],
    operation_id="listCustomerMessages",
    summary="List all messages of a customer",
    responses=refusals(404),
)
def timeline(
    host: GivenHost, customer_id: CustomerId, cursor: Cursor = "", limit: Limit = 50
) -> MessagePage:
    """What was said with a customer over all channels and conversations, oldest first."""
    after = read_seq("timeline", cursor)
    with host.database.reading() as session:
        customers.get_customer(session, customer_id)
        found = list_timeline(session, customer_id, after=after, limit=limit + 1)
        rows, last = cut(found, limit)
        return MessagePage(
            items=[Message.of(row) for row in rows],
            next_cursor=write_cursor("timeline", last.seq or 0) if last else None,
        )


@router.get(
    "/{customer_id}/export",
    dependencies=[MAY_ADMINISTER],
    operation_id="exportCustomer",
    summary="Export a customer's data",
    responses={**refusals(404), 200: {"content": {"application/json": {"example": EXPORTED}}}},
)
def export(host: GivenHost, caller: Caller, customer_id: CustomerId) -> dict[str, list[dict[str, Any]]]:
    """Every row that is kept about a customer, by table: their own data, to hand over to them."""
    with host.database.writing() as session:
        customers.get_customer(session, customer_id)
        found = privacy.export(session, customer_id)
        audit.note(
            session, actor=f"token:{caller.id}", action="customer.exported", noun="customer",
            noun_id=customer_id, customer_id=customer_id, now=host.now(),
        )  # fmt: skip
    log.info("customer.exported", customer_id=str(customer_id), token_id=str(caller.id))
    return found


@router.delete(
    "/{customer_id}",
    dependencies=[MAY_ADMINISTER],
    operation_id="eraseCustomer",
    summary="Erase a customer's data",
    responses=refusals(404),
)
def erase(host: GivenHost, caller: Caller, customer_id: CustomerId) -> Customer:
    """Erase all that is personal, for good. What is left can be counted and names nobody.

    The customer is returned as they are kept from now on. Erasing again changes nothing more.
    """
    with host.database.writing() as session:
        customers.get_customer(session, customer_id)
        erasures.erase_now(session, customer_id, f"token:{caller.id}", host.now())
        session.expire_all()
        left = draw_customers(session, [customers.get_customer(session, customer_id)])[0]
    log.info("customer.erased", customer_id=str(customer_id), token_id=str(caller.id))
    return left


def etag_of(customer: Customer) -> str:
    """What changes whenever anything about the customer changes."""
    return f'"{hashlib.sha256(customer.model_dump_json().encode()).hexdigest()[:32]}"'


def _find(session: Session, identity: str) -> Sequence[customers.Customer]:
    try:
        address = Address.parse(identity)
    except ValueError as error:
        raise flaw("query", "identity", str(error)) from None
    found = find_identity(session, address)
    return [customers.get_customer(session, found.customer_id)] if found else []


def draw_customers(session: Session, rows: Sequence[customers.Customer]) -> list[Customer]:
    """The shapes of these customers, with three queries however many there are."""
    ids = [row.id for row in rows]
    attributes, tags = customers.attributes_of(session, ids), customers.tags_of(session, ids)
    accounts = identities_of(session, ids)
    return [
        Customer.of(row, attributes.get(row.id, ()), tags.get(row.id, ()), accounts.get(row.id, ()))
        for row in rows
    ]
