"""Campaigns: the list, and the page on which one is written, tried, tested and launched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.responses import HTMLResponse, Response

from campaigns.base import InvalidParams, find_trigger
from campaigns.plan import Plan, plan
from campaigns.trial import send_test, testers
from console import campaign_forms, drawing
from console.campaign_forms import Written, read_form, written_of
from console.campaign_preview import Look, look_at
from console.conditions import KINDS, Rows, rows_of
from console.routing import Routes
from console.visits import Visit
from crm_store import campaign_deeds, campaign_runs, campaigns, customers, segments
from crm_store.campaign_runs import CampaignRun, Progress
from crm_store.campaigns import Campaign
from crm_store.messages import NotFound, ParleyError, Refused

HERE = "/console/campaigns"
PER_PAGE = 30
# Tabs of the list: the states that each shows.
TABS: Mapping[str, tuple[campaigns.State, ...]] = {
    "all": (),
    "draft": ("draft",),
    "active": ("scheduled", "running", "paused"),
    "over": ("finished", "stopped"),
}
NO_JSON = "the conditions are no JSON"
NO_TESTER = "choose to whom the test goes"
REASONS = (NO_JSON, NO_TESTER)
routes = Routes()


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign in the list, with how far its newest run is."""

    campaign: Campaign
    run: CampaignRun | None
    progress: Progress | None


@routes.page(HERE, right="campaigns")
def show_all(visit: Visit) -> Response:
    """All campaigns, newest first."""
    tab = visit.query.get("tab", "all")
    tab = tab if tab in TABS else "all"
    try:
        after = UUID(visit.query["after"]) if "after" in visit.query else None
    except ValueError:
        after = None
    with visit.database.reading() as session:
        found = campaigns.list_campaigns(session, statuses=TABS[tab], after=after, limit=PER_PAGE + 1)
        shown = found[:PER_PAGE]
        runs = campaign_runs.last_runs(session, [row.id for row in shown])
        lines = [_line(session, row, runs.get(row.id)) for row in shown]
        more = shown[-1].id if len(found) > PER_PAGE else None
        return visit.draw("campaigns/list.html", lines=lines, tab=tab, tabs=TABS, more=more)


@routes.page(f"{HERE}/new", right="campaigns")
def begin(visit: Visit) -> Response:
    """An empty form, or one for a saved segment."""
    with visit.database.reading() as session:
        segment = _segment(session, visit.query.get("segment", ""))
    rows = rows_of(segment.definition) if segment else Rows()
    empty = Written("", rows, [], [], campaign_forms.When(timezone=visit.host.timezone))
    return _draw(visit, None, empty)


@routes.deed(f"{HERE}/new", right="campaigns")
def make(visit: Visit) -> Response:
    """Save a first draft."""
    return _save(visit, None)


@routes.deed(f"{HERE}/look", right="campaigns")
def look(visit: Visit) -> Response:
    """What the form says, for the script: whom it means, how it looks, when it goes out."""
    with visit.database.reading() as session:
        found = look_at(session, visit, read_form(visit))
    return HTMLResponse(visit.part("campaigns/look.html", look=found))


@routes.page(f"{HERE}/{{id}}/edit", right="campaigns")
def edit(visit: Visit) -> Response:
    """The form of a draft or a scheduled campaign; with `check`, what would become of it now."""
    with visit.database.reading() as session:
        row = campaigns.get_campaign(session, visit.id())
    if row.status not in campaigns.EDITABLE:
        return visit.go(f"{HERE}/{row.id}")
    return _draw(visit, row, written_of(row, visit.host.timezone), check="check" in visit.query)


@routes.deed(f"{HERE}/{{id}}/edit", right="campaigns")
def save(visit: Visit) -> Response:
    """Save it, and then do what its button says: check, test or launch it."""
    return _save(visit, visit.id())


