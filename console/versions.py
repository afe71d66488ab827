"""Versions of the bot: what was trained, from which scores it answers, and two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.responses import HTMLResponse, Response

from console import drawing
from console.faq import state_of
from console.routing import Routes
from console.visits import Visit
from crm_store import comparisons, faq, said, trainings
from crm_store.comparisons import KINDS, Comparison
from crm_store.messages import Refused
from crm_store.trainings import Training

routes = Routes()
SHOWN = 50
_LISTED = 20
PROJECT = "project"  # stands for the model of the project's files alone, in forms


@dataclass(frozen=True, slots=True)
class Version:
    """One training with what can be done with it."""

    training: Training
    kept: bool


@routes.page("/console/versions", right="faq")
def list_versions(visit: Visit) -> Response:
    """All versions, the form that compares two, and what was compared."""
    return _drawn(visit)


@routes.deed("/console/versions/compare", right="faq")
def compare(visit: Visit) -> Response:
    """Have two versions compared."""
    try:
        versions = _version(visit.text("before")), _version(visit.text("after"))
        with visit.database.writing() as session:
            asked = comparisons.ask(session, versions, _span(visit), visit.actor, visit.now)
            found = asked.id
    except Refused as error:
        return _drawn(visit, fault=drawing.reason_in(visit.language, str(error)))
    visit.host.entries_changed()
    return visit.go(f"/console/versions/comparisons/{found}")


@routes.page("/console/versions/comparisons/{id}", right="faq")
def show_comparison(visit: Visit) -> Response:
    """How far a comparison is, and what differs, what was written most often first."""
    only = visit.query.get("only", "")
    only = only if only in KINDS else ""
    with visit.database.reading() as session:
        asked = comparisons.get_comparison(session, visit.id())
        skip = (visit.page - 1) * SHOWN
        found = comparisons.list_differences(session, asked.id, only, skip=skip, limit=SHOWN + 1)
        names = {one.row.before["name"] for one in found} | {one.row.after["name"] for one in found}
        counts = comparisons.count_kinds(session, asked.id)
        return visit.draw(
            "versions/comparison.html",
            asked=asked,
            versions=_named(session, [asked]),
            differences=found[:SHOWN],
            more=len(found) > SHOWN,
            page=visit.page,
            only=only,
            counts=counts,
            differing=sum(counts.values()),
            entries=faq.find_entries(session, names),
        )


@routes.page("/console/versions/comparisons/{id}/state", right="faq")
def show_progress(visit: Visit) -> Response:
    """How far a comparison is, as part of its page."""
    with visit.database.reading() as session:
        asked = comparisons.get_comparison(session, visit.id())
        return HTMLResponse(visit.part("versions/state.html", asked=asked))


@routes.deed("/console/versions/{id}/live", right="staff")
def put_live_again(visit: Visit) -> Response:
    """Have an earlier version answer again."""
    with visit.database.writing() as session:
        trainings.go_back(session, visit.id(), visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go("/console/versions", "versions.is_back")


def _drawn(visit: Visit, fault: str = "") -> Response:
    with visit.database.reading() as session:
        kept = comparisons.kept_versions(session)
        listed = [Version(one, one.id in kept) for one in trainings.list_trainings(session, _LISTED)]
        done = comparisons.list_comparisons(session)
        first, last = said.yesterday(visit.now.astimezone(ZoneInfo(visit.host.timezone)))
        return visit.draw(
            "versions/list.html",
            status=422 if fault else 200,
            fault=fault,
            listed=listed,
            compared=done,
            versions=_named(session, done),
            first_day=visit.text("first_day") or first.date().isoformat(),
            last_day=visit.text("last_day") or (last - timedelta(days=1)).date().isoformat(),
            most=said.MOST_MESSAGES,
            **state_of(session),
        )


def _named(session: Session, compared: Sequence[Comparison]) -> dict[UUID, Training]:
    """The trainings that were compared."""
    ids = {one for each in compared for one in (each.before_id, each.after_id) if one}
    found = {one: session.get(Training, one) for one in ids}
    return {one: training for one, training in found.items() if training is not None}


def _version(text: str) -> UUID | None:
    if text == PROJECT:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Refused(comparisons.NOT_KEPT) from None


def _span(visit: Visit) -> tuple[datetime, datetime]:
    """From the first day's midnight to the end of the last, where the company is."""
    zone = ZoneInfo(visit.host.timezone)
    try:
        first, last = (date.fromisoformat(visit.text(name)) for name in ("first_day", "last_day"))
        return (
            datetime.combine(first, time(), zone).astimezone(UTC),
            datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
        )
    except (ValueError, OverflowError):
        raise Refused(comparisons.BAD_SPAN) from None
