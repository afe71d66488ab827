"""`/audit`: who changed what, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from console.api.auth import MAY_ADMINISTER, GuardedRoute
from console.api.host import GivenHost
from console.api.paging import Cursor, Limit, Page, cut, read_id, write_cursor
from console.api.problems import ANYWHERE
from console.api.shapes import EXAMPLE_ID
from crm_store import audit

router = APIRouter(prefix="/audit", tags=["audit"], route_class=GuardedRoute, responses=ANYWHERE)


class AuditEntry(BaseModel):
    """One change. It outlives an erasure; what it says of a person does not."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    at: datetime = Field(examples=["2026-11-21T12:41:00Z"])
    actor: str = Field(description="Who: staff:NAME, token:ID, customer or system.", examples=["staff:lin"])
    action: str = Field(examples=["customer.edited"])
    noun: str = Field(description="What kind of thing was changed.", examples=["customer"])
    noun_id: str = Field(description="Which one.", examples=[EXAMPLE_ID])
    customer_id: UUID | None = Field(description="Whom it is about, if anybody.", examples=[EXAMPLE_ID])
    changes: dict[str, Any] = Field(
        description="By field what it was and what it is.",
        examples=[{"attributes.city": {"from": None, "to": "杭州"}}],
    )

    @classmethod
    def of(cls, row: audit.AuditEntry) -> Self:
        """The shape of a row."""
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class AuditPage(Page[AuditEntry]):
    """Changes, newest first."""


@router.get("", dependencies=[MAY_ADMINISTER], operation_id="listAudit", summary="List changes")
def list_audit(
    host: GivenHost,
    customer: Annotated[UUID | None, Query(description="Only those about this customer.")] = None,
    noun: Annotated[str, Query(max_length=50, description="Only those of this kind of thing.")] = "",
    noun_id: Annotated[str, Query(max_length=100, description="Only those of this thing.")] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> AuditPage:
    """Who changed what, newest first. Filters narrow the list together."""
    before = read_id("audit", cursor)
    with host.database.reading() as session:
        found = audit.list_entries(
            session, noun=noun, noun_id=noun_id, customer_id=customer, before=before, limit=limit + 1
        )
        rows, last = cut(found, limit)
        return AuditPage(
            items=[AuditEntry.of(row) for row in rows],
            next_cursor=write_cursor("audit", last.id) if last else None,
        )
