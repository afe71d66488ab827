"""FAQ entries: the list, the editor with its preview, and how far the bot has learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.responses import HTMLResponse, Response

from console import drawing
from console.faq_form import buttons_in_words, fields_of, read_draft
from console.host import Suggestion
from console.routing import Routes
from console.visits import Visit, number_of
from crm_store import faq, faq_edits, trainings, unanswered
from crm_store.faq import Filter, Whole
from crm_store.faq_edits import BadEntry, Draft, Stale

routes = Routes()
SHOWN = 50


@routes.page("/console/faq", right="faq")
def list_entries(visit: Visit) -> Response:
    """All entries, narrowed by words and filters. `add`: a question that is to become one's phrasing."""
    wanted = _filter(visit)
    with visit.database.reading() as session:
        found = faq.list_entries(session, wanted, after=visit.query.get("after", ""), limit=SHOWN + 1)
        shown = faq.wholes(session, found[:SHOWN])
        return visit.draw(
            "faq/list.html",
            entries=shown,
            wanted=wanted,
            more=found[SHOWN - 1].name if len(found) > SHOWN else "",
            total=faq.count_entries(session, wanted),
            asked=unanswered.count_groups(session, visit.now),
            add=visit.query.get("add", ""),
            **state_of(session),
        )


@routes.page("/console/faq/new", right="faq")
def new_entry(visit: Visit) -> Response:
    """The form of a new entry; `question` is its first phrasing."""
    draft = Draft(phrasings=tuple(visit.query.get("question", "").splitlines()))
    return form_of(visit, None, draft)


@routes.deed("/console/faq/new", right="faq")
def make_entry(visit: Visit) -> Response:
    """Make an entry, or ask its draft a question."""
    draft = read_draft(visit, None)
    if visit.text("do") == "ask":
        return _asked(visit, None, draft)
    try:
        with visit.database.writing() as session:
            entry = faq_edits.create(session, draft, visit.actor, visit.now)
    except BadEntry as error:
        return form_of(visit, None, draft, faults=error.faults)
    visit.host.entries_changed()
    return visit.go(f"/console/faq/{entry.id}", "faq.made" if draft.active else "faq.saved")


@routes.page("/console/faq/{id:uuid}", right="faq")
def show_entry(visit: Visit) -> Response:
    """An entry: the form of people's own, the text of the project's."""
    whole = _get(visit)
    return form_of(visit, whole, Draft.of(whole))


@routes.deed("/console/faq/{id:uuid}", right="faq")
def save_entry(visit: Visit) -> Response:
    """Save the form, unless somebody else has saved it in the meantime; or ask its draft a question."""
    whole = _get(visit)
    # The form of an entry that is only read sends nothing of it.
    draft = Draft.of(whole) if whole.entry.origin == "project" else read_draft(visit, Draft.of(whole))
    if visit.text("do") == "ask":
        return _asked(visit, whole, draft)
    try:
        with visit.database.writing() as session:
            version = number_of(visit.text("version"))
            entry = faq_edits.edit(session, whole.entry.id, draft, version, visit.actor, visit.now)
            waits = trainings.waits(session)
    except BadEntry as error:
        return form_of(visit, whole, draft, faults=error.faults)
    except Stale:
        # The form keeps what was typed; saved once more, it counts.
        return form_of(visit, _get(visit), draft, stale=True)
    visit.host.entries_changed()
    said = "faq.learning" if waits and entry.version != whole.entry.version else "faq.saved"
    return visit.go(f"/console/faq/{entry.id}", said)


