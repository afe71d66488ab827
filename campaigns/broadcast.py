"""The plain campaign: to all whom a description fits when it begins."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field, field_validator
from sqlmodel import Session

from campaigns.base import Ids, Params, trigger
from crm_store.segment_query import InvalidSegment, check_definition, customers_in


class Broadcast(Params):
    """Whom it means."""

    segment: dict[str, Any] = Field(default_factory=dict, description="whom it means; empty: everybody")

    @field_validator("segment")
    @classmethod
    def _a_description(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            check_definition(value)
        except InvalidSegment as error:
            raise ValueError(str(error)) from None
        return value


@trigger("broadcast", Broadcast)
def broadcast(session: Session, params: Broadcast, now: datetime) -> Ids:
    """All customers whom the description fits."""
    return customers_in(session, params.segment, now)
