"""Questions that customers asked, taught as examples of intents, and taken back."""

from __future__ import annotations

from starlette.responses import Response

from console.routing import Routes
from console.visits import Visit
from crm_store import taught
from crm_store.messages import Refused
from crm_store.unanswered import MOST_WORDINGS

routes = Routes()


@routes.deed("/console/faq/unanswered/teach", right="faq")
def teach_intent(visit: Visit) -> Response:
    """Have the bot learn that questions mean an intent."""
    intent = visit.text("intent") or visit.text("other_intent")
    if intent not in visit.host.intents():
        raise Refused(taught.NO_EXAMPLE)
    questions = questions_of(visit)
    with visit.database.writing() as session:
        taught.teach(session, intent, questions, visit.actor, visit.now)
    visit.host.entries_changed()
    text = " · ".join(questions)[:80]
    return visit.go("/console/faq/unanswered", "faq.taught_intent", text=text, intent=intent)


@routes.deed("/console/faq/taught/{id}/forget", right="faq")
def forget_example(visit: Visit) -> Response:
    """Take back what a question was taught to mean."""
    with visit.database.writing() as session:
        taught.forget(session, visit.id(), visit.actor, visit.now)
    visit.host.entries_changed()
    return visit.go("/console/faq/unanswered", "faq.untaught")


def questions_of(visit: Visit) -> list[str]:
    """Those that are ticked, each in one line, as whoever asked may have written several."""
    given = [" ".join(text.split()) for text in visit.texts("question")]
    return list(dict.fromkeys(line for line in given if line))[:MOST_WORDINGS]
