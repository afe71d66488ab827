"""The shapes of campaigns: what a program sends and gets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from campaigns.plan import Plan
from console.api.paging import Page
from console.api.segments import Definition
from console.api.shapes import EXAMPLE_ID, Words
from crm_store import campaign_runs, campaigns
from crm_store.campaigns import State

_TIME = "2026-11-22T02:00:00Z"
_SCHEDULE = {"kind": "cron", "cron": "0 10 * * mon", "timezone": "Asia/Shanghai"}


class CampaignButton(BaseModel):
    """A choice to tap."""

    title: Words = Field(examples=["Show me"])
    payload: Words = Field(description="What it says when it is tapped.", examples=["What is new?"])


class CampaignText(BaseModel):
    """What is said in one language."""

    language: Words = Field(description="As in `zh` or `en-GB`.", examples=["en"])
    text: Words = Field(
        description="The words; {display_name} or {attribute} stand for what is known of each customer, "
        "{display_name|friend} has words for whom it is not known.",
        examples=["Hello {display_name|friend}, spring tea is here."],
    )
    buttons: list[CampaignButton] = Field(default=[], description="Choices to tap.")


class CampaignFields(BaseModel):
    """A campaign as it is written; what is left out stays, or is empty."""

    name: Words | None = Field(default=None, examples=["Spring tea"])
    segment: Definition | None = Field(default=None, description="Whom it means; empty: everybody.")
    trigger: Words | None = Field(
        default=None, description="Another way to say whom.", examples=["broadcast"]
    )
    params: dict[str, Any] | None = Field(
        default=None, description="What the trigger is told.", examples=[{"segment": {"tag": "vip"}}]
    )
    texts: list[CampaignText] | None = Field(
        default=None, description="One for each language; the first is for all other languages."
    )
    channels: list[Words] | None = Field(
        default=None, description="Names of channels; empty: all.", examples=[["shop"]]
    )
    schedule: dict[str, Any] | None = Field(
        default=None,
        description="`now`, `at` with a time, or `cron` with five fields and a time zone.",
        examples=[_SCHEDULE],
    )

    def values(self) -> dict[str, Any]:
        """What was given, by column."""
        given = self.model_dump(exclude_none=True)
        if "segment" in given:
            given["params"] = {"segment": given.pop("segment")}
        return given


class NewCampaign(CampaignFields):
    """A new campaign."""

    name: Words = Field(examples=["Spring tea"])


class Campaign(BaseModel):
    """A campaign."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    name: str = Field(examples=["Spring tea"])
    status: State = Field(examples=["running"])
    trigger: str = Field(examples=["broadcast"])
    params: dict[str, Any] = Field(examples=[{"segment": {"tag": "vip"}}])
    texts: list[CampaignText] = Field(description="The first is for all other languages.")
    channels: list[str] = Field(description="Names of channels; empty: all.", examples=[["shop"]])
    schedule: dict[str, Any] = Field(examples=[_SCHEDULE])
    next_at: datetime | None = Field(description="When its next run begins.", examples=[_TIME])
    created_by: str = Field(examples=["staff:mia"])
    created_at: datetime = Field(examples=[_TIME])
    updated_at: datetime = Field(examples=[_TIME])

    @classmethod
    def of(cls, row: campaigns.Campaign) -> Self:
        """The shape of a row."""
        values = {name: getattr(row, name) for name in cls.model_fields}
        values["texts"] = [CampaignText.model_validate(text) for text in row.texts]
        return cls(**values)


class CampaignPage(Page[Campaign]):
    """Campaigns, newest first."""


class Reached(BaseModel):
    """How many are reached on a channel in a language."""

    channel: str = Field(examples=["shop"])
    language: str = Field(examples=["en"])
    count: int = Field(examples=[40])
    preview: str = Field(description="What one of them would get.", examples=["Hello Anna …"])


class Preflight(BaseModel):
    """What would become of a campaign that began now. Nothing was sent."""

    audience: int = Field(description="Whom it means.", examples=[42])
    checked: int = Field(description="How many of them were looked at in the time there is.", examples=[42])
    reached: int = Field(examples=[40])
    by_channel: list[Reached] = Field(description="Those reached, by channel and language.")
    left_out: dict[str, int] = Field(
        description="Those not reached, by reason.", examples=[{"the customer said stop": 2}]
    )
    missing: dict[str, int] = Field(
        description="Variables that are not known, and of how many.", examples=[{}]
    )
    talking: int = Field(
        description="Of those reached: with whom a person talks now; they get it afterwards.", examples=[0]
    )
    later: int = Field(description="Of those reached: in their quiet hours now.", examples=[0])

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """The shape of a plan."""
        previews = plan.previews()
        by_channel = [
            Reached(
                channel=place[0],
                language=place[1],
                count=count,
                preview=previews[place].text if place in previews else "",
            )
            for place, count in plan.reached.most_common()
        ]
        return cls(
            audience=plan.audience,
            checked=plan.checked,
            reached=plan.reaches,
            by_channel=by_channel,
            left_out=dict(plan.left_out.most_common()),
            missing=dict(plan.missing.most_common()),
            talking=plan.talking,
            later=plan.later,
        )


class Tested(BaseModel):
    """A test is on its way."""

    channels: list[str] = Field(description="On which channels.", examples=[["site"]])


class Tester(BaseModel):
    """Whom to send a test."""

    customer: UUID = Field(
        description="A customer with the tag `staff-test`: one of our own people.", examples=[EXAMPLE_ID]
    )


class Result(BaseModel):
    """What became of one person."""

    customer_id: UUID = Field(examples=[EXAMPLE_ID])
    channel: str | None = Field(examples=["shop"])
    status: Literal["left_out"] | str = Field(
        description="Of the message; `left_out`: there is none.", examples=["accepted"]
    )
    reason: str | None = Field(description="Why it was not sent, or not yet.", examples=[None])
    at: datetime = Field(examples=[_TIME])


class Report(Page[Result]):
    """How far the campaign's newest run is, and what became of each person."""

    run_id: UUID | None = Field(description="Null: it has not begun.", examples=[EXAMPLE_ID])
    status: str = Field(description="Of the run.", examples=["running"])
    audience: int = Field(examples=[42])
    statuses: dict[str, int] = Field(description="Messages by status.", examples=[{"accepted": 40}])
    left_out: dict[str, int] = Field(
        description="People by reason.", examples=[{"the customer said stop": 2}]
    )
    expected_end: datetime | None = Field(description="If it goes on like this.", examples=[_TIME])

    @classmethod
    def none(cls) -> Self:
        """Of a campaign that has not begun."""
        empty: Mapping[str, Any] = {"items": [], "next_cursor": None, "statuses": {}, "left_out": {}}
        return cls(**empty, run_id=None, status="", audience=0, expected_end=None)


def result_of(row: campaign_runs.Result) -> Result:
    """The shape of a row."""
    return Result(**{name: getattr(row, name) for name in Result.model_fields})