@routes.deed(f"{HERE}/{{id}}/{{deed}}", right="campaigns")
def act(visit: Visit) -> Response:
    """Pause, resume or stop it, or begin another like it."""
    deed, here = visit.request.path_params["deed"], visit.id()
    if deed == "copy":
        return _copy(visit, here)
    if deed not in ("pause", "resume", "stop"):
        raise NotFound("there is nothing at this address")
    with visit.database.writing() as session:
        getattr(campaign_deeds, deed)(session, here, actor=visit.actor, now=visit.now)
    return visit.go(f"{HERE}/{here}", f"campaigns.did_{deed}")


def _copy(visit: Visit, campaign_id: UUID) -> Response:
    with visit.database.writing() as session:
        old = campaigns.get_campaign(session, campaign_id)
        fields = {name: getattr(old, name) for name in campaigns.FIELDS} | {"schedule": {"kind": "now"}}
        new = campaigns.make_campaign(session, fields, actor=visit.actor, now=visit.now)
    return visit.go(f"{HERE}/{new.id}/edit", "campaigns.copied")


def _save(visit: Visit, campaign_id: UUID | None) -> Response:
    written, then = read_form(visit), visit.text("do")
    try:
        with visit.database.writing() as session:
            row = _keep(session, visit, campaign_id, written)
            queued = _test(session, visit, row) if then == "test" else []
            if then == "launch":
                campaign_deeds.launch(session, row.id, actor=visit.actor, now=visit.now)
    except ParleyError as error:
        kept = _find(visit, campaign_id)
        if kept is not None and kept.status not in campaigns.EDITABLE:
            raise
        reason = drawing.reason_in(visit.language, str(error))
        return _draw(visit, kept, written, error=reason, status=422)
    for channel in queued:
        visit.host.queued(channel)
    return _after(visit, row, then)


def _after(visit: Visit, row: Campaign, then: str) -> Response:
    here = f"{HERE}/{row.id}"
    if then == "launch":
        return visit.go(here, "campaigns.launched", name=row.name)
    if then in ("check", "test"):
        return visit.go(f"{here}/edit?check=1#check", "campaigns.tested" if then == "test" else "")
    return visit.go(f"{here}/edit", "campaigns.saved")


def _keep(session: Session, visit: Visit, campaign_id: UUID | None, written: Written) -> Campaign:
    try:
        fields = written.fields(visit.host.timezone)
    except ValueError:
        raise InvalidParams(NO_JSON) from None
    find_trigger("broadcast").check(fields["params"])
    if campaign_id is None:
        return campaigns.make_campaign(session, fields, actor=visit.actor, now=visit.now)
    row = campaigns.edit_campaign(session, campaign_id, fields, actor=visit.actor, now=visit.now)
    campaign_deeds.reschedule(session, row, visit.now)
    return row


def _test(session: Session, visit: Visit, row: Campaign) -> list[str]:
    try:
        tester = UUID(visit.text("tester"))
    except ValueError:
        raise Refused(NO_TESTER) from None
    return send_test(session, row, tester, visit.now)


def _find(visit: Visit, campaign_id: UUID | None) -> Campaign | None:
    if campaign_id is None:
        return None
    with visit.database.reading() as session:
        return campaigns.get_campaign(session, campaign_id)


def _segment(session: Session, asked: str) -> segments.Segment | None:
    try:
        return segments.get_segment(session, UUID(asked)) if asked else None
    except (ValueError, NotFound):
        return None


def _line(session: Session, row: Campaign, run: CampaignRun | None) -> Line:
    return Line(row, run, campaign_runs.progress_of(session, run) if run else None)


def _draw(
    visit: Visit,
    row: Campaign | None,
    written: Written,
    *,
    check: bool = False,
    error: str = "",
    status: int = 200,
) -> Response:
    with visit.database.reading() as session:
        look: Look = look_at(session, visit, written)
        found: Plan | None = plan(session, row, visit.host.rules, visit.now) if check and row else None
        given: dict[str, Any] = {
            "tags": customers.count_tags(session, 200),
            "saved": segments.list_segments(session, limit=50),
            "testers": testers(session) if row else [],
        }
    return visit.draw(
        "campaigns/edit.html",
        status=status,
        campaign=row,
        written=written,
        look=look,
        plan=found,
        error=error,
        forms=campaign_forms,
        kinds=KINDS,
        **given,
    )
