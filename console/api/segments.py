"""`/segments` and `/tags`: descriptions of customers, and the words that they are marked with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlmodel import Session

from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.once import REPLAYED, Once
from console.api.paging import Cursor, Limit, Page, cut, read_id, write_cursor
from console.api.problems import ANYWHERE, flaw, refusals
from console.api.shapes import EXAMPLE_ID, Words
from crm_store import customers, segment_query, segments

router = APIRouter(tags=["segments"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

SegmentId = Annotated[UUID, Path(description="The segment's id.")]
Definition = Annotated[
    dict[str, Any],
    Field(
        description="Conditions: all, any and not of tag, attribute (is, contains, known), channel, "
        "language, written_within_days, not_written_within_days, created_within_days, "
        "event (within_days, at_least). "
        "Empty: everybody.",
        examples=[{"all": [{"tag": "vip"}, {"written_within_days": 30}]}],
    ),
]
Name = Annotated[Words, Field(min_length=1, max_length=200, examples=["Regulars"])]
_TIME = "2026-11-22T02:00:00Z"
SAMPLE = 8


class Tag(BaseModel):
    """A word that customers are marked with."""

    tag: str = Field(examples=["vip"])
    customers: int = Field(description="How many carry it.", examples=[42])


class TagPage(Page[Tag]):
    """Tags in alphabetical order."""


class NewSegment(BaseModel):
    """A description of customers under a name."""

    name: Name
    definition: Definition


class SegmentChange(BaseModel):
    """What is to be changed."""

    name: Name | None = Field(default=None, description="Its new name.")
    definition: Definition | None = Field(default=None, description="Its new conditions.")


class Description(BaseModel):
    """A description to try."""

    definition: Definition


class Segment(BaseModel):
    """A saved description."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    name: str = Field(examples=["Regulars"])
    definition: Definition
    created_by: str = Field(examples=["staff:mia"])
    created_at: datetime = Field(examples=[_TIME])
    updated_at: datetime = Field(examples=[_TIME])

    @classmethod
    def of(cls, row: segments.Segment) -> Self:
        """The shape of a row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class SegmentPage(Page[Segment]):
    """Segments, newest first."""


class Sample(BaseModel):
    """One of the customers whom a description fits."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    display_name: str = Field(examples=["小林"])


class Preview(BaseModel):
    """Whom a description fits now."""

    count: int = Field(description="How many.", examples=[42])
    sample: list[Sample] = Field(description="A few of them.")


@router.get("/tags", dependencies=[MAY_READ], operation_id="listTags", summary="List tags")
def list_tags(host: GivenHost) -> TagPage:
    """All tags with how many customers carry each."""
    with host.database.reading() as session:
        found = customers.count_tags(session)
    return TagPage(items=[Tag(tag=tag, customers=count) for tag, count in found], next_cursor=None)


@router.get("/segments", dependencies=[MAY_READ], operation_id="listSegments", summary="List segments")
def list_segments(host: GivenHost, cursor: Cursor = "", limit: Limit = 50) -> SegmentPage:
    """Segments, newest first."""
    after = read_id("segments", cursor)
    with host.database.reading() as session:
        rows, last = cut(segments.list_segments(session, after=after, limit=limit + 1), limit)
        return SegmentPage(
            items=[Segment.of(row) for row in rows],
            next_cursor=write_cursor("segments", last.id) if last else None,
        )


@router.post(
    "/segments",
    dependencies=[MAY_WRITE],
    operation_id="createSegment",
    summary="Save a segment",
    status_code=201,
    responses={**refusals(409), 201: REPLAYED},
)
def create_segment(host: GivenHost, caller: Caller, once: Once, body: NewSegment) -> Segment:
    """Save a description of customers under a name of its own."""
    check(body.definition)

    def make(session: Session) -> Segment:
        actor = f"token:{caller.id}"
        row = segments.save_segment(session, body.name, body.definition, actor=actor, now=host.now())
        return Segment.of(row)

    made = once.do(Segment, make, body)
    log.info("segment.saved", segment_id=str(made.id), replayed=once.replayed)
    return made


@router.post(
    "/segments/preview",
    dependencies=[MAY_READ],
    operation_id="previewSegment",
    summary="Try a description of customers",
)
def preview_segment(host: GivenHost, body: Description) -> Preview:
    """How many customers a description fits now, and a few of them. Nothing is saved."""
    check(body.definition)
    with host.database.reading() as session:
        return _preview(session, body.definition, host.now())


@router.get(
    "/segments/{segment_id}",
    dependencies=[MAY_READ],
    operation_id="getSegment",
    summary="Get a segment",
    responses=refusals(404),
)
def get_segment(host: GivenHost, segment_id: SegmentId) -> Segment:
    """One segment."""
    with host.database.reading() as session:
        return Segment.of(segments.get_segment(session, segment_id))


@router.get(
    "/segments/{segment_id}/preview",
    dependencies=[MAY_READ],
    operation_id="countSegment",
    summary="Count a segment",
    responses=refusals(404),
)
def count_segment(host: GivenHost, segment_id: SegmentId) -> Preview:
    """How many customers a segment has now, and a few of them."""
    with host.database.reading() as session:
        return _preview(session, segments.get_segment(session, segment_id).definition, host.now())


@router.patch(
    "/segments/{segment_id}",
    dependencies=[MAY_WRITE],
    operation_id="changeSegment",
    summary="Change a segment",
    responses=refusals(404, 409),
)
def change_segment(host: GivenHost, caller: Caller, segment_id: SegmentId, body: SegmentChange) -> Segment:
    """Give a segment another name or other conditions; what is left out stays."""
    if body.definition is not None:
        check(body.definition)
    with host.database.writing() as session:
        row = segments.get_segment(session, segment_id)
        row = segments.save_segment(
            session,
            row.name if body.name is None else body.name,
            row.definition if body.definition is None else body.definition,
            actor=f"token:{caller.id}",
            now=host.now(),
            segment_id=segment_id,
        )
        return Segment.of(row)


@router.delete(
    "/segments/{segment_id}",
    dependencies=[MAY_WRITE],
    operation_id="deleteSegment",
    summary="Delete a segment",
    response_description="The segment as it was.",
    responses=refusals(404),
)
def delete_segment(host: GivenHost, caller: Caller, segment_id: SegmentId) -> Segment:
    """Forget a segment. Its customers stay, and campaigns keep the conditions they were written with."""
    with host.database.writing() as session:
        gone = Segment.of(segments.get_segment(session, segment_id))
        segments.delete_segment(session, segment_id, actor=f"token:{caller.id}", now=host.now())
    return gone


def check(definition: dict[str, Any]) -> None:
    """Refuse a wrong definition, with the place of its fault."""
    try:
        segment_query.check_definition(definition)
    except segment_query.InvalidSegment as error:
        raise flaw("body", "definition", str(error)) from None


def _preview(session: Session, definition: dict[str, Any], now: datetime) -> Preview:
    people = segment_query.sample_customers(session, definition, SAMPLE, now)
    return Preview(
        count=segment_query.count_customers(session, definition, now),
        sample=[Sample(id=each.id, display_name=each.display_name) for each in people],
    )
