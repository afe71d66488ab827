"""`PATCH /customers/{id}`: what is known of a customer is changed, with audit; nothing unseen is lost."""

from __future__ import annotations

import json
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Header, HTTPException, Response
from pydantic import BaseModel, Field, field_validator

from console.api.auth import MAY_WRITE, Caller, GuardedRoute
from console.api.customers import TAGGED, CustomerId, draw_customers, etag_of
from console.api.host import GivenHost
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import Customer
from crm_store import customers, edits
from crm_store.tokens import Token

router = APIRouter(prefix="/customers", tags=["customers"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

MOST_FIELDS = 100
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=100,
        description="The `ETag` of the customer as you read them: if they have changed since, nothing is "
        "changed and the answer is 412.",
        examples=['"5f1c9a"'],
    ),
]
_Tags = Annotated[list[str], Field(max_length=MOST_FIELDS, examples=[["vip"]])]


class CustomerChange(BaseModel):
    """What is to change; what is left out stays."""

    display_name: str | None = Field(default=None, max_length=200, examples=["小林"])
    language: str | None = Field(
        default=None, max_length=20, pattern=r"^[A-Za-z0-9-]*$", examples=["zh-CN"],
        description="A language tag.",
    )  # fmt: skip
    attributes: dict[str, Any] = Field(
        default_factory=dict,
        max_length=MOST_FIELDS,
        description="Name and value; null forgets the attribute.",
        examples=[{"city": "杭州"}],
    )
    add_tags: _Tags = Field(default_factory=list, description="Tags to put on.")
    remove_tags: _Tags = Field(default_factory=list, description="Tags to take off.")

    @field_validator("attributes")
    @classmethod
    def _is_json(cls, attributes: dict[str, Any]) -> dict[str, Any]:
        json.dumps(attributes, allow_nan=False)  # Python reads NaN and Infinity, which are no JSON.
        return attributes


def editor_of(caller: Token) -> edits.Editor:
    """A program, as the audit and the record name it."""
    return edits.Editor(actor=f"token:{caller.id}", source=f"api:{caller.owner}")


@router.patch(
    "/{customer_id}",
    dependencies=[MAY_WRITE],
    operation_id="changeCustomer",
    summary="Change a customer",
    responses={**refusals(404, 409, 412), 200: TAGGED},
)
def change_customer(
    host: GivenHost,
    caller: Caller,
    response: Response,
    customer_id: CustomerId,
    body: CustomerChange,
    if_match: IfMatch = None,
) -> Customer:
    """Change names, attributes and tags; the audit keeps the old and the new."""
    wanted = edits.Edit(**body.model_dump())
    with host.database.writing() as session:
        locked = edits.lock_customer(session, customer_id)
        if if_match not in (None, "*", etag_of(draw_customers(session, [locked])[0])):
            raise HTTPException(412, "the customer has changed since you read them")
        changes = edits.edit(session, customer_id, wanted, editor_of(caller), host.now())
        session.expire_all()
        drawn = draw_customers(session, [customers.get_customer(session, customer_id)])[0]
    log.info("customer.edited", customer_id=str(customer_id), fields=len(changes))
    response.headers["ETag"] = etag_of(drawn)
    return drawn