@routes.deed("/console/faq/{id:uuid}/delete", right="faq")
def delete_entry(visit: Visit) -> Response:
    """Delete an entry; one that was taken over is the project's again."""
    with visit.database.writing() as session:
        faq_edits.remove(session, _id(visit), None, visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go("/console/faq", "faq.deleted")


@routes.deed("/console/faq/{id:uuid}/adopt", right="faq")
def adopt_entry(visit: Visit) -> Response:
    """Take an entry of the project over."""
    with visit.database.writing() as session:
        faq_edits.adopt(session, _id(visit), visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go(f"/console/faq/{_id(visit)}", "faq.adopted")


@routes.page("/console/faq/state", right="faq")
def show_state(visit: Visit) -> Response:
    """How far the bot has learned, as part of a page."""
    with visit.database.reading() as session:
        return HTMLResponse(visit.part("faq/state.html", **state_of(session)))


@routes.page("/console/faq/trainings/{id:uuid}", right="faq")
def show_training(visit: Visit) -> Response:
    """One training: what the gate found."""
    with visit.database.reading() as session:
        training = trainings.get_training(session, _id(visit))
        flips = (training.verdict or {}).get("flips", ())
        names = {name for flip in flips for name in (flip["expected"], *str(flip["now"]).split())}
        return visit.draw(
            "faq/training.html",
            training=training,
            entries=faq.find_entries(session, names),
        )


@routes.deed("/console/faq/trainings/{id:uuid}/live", right="staff")
def put_live(visit: Visit) -> Response:
    """Put a refused training live all the same."""
    with visit.database.writing() as session:
        trainings.force_live(session, _id(visit), visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go("/console/faq", "faq.forced")


def state_of(session: Session) -> dict[str, Any]:
    """For `faq/state.html`: the last training, the live one, and what a model of now would know."""
    last = trainings.list_trainings(session, 1)
    live = trainings.find_live(session)
    return {"training": last[0] if last else None, "live": live, "learned": live.version if live else 0}


def form_of(
    visit: Visit,
    whole: Whole | None,
    draft: Draft,
    *,
    faults: Sequence[str] = (),
    stale: bool = False,
    question: str = "",
    asked: Mapping[str, Any] | None = None,
    suggestion: Suggestion | None = None,
) -> Response:
    """The form of an entry; `suggestion`: what a language model has proposed for it."""
    with visit.database.reading() as session:
        return visit.draw(
            "faq/entry.html",
            status=422 if faults else 409 if stale else 200,
            entry=whole.entry if whole else None,
            fields=fields_of(visit, draft),
            faults=[drawing.reason_in(visit.language, fault) for fault in faults],
            stale=stale,
            doubles=faq.find_doubles(session, draft.phrasings, whole.entry.id if whole else None),
            buttons=buttons_in_words,
            suggestion=suggestion,
            asked=asked,
            question=question,
            **state_of(session),
        )


def _asked(visit: Visit, whole: Whole | None, draft: Draft) -> Response:
    """What a question would meet: a part for a script, else the page, with the form as it was typed."""
    question, own = visit.text("question"), whole.entry if whole else None
    is_known = (
        whole is not None and draft.digest() == Draft.of(whole).digest() and _is_learned(visit, whole)
    )
    asked = None
    if visit.host.preview is not None and question:
        asked = visit.host.preview(question, None if is_known else draft, own)
    if visit.by_script:
        return HTMLResponse(visit.part("faq/asked.html", asked=asked, entry=own))
    return form_of(visit, whole, draft, question=question, asked=asked)


def _is_learned(visit: Visit, whole: Whole) -> bool:
    with visit.database.reading() as session:
        live = trainings.find_live(session)
    return whole.entry.is_learned(live.version if live else 0)


def _filter(visit: Visit) -> Filter:
    active = {"yes": True, "no": False}.get(visit.query.get("active", ""))
    return Filter(
        words=visit.query.get("q", "").strip()[:100],
        origin=visit.query.get("origin", ""),
        language=visit.query.get("language", ""),
        active=active,
    )


def _get(visit: Visit) -> Whole:
    with visit.database.reading() as session:
        return faq.get_whole(session, _id(visit))


def _id(visit: Visit) -> UUID:
    return UUID(str(visit.request.path_params["id"]))
