"""Runs of campaigns and their recipients: one row a person and run, whether it was reached or left out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, new_id


class CampaignRun(SQLModel, table=True):
    """One time that a campaign goes out. `cursor`: the last customer that has its row already."""

    __tablename__ = "campaign_runs"
    __table_args__ = (
        Index("uq_campaign_runs_planned", "campaign_id", "planned_at", unique=True),
        Index("ix_campaign_runs_status", "status"),
        {"info": NOT_PERSONAL},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    campaign_id: UUID = Field(foreign_key="campaigns.id")
    planned_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    status: str = Field(default="running", sa_column=Column(CleanText, nullable=False))
    audience: int = 0  # how many the segment had when the run began
    cursor: UUID | None = None
    collected: bool = False
    started_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class Recipient(SQLModel, table=True):
    """A person whom a run meant, and the message that they got, or the reason why they got none."""

    __tablename__ = "campaign_recipients"
    __table_args__ = (
        Index("ix_campaign_recipients_reason", "run_id", "reason"),
        Index("ix_campaign_recipients_customer", "customer_id"),
        {"info": {"personal": {"external_id": "pseudonym"}}},
    )

    run_id: UUID = Field(foreign_key="campaign_runs.id", primary_key=True)
    customer_id: UUID = Field(foreign_key="customers.id", primary_key=True)
    channel: str | None = Field(default=None, sa_column=Column(CleanText))
    external_id: str | None = Field(default=None, sa_column=Column(CleanText))
    language: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    message_id: UUID | None = None  # its row in the outbox
    reason: str | None = Field(default=None, sa_column=Column(CleanText))  # why it was left out
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
