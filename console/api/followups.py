"""`/followups`: a word to one customer at its time, or a task for an agent; each fires once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session

from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.once import REPLAYED, Once
from console.api.paging import Cursor, Limit, Page, cut, read_id, write_cursor
from console.api.problems import ANYWHERE, flaw, refusals
from console.api.shapes import EXAMPLE_ID, LONGEST_TEXT, AgentName, Words
from crm_store import followup_plans, followups
from crm_store.followups import State
from crm_store.messages import Address

router = APIRouter(prefix="/followups", tags=["followups"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

FollowUpId = Annotated[UUID, Path(description="The follow-up's id.")]
_TIME = "2026-11-22T02:00:00Z"


class NewFollowUp(BaseModel):
    """What is to be said to a customer, or done for them, and when."""

    customer: UUID = Field(description="The customer's id.", examples=[EXAMPLE_ID])
    identity: str | None = Field(
        default=None,
        max_length=1000,
        description="On which of their accounts, as CHANNEL:EXTERNAL_ID; without it where they wrote last.",
        examples=["shop:8f14e45f"],
    )
    kind: Literal["message", "task"] = Field(
        default="message", description="Send the text at that time, or remind the agent of it."
    )
    text: Annotated[Words, Field(min_length=1, max_length=LONGEST_TEXT)] = Field(
        description="The words, or what is to be done.", examples=["Did the tea arrive well?"]
    )
    due_at: AwareDatetime = Field(description="When, with its zone.", examples=[_TIME])
    cancel_if_written: bool = Field(
        default=False, description="Do not send it if the customer writes before."
    )
    agent: AgentName = None


class FollowUp(BaseModel):
    """A follow-up and what has become of it."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    customer_id: UUID = Field(examples=[EXAMPLE_ID])
    address: str = Field(description="Channel and account.", examples=["shop:8f14e45f"])
    text: str = Field(examples=["Did the tea arrive well?"])
    due_at: datetime = Field(examples=[_TIME])
    state: State = Field(
        description="`task`: an agent has to do it, by intention or because nothing may be sent then.",
        examples=["planned"],
    )
    reason: str | None = Field(description="Why it is as it is.", examples=[None])
    planned_by: str = Field(description="customer, or agent:NAME.", examples=["agent:lin"])
    agent: str | None = Field(description="Whose task it is, or would be.", examples=["lin"])
    cancel_if_written: bool = Field(description="Not sent if the customer writes before.")
    message_id: UUID | None = Field(description="The message that it was sent as.", examples=[None])
    expected: str | None = Field(
        default=None,
        description="Of a planned one, as things stand: why it would become a task.",
        examples=[None],
    )
    created_at: datetime = Field(examples=[_TIME])

    @classmethod
    def of(cls, row: followups.FollowUp, expected: str | None = None) -> Self:
        """The shape of a row."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "expected"}
        return cls(**values | {"address": str(row.address), "expected": expected})


class FollowUpPage(Page[FollowUp]):
    """Follow-ups, newest first."""


@router.get("", dependencies=[MAY_READ], operation_id="listFollowUps", summary="List follow-ups")
def list_followups(
    host: GivenHost,
    customer: Annotated[UUID | None, Query(description="Only those of this customer.")] = None,
    agent: Annotated[str, Query(max_length=200, description="Only those of this agent.")] = "",
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> FollowUpPage:
    """Follow-ups, newest first. Filters narrow the list together."""
    after = read_id("followups", cursor)
    with host.database.reading() as session:
        found = followups.list_followups(
            session, customer_id=customer, agent=agent or None, state=state, after=after, limit=limit + 1
        )
        rows, last = cut(found, limit)
        return FollowUpPage(
            items=[FollowUp.of(row) for row in rows],
            next_cursor=write_cursor("followups", last.id) if last else None,
        )


@router.post(
    "",
    dependencies=[MAY_WRITE],
    operation_id="createFollowUp",
    summary="Plan a follow-up",
    status_code=201,
    response_description="The follow-up. `expected` says if it would become a task, and why.",
    responses={**refusals(404, 409), 201: REPLAYED},
)
def create_followup(host: GivenHost, caller: Caller, once: Once, body: NewFollowUp) -> FollowUp:
    """Plan one word to one customer. It is sent once; where the channel forbids it, an agent is told."""
    wanted = followup_plans.Wanted(
        customer_id=body.customer,
        address=_address(body.identity),
        text=body.text,
        due_at=body.due_at,
        is_task=body.kind == "task",
        cancel_if_written=body.cancel_if_written,
        agent=body.agent or caller.owner,
    )

    def make(session: Session) -> FollowUp:
        row, expected = followup_plans.make(session, wanted, f"token:{caller.id}", host.now())
        return FollowUp.of(row, expected)

    made = once.do(FollowUp, make, body, lambda made: made.customer_id)
    log.info("followup.planned", followup_id=str(made.id), replayed=once.replayed)
    return made


@router.get(
    "/{followup_id}",
    dependencies=[MAY_READ],
    operation_id="getFollowUp",
    summary="Get a follow-up",
    responses=refusals(404),
)
def get_followup(host: GivenHost, followup_id: FollowUpId) -> FollowUp:
    """One follow-up and what has become of it."""
    with host.database.reading() as session:
        row = followups.get_followup(session, followup_id)
        return FollowUp.of(row, followup_plans.expected_of(session, row))


@router.post(
    "/{followup_id}/cancel",
    dependencies=[MAY_WRITE],
    operation_id="cancelFollowUp",
    summary="Cancel a follow-up",
    responses=refusals(404, 409),
)
def cancel_followup(host: GivenHost, caller: Caller, followup_id: FollowUpId) -> FollowUp:
    """Neither send nor do it. Refused once it is being sent."""
    with host.database.writing() as session:
        return FollowUp.of(followup_plans.cancel(session, followup_id, f"token:{caller.id}", host.now()))


@router.post(
    "/{followup_id}/done",
    dependencies=[MAY_WRITE],
    operation_id="completeFollowUp",
    summary="Say that a task is done",
    responses=refusals(404, 409),
)
def complete_followup(host: GivenHost, caller: Caller, followup_id: FollowUpId) -> FollowUp:
    """An agent has done the task."""
    with host.database.writing() as session:
        return FollowUp.of(followup_plans.complete(session, followup_id, f"token:{caller.id}", host.now()))


def _address(identity: str | None) -> Address | None:
    try:
        return Address.parse(identity) if identity else None
    except ValueError as error:
        raise flaw("body", "identity", str(error)) from None
