"""`/parked`: turns that failed too often; tried again or dismissed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from console import replaying
from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.paging import Cursor, Limit, Page, cut, read_seq, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import EXAMPLE_ID, Message
from crm_store import parked

router = APIRouter(prefix="/parked", tags=["parked"], route_class=GuardedRoute, responses=ANYWHERE)

TurnId = Annotated[UUID, Path(description="The id of the customer's message.")]
_TIME = "2026-11-22T02:00:00Z"


class ParkedTurn(BaseModel):
    """A customer's message that could not be answered, and why."""

    id: UUID = Field(description="The id of the customer's message.", examples=[EXAMPLE_ID])
    conversation_id: UUID = Field(examples=[EXAMPLE_ID])
    customer_id: UUID = Field(examples=[EXAMPLE_ID])
    channel: str = Field(examples=["shop"])
    text: str = Field(description="What the customer wrote.", examples=["Where is my parcel?"])
    created_at: datetime = Field(description="When it came.", examples=[_TIME])
    parked_at: datetime = Field(description="When it failed for the last time.", examples=[_TIME])
    attempts: int = Field(description="How often it was tried.", examples=[3])
    error: str = Field(description="The type of the last error.", examples=["KeyError"])
    traceback: str = Field(examples=["Traceback (most recent call last):\n  …"])

    @classmethod
    def of(cls, found: parked.Parked) -> Self:
        """The shape of a turn."""
        own = ("id", "conversation_id", "customer_id", "channel", "text", "created_at", "attempts")
        values = {name: getattr(found.message, name) for name in own}
        return cls(**values, parked_at=found.parked_at, error=found.error, traceback=found.trace)


class ParkedPage(Page[ParkedTurn]):
    """Parked turns, newest first."""


@router.get("", dependencies=[MAY_READ], operation_id="listParked", summary="List parked turns")
def list_parked(host: GivenHost, cursor: Cursor = "", limit: Limit = 50) -> ParkedPage:
    """Messages whose turn failed three times, newest first. A person was called in the bot's place."""
    before = read_seq("parked", cursor) or None
    with host.database.reading() as session:
        rows, last = cut(parked.list_parked(session, before=before, limit=limit + 1), limit)
        return ParkedPage(
            items=[ParkedTurn.of(row) for row in rows],
            next_cursor=write_cursor("parked", last.message.seq or 0) if last else None,
        )


@router.post(
    "/{message_id}/replay",
    dependencies=[MAY_WRITE],
    operation_id="replayParked",
    summary="Replay a parked turn",
    responses=refusals(404, 409),
)
def replay(host: GivenHost, caller: Caller, message_id: TurnId) -> Message:
    """Have it tried again, within a second. The bot stays silent if something newer was answered since, or
    while a person has the floor. Refused if it is not parked or its conversation is closed.
    """
    return Message.of(replaying.replay(host, f"token:{caller.id}", message_id).message)


@router.post(
    "/{message_id}/dismiss",
    dependencies=[MAY_WRITE],
    operation_id="dismissParked",
    summary="Dismiss a parked turn",
    responses=refusals(404, 409),
)
def dismiss(host: GivenHost, caller: Caller, message_id: TurnId) -> Message:
    """Take it from the list; the bot never answers it. Refused if it is not parked."""
    return Message.of(replaying.dismiss(host, f"token:{caller.id}", message_id).message)
