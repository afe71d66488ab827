"""Campaigns: what a marketer wants to say, to whom and when. Their runs are in `campaign_runs.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id

State = Literal["draft", "scheduled", "running", "paused", "stopped", "finished"]
EDITABLE: tuple[State, ...] = ("draft", "scheduled")


class Campaign(SQLModel, table=True):
    """A message for many. `trigger` and `params` say to whom; `next_at` is when its next run begins."""

    __tablename__ = "campaigns"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False))
    trigger: str = Field(default="broadcast", sa_column=Column(CleanText, nullable=False))
    params: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    # {"language", "text": "… {display_name} …", "buttons": [{"title", "payload"}]}, the default first
    texts: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(CleanJson, nullable=False))
    channels: list[str] = Field(default_factory=list, sa_column=Column(CleanJson, nullable=False))
    # {"kind": "now"}, {"kind": "at", "at": ISO time}, {"kind": "cron", "cron": "0 10 * * mon", "timezone"}
    schedule: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    status: str = Field(default="draft", sa_column=Column(CleanText, nullable=False))
    next_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    created_by: str = Field(sa_column=Column(CleanText, nullable=False))  # "staff:lin", "token:ID"
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
