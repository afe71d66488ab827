"""What customers asked and nobody answered: made an entry, added to one, taught as an intent, or dismissed.

Questions that ask for the same stand together; a deed counts for the wordings that are ticked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from starlette.responses import Response

from console.faq import form_of, state_of
from console.faq_form import LANGUAGES
from console.faq_taught import questions_of
from console.host import Labels
from console.routing import Routes
from console.visits import Visit
from crm_store import audit, faq, faq_edits, unanswered
from crm_store.faq import FaqEntry, Wording
from crm_store.faq_edits import Draft
from crm_store.messages import NotFound
from crm_store.taught import find_taught_intents, list_taught
from crm_store.unanswered import Group
from crm_store.wording import key

routes = Routes()
SHOWN = 30
_LEAST = 0.05  # an entry is suggested from here on


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with what may become of it."""

    group: Group
    suggested: list[dict[str, Any]]  # entries with their scores
    intents: list[dict[str, Any]]  # the same of intents
    added: FaqEntry | None  # whose phrasing it is already, until that is learned
    taught: str  # the intent that it was taught to mean, until that is learned
    meant: FaqEntry | None = None  # the entry that a language model takes it for


@routes.page("/console/faq/unanswered", right="faq")
def list_unanswered(visit: Visit) -> Response:
    """The questions, those asked most often first."""
    return _listed(visit)


@routes.deed("/console/faq/unanswered/draft", right="faq")
def draft_entry(visit: Visit) -> Response:
    """The form of a new entry, with an answer that the language model proposes. A person saves it."""
    assist, questions = visit.host.assist, questions_of(visit)
    if assist is None or "draft" not in assist.uses or not questions:
        raise NotFound("no language model is set up for this")
    suggestion = assist.draft(questions[0])
    if suggestion.fault:
        return _listed(visit, suggestion.fault)
    spoken = suggestion.language if suggestion.language in LANGUAGES else ""
    answers = () if suggestion.is_doubtful else (Wording(suggestion.text, spoken),)
    return form_of(visit, None, Draft(phrasings=tuple(questions), answers=answers), suggestion=suggestion)


@routes.deed("/console/faq/unanswered/label", right="faq")
def label_questions(visit: Visit) -> Response:
    """Have the language model say what the questions on this page may be about."""
    assist = visit.host.assist
    if assist is None or "label" not in assist.uses:
        raise NotFound("no language model is set up for this")
    asked = [question for question in visit.texts("question") if question.strip()][:SHOWN]
    labels = assist.label(asked) if asked else Labels()
    if labels.fault:
        return _listed(visit, labels.fault)
    with visit.database.writing() as session:
        unanswered.label(session, {key(question): name for question, name in labels.found.items()})
    return visit.go("/console/faq/unanswered", "faq.labelled")


def _listed(visit: Visit, fault: str = "") -> Response:
    skip = (visit.page - 1) * SHOWN
    with visit.database.reading() as session:
        found = unanswered.list_groups(session, visit.now, skip=skip, limit=SHOWN + 1)
    groups, intents = found[:SHOWN], visit.host.intents()
    # Asked of the bot while no transaction is open: an encoder takes its time.
    near = [_suggested(visit, group.text, intents) for group in groups]
    with visit.database.reading() as session:
        added = {key(text): entry for text, entry in faq.find_doubles(session, [g.text for g in groups])}
        labels = faq.find_entries(session, {g.label for g in groups if g.label})
        meant = find_taught_intents(session, [g.text for g in groups])
        return visit.draw(
            "faq/unanswered.html",
            questions=[
                Asked(
                    group,
                    *suggested,
                    added=added.get(key(group.text)),
                    taught=meant.get(key(group.text), ""),
                    meant=labels.get(group.label or ""),
                )
                for group, suggested in zip(groups, near, strict=True)
            ],
            intents=intents,
            taught=list_taught(session),
            total=unanswered.count_groups(session, visit.now),
            page=visit.page,
            more=len(found) > SHOWN,
            fault=fault,
            spent=visit.host.assist is not None and visit.host.assist.is_spent(),
            **state_of(session),
        )


@routes.deed("/console/faq/unanswered/dismiss", right="faq")
def dismiss(visit: Visit) -> Response:
    """Take a question from the list."""
    with visit.database.writing() as session:
        count = unanswered.settle(session, {key(one) for one in questions_of(visit)}, "dismissed")
        audit.note(
            session,
            actor=visit.actor,
            action="question.dismissed",
            noun="question",
            noun_id="",
            now=visit.now,
            changes={"times": count},
        )
    return visit.go("/console/faq/unanswered", "faq.dismissed")


@routes.deed("/console/faq/unanswered/add", right="faq")
def add(visit: Visit) -> Response:
    """Make a question a phrasing of an entry; one of the project is taken over for that."""
    questions = questions_of(visit)
    try:
        entry_id = UUID(visit.text("entry"))
    except ValueError:
        raise NotFound("there is no such entry") from None
    with visit.database.writing() as session:
        faq_edits.adopt(session, entry_id, visit.actor, visit.now)
        draft = Draft.of(faq.get_whole(session, entry_id))
        more = [question[: faq_edits.LONGEST_PHRASING] for question in questions]
        longer = replace(draft, phrasings=(*draft.phrasings, *more))
        faq_edits.edit(session, entry_id, longer, None, visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go("/console/faq/unanswered", "faq.added", text=" · ".join(questions)[:80])


def _suggested(
    visit: Visit, text: str, intents: Sequence[str]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Entries and intents that may be meant, with their scores."""
    if visit.host.preview is None:
        return [], []
    found = visit.host.preview(text, None, None)
    entries = [one for one in found["top"] if one["score"] >= _LEAST][:2]
    near = [
        one for one in found.get("ranking", ()) if one["name"] in intents and one["confidence"] >= _LEAST
    ]
    return entries, near[:2]
