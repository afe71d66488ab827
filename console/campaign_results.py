"""A campaign that was launched: how far it is, what became of each person, and the table to take along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.responses import HTMLResponse, Response, StreamingResponse

import pages
from campaigns.pace import expected_end
from console import drawing
from console.campaign_csv import write_results
from console.campaigns import HERE
from console.routing import Routes
from console.visits import Visit
from crm_store import campaign_runs, campaigns
from crm_store.campaign_runs import CampaignRun, Progress
from crm_store.campaigns import Campaign
from crm_store.messages import NotFound

PER_PAGE = 50
routes = Routes()
# Filters of the table: the states of a message that each shows; "left_out" has none.
FILTERS: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "sent": campaign_runs.SENT,
    "waiting": ("queued", "sending"),
    "failed": campaign_runs.NOT_SENT,
    "left_out": ("left_out",),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is. `parts`: what the bar shows, as pairs of a kind and a share of 100."""

    campaign: Campaign
    run: CampaignRun
    progress: Progress
    end: datetime | None
    failed: int
    left_out: int
    reasons: Sequence[tuple[str, int]]

    @property
    def people(self) -> int:
        """Of how many it tells."""
        return max(self.run.audience, self.progress.seen)

    def parts(self) -> list[tuple[str, float]]:
        """The bar from left to right, each with its share of 100."""
        counts = (
            ("good", self.progress.sent),
            ("danger", self.failed),
            ("plain", self.left_out),
            ("info", self.progress.to_come),
        )
        whole = self.people or 1
        return [(kind, 100 * count / whole) for kind, count in counts if count]


@routes.page(f"{HERE}/{{id}}", right="campaigns")
def show(visit: Visit) -> Response:
    """How far it is, and what became of each person."""
    only = visit.query.get("only", "all")
    only = only if only in FILTERS else "all"
    with visit.database.reading() as session:
        row = campaigns.get_campaign(session, visit.id())
        if row.status == "draft":
            return visit.go(f"{HERE}/{row.id}/edit")
        runs = campaign_runs.list_runs(session, row.id)
        run = _chosen(runs, visit.query.get("run", ""))
        given: dict[str, Any] = {"campaign": row, "runs": runs, "run": run, "only": only, "standing": None}
        if run:
            given["standing"] = standing_of(session, visit, row, run)
            given |= _results(session, visit, run, only)
    return visit.draw("campaigns/show.html", filters=FILTERS, **given)


@routes.page(f"{HERE}/{{id}}/standing", right="campaigns")
def standing(visit: Visit) -> Response:
    """The part of the page that moves, for the script."""
    with visit.database.reading() as session:
        row = campaigns.get_campaign(session, visit.id())
        run = next(iter(campaign_runs.list_runs(session, row.id, 1)), None)
        found = standing_of(session, visit, row, run) if run else None
    return HTMLResponse(visit.part("campaigns/standing.html", standing=found, campaign=row))


@routes.page(f"{HERE}/{{id}}/results.csv", right="campaigns")
def export(visit: Visit) -> Response:
    """What became of each person in a run, as a table for spreadsheets."""
    with visit.database.reading() as session:
        row = campaigns.get_campaign(session, visit.id())
        run = _chosen(campaign_runs.list_runs(session, row.id), visit.query.get("run", ""))
    if run is None:
        raise NotFound("this campaign has not begun yet")

    def reason(why: str | None) -> str:
        return drawing.reason_in(visit.language, why or "")

    name = f"campaign-{row.id}-{run.planned_at:%Y%m%d-%H%M}.csv"
    headers = {**pages.security_headers(), "content-disposition": f'attachment; filename="{name}"'}
    lines = write_results(visit.database, run, reason)
    return StreamingResponse(lines, headers=headers, media_type="text/csv; charset=utf-8")


def standing_of(session: Session, visit: Visit, row: Campaign, run: CampaignRun) -> Standing:
    """How far a run is."""
    progress = campaign_runs.progress_of(session, run)
    reasons = campaign_runs.reasons_of(session, run)
    reasons.update(progress.left_out)
    end = expected_end(run, progress, row.channels, visit.host.policies, visit.now)
    waits_until = campaign_runs.latest_due(session, run, visit.now) if end else None
    return Standing(
        campaign=row,
        run=run,
        progress=progress,
        end=max(end, waits_until) if end and waits_until else end,
        failed=progress.failed,
        left_out=sum(progress.left_out.values()),
        reasons=reasons.most_common(),
    )


def _results(session: Session, visit: Visit, run: CampaignRun, only: str) -> dict[str, Any]:
    try:
        after = UUID(visit.query["after"]) if "after" in visit.query else None
    except ValueError:
        after = None
    statuses = FILTERS[only]
    found = campaign_runs.list_results(session, run, statuses=statuses, after=after, limit=PER_PAGE + 1)
    shown = found[:PER_PAGE]
    return {"results": shown, "more": shown[-1].customer_id if len(found) > PER_PAGE else None}


def _chosen(runs: Sequence[CampaignRun], asked: str) -> CampaignRun | None:
    return next((run for run in runs if str(run.id) == asked), runs[0] if runs else None)
