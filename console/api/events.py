"""`/events`: what other systems know of customers, such as orders and visits; each is told once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, Field, field_validator, model_validator
from sqlmodel import Session

from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.once import REPLAYED, Once
from console.api.paging import Cursor, Limit, Page, cut, read_id, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import EXAMPLE_ID, Words
from crm_store import customers, events
from crm_store.identities import identities_at
from crm_store.messages import Address, NotFound, ParleyError

router = APIRouter(prefix="/events", tags=["events"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

MOST_AT_ONCE = 500
_TIME = "2026-11-21T12:41:00Z"
_KEY = Field(
    min_length=1,
    max_length=255,
    description="Your own, of this event: the second one with the same key is a repeat of the first.",
    examples=["order-4711-paid"],
)


class NewEvent(BaseModel):
    """Something that happened to a customer: name who it was by `customer` or by `identity`."""

    customer: UUID | None = Field(default=None, description="The customer's id.", examples=[None])
    identity: str | None = Field(
        default=None,
        max_length=1000,
        description="Or one of their accounts, as CHANNEL:EXTERNAL_ID.",
        examples=["shop:8f14e45f"],
    )
    name: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$",
        description="What happened: words in lower case with dots between them.",
        examples=["order.paid"],
    )
    key: Annotated[Words, _KEY]
    at: AwareDatetime = Field(description="When it happened, with its zone.", examples=[_TIME])
    data: dict[str, Any] = Field(
        default_factory=dict, description="What else is known of it.", examples=[{"total": 128, "items": 3}]
    )

    @field_validator("data")
    @classmethod
    def _is_json(cls, data: dict[str, Any]) -> dict[str, Any]:
        json.dumps(data, allow_nan=False)  # Python reads NaN and Infinity, which are no JSON.
        return data

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.customer is None) == (self.identity is None):
            raise ValueError("expected either customer or identity")
        if self.identity is not None:
            Address.parse(self.identity)
        return self


class Event(BaseModel):
    """An event as it is kept."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    customer_id: UUID = Field(examples=[EXAMPLE_ID])
    name: str = Field(examples=["order.paid"])
    source: str = Field(description="Who told it: the token's owner.", examples=["shop-system"])
    key: str = Field(examples=["order-4711-paid"])
    at: datetime = Field(examples=[_TIME])
    data: dict[str, Any] = Field(examples=[{"total": 128, "items": 3}])
    created_at: datetime = Field(description="When it was written down.", examples=[_TIME])

    @classmethod
    def of(cls, row: events.Event) -> Self:
        """The shape of a row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class EventPage(Page[Event]):
    """Events, the latest to happen first."""


class NewEvents(BaseModel):
    """Many events at once."""

    items: list[NewEvent] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Told(BaseModel):
    """What became of one of many events."""

    status: Literal["created", "repeated", "refused"] = Field(examples=["created"])
    event_id: UUID | None = Field(
        description="Its row; of a repeat the first one's.", examples=[EXAMPLE_ID]
    )
    detail: str | None = Field(description="Why it was refused.", examples=[None])


class ToldPage(BaseModel):
    """What became of many events, in their order."""

    items: list[Told]


REPEATED = {"model": Event, "description": "A repeat: the first event."}


@router.post(
    "",
    dependencies=[MAY_WRITE],
    operation_id="createEvent",
    summary="Tell of an event",
    status_code=201,
    responses={**refusals(404, 409), 201: REPLAYED, 200: REPEATED},
)
def create_event(host: GivenHost, caller: Caller, response: Response, once: Once, body: NewEvent) -> Event:
    """Write down what happened to a customer. A repeat, told by its key, answers 200 with the first one."""

    def make(session: Session) -> Event:
        (found,) = _whom(session, [body])
        if isinstance(found, ParleyError):
            raise found
        ((row, new),) = events.add_events(session, caller.owner, [_happened(body, found)], host.now())
        response.status_code = 201 if new else 200
        return Event.of(row)

    told = once.do(Event, make, body, lambda made: made.customer_id)
    log.info("event.told", event_id=str(told.id), status=response.status_code)
    return told


@router.post(
    "/bulk",
    dependencies=[MAY_WRITE],
    operation_id="createEvents",
    summary="Tell of many events",
)
def create_events(host: GivenHost, caller: Caller, body: NewEvents) -> ToldPage:
    """Write down up to 500 events. One whose customer is not known is refused alone, the others stand."""
    with host.database.writing() as session:
        whom = _whom(session, body.items)
        fitting = [
            _happened(item, found)
            for item, found in zip(body.items, whom, strict=True)
            if not isinstance(found, ParleyError)
        ]
        rows = iter(events.add_events(session, caller.owner, fitting, host.now()))
        told = [_told(found, None if isinstance(found, ParleyError) else next(rows)) for found in whom]
    log.info("events.told", count=len(fitting), refused=len(whom) - len(fitting))
    return ToldPage(items=told)


@router.get(
    "",
    dependencies=[MAY_READ],
    operation_id="listEvents",
    summary="List a customer's events",
    responses=refusals(404),
)
def list_events(
    host: GivenHost,
    customer: Annotated[UUID, Query(description="The customer's id.")],
    cursor: Cursor = "",
    limit: Limit = 50,
) -> EventPage:
    """What other systems told of a customer, the latest to happen first."""
    after = read_id("events", cursor)
    with host.database.reading() as session:
        customers.get_customer(session, customer)
        rows, last = cut(events.list_events(session, customer, after=after, limit=limit + 1), limit)
        return EventPage(
            items=[Event.of(row) for row in rows],
            next_cursor=write_cursor("events", last.id) if last else None,
        )


def _whom(session: Session, items: Sequence[NewEvent]) -> list[UUID | ParleyError]:
    """The customer of each, or why there is none; two queries however many there are."""
    addresses = {Address.parse(item.identity) for item in items if item.identity}
    accounts = {a: row.customer_id for a, row in identities_at(session, addresses).items()}
    named = {item.customer for item in items if item.customer} | set(accounts.values())
    alive = {row.id: row.erased_at is None for row in customers.customers_by_id(session, named)}
    return [_one(item, accounts, alive) for item in items]


def _one(item: NewEvent, accounts: dict[Address, UUID], alive: dict[UUID, bool]) -> UUID | ParleyError:
    found = item.customer or (accounts.get(Address.parse(item.identity)) if item.identity else None)
    if found is None or found not in alive:
        return NotFound(f"there is no customer {item.customer or item.identity}")
    return found if alive[found] else customers.Erased()


def _happened(item: NewEvent, customer_id: UUID) -> events.Happened:
    return events.Happened(customer_id, item.name, item.key, item.at, item.data)


def _told(found: UUID | ParleyError, row: tuple[events.Event, bool] | None) -> Told:
    if row is None:
        return Told(status="refused", event_id=None, detail=str(found))
    return Told(status="created" if row[1] else "repeated", event_id=row[0].id, detail=None)
