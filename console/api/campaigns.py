"""`/campaigns`: a message for many; tried, launched, paused, stopped, and what became of each person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from campaigns.base import InvalidParams, find_trigger
from campaigns.pace import expected_end
from campaigns.plan import plan
from campaigns.trial import send_test
from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.campaign_shapes import (
    Campaign,
    CampaignFields,
    CampaignPage,
    NewCampaign,
    Preflight,
    Report,
    Tested,
    Tester,
    result_of,
)
from console.api.host import GivenHost
from console.api.once import REPLAYED, Once
from console.api.paging import Cursor, Limit, cut, read_id, write_cursor
from console.api.problems import ANYWHERE, flaw, refusals
from console.campaign_csv import write_results
from console.host import Host
from crm_store import campaign_deeds, campaign_runs, campaigns
from crm_store.campaign_texts import InvalidText
from crm_store.campaigns import State
from crm_store.messages import NotFound
from crm_store.schedules import InvalidSchedule
from crm_store.tokens import Token

router = APIRouter(prefix="/campaigns", tags=["campaigns"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

CampaignId = Annotated[UUID, Path(description="The campaign's id.")]
Deed = Callable[..., campaigns.Campaign]
_TABLE = {"schema": {"type": "string"}, "example": "customer_id,…"}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": _TABLE}}}


@router.get("", dependencies=[MAY_READ], operation_id="listCampaigns", summary="List campaigns")
def list_campaigns(
    host: GivenHost,
    status: Annotated[State | None, Query(description="Only those in this state.")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> CampaignPage:
    """Campaigns, newest first."""
    after = read_id("campaigns", cursor)
    with host.database.reading() as session:
        statuses = (status,) if status else ()
        found = campaigns.list_campaigns(session, statuses=statuses, after=after, limit=limit + 1)
        rows, last = cut(found, limit)
        return CampaignPage(
            items=[Campaign.of(row) for row in rows],
            next_cursor=write_cursor("campaigns", last.id) if last else None,
        )


@router.post(
    "",
    dependencies=[MAY_WRITE],
    operation_id="createCampaign",
    summary="Write a campaign",
    status_code=201,
    response_description="A draft.",
    responses={**refusals(409), 201: REPLAYED},
)
def create_campaign(host: GivenHost, caller: Caller, once: Once, body: NewCampaign) -> Campaign:
    """Write a draft. Nothing is sent before it is launched."""
    values = _checked(body)

    def make(session: Session) -> Campaign:
        actor = f"token:{caller.id}"
        row = _refusing(lambda: campaigns.make_campaign(session, values, actor=actor, now=host.now()))
        return Campaign.of(row)

    made = once.do(Campaign, make, body)
    log.info("campaign.written", campaign_id=str(made.id), replayed=once.replayed)
    return made


@router.get(
    "/{campaign_id}",
    dependencies=[MAY_READ],
    operation_id="getCampaign",
    summary="Get a campaign",
    responses=refusals(404),
)
def get_campaign(host: GivenHost, campaign_id: CampaignId) -> Campaign:
    """One campaign."""
    with host.database.reading() as session:
        return Campaign.of(campaigns.get_campaign(session, campaign_id))


@router.patch(
    "/{campaign_id}",
    dependencies=[MAY_WRITE],
    operation_id="changeCampaign",
    summary="Change a campaign",
    responses=refusals(404, 409),
)
def change_campaign(
    host: GivenHost, caller: Caller, campaign_id: CampaignId, body: CampaignFields
) -> Campaign:
    """Change a draft or a scheduled campaign; what is left out stays."""
    values, now = _checked(body), host.now()
    with host.database.writing() as session:

        def change() -> campaigns.Campaign:
            actor = f"token:{caller.id}"
            row = campaigns.edit_campaign(session, campaign_id, values, actor=actor, now=now)
            campaign_deeds.reschedule(session, row, now)
            return row

        return Campaign.of(_refusing(change))


@router.post(
    "/{campaign_id}/preflight",
    dependencies=[MAY_READ],
    operation_id="preflightCampaign",
    summary="Try a campaign without sending",
    responses=refusals(404),
)
def preflight(host: GivenHost, campaign_id: CampaignId) -> Preflight:
    """How many it would reach now and how many not, and why."""
    with host.database.reading() as session:
        row = campaigns.get_campaign(session, campaign_id)
        return Preflight.of(plan(session, row, host.rules, host.now()))


@router.post(
    "/{campaign_id}/test",
    dependencies=[MAY_WRITE],
    operation_id="testCampaign",
    summary="Send a test to one of our own people",
    responses=refusals(404, 409),
)
def test_campaign(host: GivenHost, campaign_id: CampaignId, body: Tester) -> Tested:
    """Send each text of the campaign to a customer who carries the tag `staff-test`."""
    with host.database.writing() as session:
        row = campaigns.get_campaign(session, campaign_id)
        channels = send_test(session, row, body.customer, host.now())
    for channel in channels:
        host.queued(channel)
    return Tested(channels=channels)


@router.post(
    "/{campaign_id}/launch",
    dependencies=[MAY_WRITE],
    operation_id="launchCampaign",
    summary="Launch a campaign",
    responses=refusals(404, 409),
)
def launch(host: GivenHost, caller: Caller, campaign_id: CampaignId) -> Campaign:
    """From now on it goes out by itself, at its time. Refused while something is missing."""
    return _do(host, caller, campaign_id, campaign_deeds.launch)


@router.post(
    "/{campaign_id}/pause",
    dependencies=[MAY_WRITE],
    operation_id="pauseCampaign",
    summary="Pause a campaign",
    responses=refusals(404, 409),
)
def pause(host: GivenHost, caller: Caller, campaign_id: CampaignId) -> Campaign:
    """Nothing more goes out until it is resumed; what is queued is held."""
    return _do(host, caller, campaign_id, campaign_deeds.pause)


@router.post(
    "/{campaign_id}/resume",
    dependencies=[MAY_WRITE],
    operation_id="resumeCampaign",
    summary="Resume a campaign",
    responses=refusals(404, 409),
)
def resume(host: GivenHost, caller: Caller, campaign_id: CampaignId) -> Campaign:
    """Go on where it was paused."""
    return _do(host, caller, campaign_id, campaign_deeds.resume)


@router.post(
    "/{campaign_id}/stop",
    dependencies=[MAY_WRITE],
    operation_id="stopCampaign",
    summary="Stop a campaign",
    responses=refusals(404, 409),
)
def stop(host: GivenHost, caller: Caller, campaign_id: CampaignId) -> Campaign:
    """End it for good: what has not gone out yet does not go out any more."""
    return _do(host, caller, campaign_id, campaign_deeds.stop)


@router.get(
    "/{campaign_id}/report",
    dependencies=[MAY_READ],
    operation_id="reportCampaign",
    summary="See what became of a campaign",
    responses=refusals(404),
)
def report(host: GivenHost, campaign_id: CampaignId, cursor: Cursor = "", limit: Limit = 50) -> Report:
    """How far its newest run is, and what became of each person."""
    after = read_id("results", cursor)
    with host.database.reading() as session:
        row, run = _newest(session, campaign_id)
        if run is None:
            return Report.none()
        progress = campaign_runs.progress_of(session, run)
        found = campaign_runs.list_results(session, run, after=after, limit=limit + 1)
        results, last = cut(found, limit)
        return Report(
            items=[result_of(one) for one in results],
            next_cursor=write_cursor("results", last.customer_id) if last else None,
            run_id=run.id,
            status=run.status,
            audience=run.audience,
            statuses=dict(progress.statuses),
            left_out=dict(progress.left_out),
            expected_end=expected_end(run, progress, row.channels, host.policies, host.now()),
        )


@router.get(
    "/{campaign_id}/report.csv",
    dependencies=[MAY_READ],
    operation_id="exportCampaign",
    summary="Export what became of a campaign",
    response_class=StreamingResponse,
    responses={**refusals(404), **CSV},
)
def export(host: GivenHost, campaign_id: CampaignId) -> StreamingResponse:
    """What became of each person in its newest run, as a table for spreadsheets."""
    with host.database.reading() as session:
        _, run = _newest(session, campaign_id)
    if run is None:
        raise NotFound("this campaign has not begun yet")
    lines: Iterator[str] = write_results(host.database, run)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8")


def _newest(
    session: Session, campaign_id: UUID
) -> tuple[campaigns.Campaign, campaign_runs.CampaignRun | None]:
    row = campaigns.get_campaign(session, campaign_id)
    return row, next(iter(campaign_runs.list_runs(session, campaign_id, 1)), None)


def _do(host: Host, caller: Token, campaign_id: UUID, deed: Deed) -> Campaign:
    now: datetime = host.now()
    with host.database.writing() as session:
        row = deed(session, campaign_id, actor=f"token:{caller.id}", now=now)
        drawn = Campaign.of(row)
    log.info(f"campaign.{drawn.status}", campaign_id=str(campaign_id))
    return drawn


def _checked(body: CampaignFields) -> dict[str, Any]:
    values = body.values()
    if "params" in values:
        try:
            find_trigger(values.get("trigger", "broadcast")).check(values["params"])
        except NotFound as error:
            raise flaw("body", "trigger", str(error)) from None
        except InvalidParams as error:
            raise flaw("body", "params", str(error)) from None
    return values


def _refusing(work: Callable[[], campaigns.Campaign]) -> campaigns.Campaign:
    """What is wrong with a field is told with the field's name."""
    try:
        return work()
    except InvalidText as error:
        raise flaw("body", "texts", str(error)) from None
    except InvalidSchedule as error:
        raise flaw("body", "schedule", str(error)) from None
