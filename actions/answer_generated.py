"""Say what a language model has found in the company's documents."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from crm_store.messages import Content


@action("action_answer_generated")
def answer_generated(turn: Turn) -> Iterable[Content]:
    """Say `arguments["text"]`, drawn by a language model from `arguments["sources"]`, and name these."""
    text, sources = str(turn.arguments.get("text", "")), turn.arguments.get("sources") or ()
    if not text or not sources:
        return turn.say("utter_offer_help")
    for source in sources:
        turn.note("source", f"{source['document']}: {source['title']}", source["quote"])
    titles = "; ".join(dict.fromkeys(str(source["title"]) for source in sources))
    language = turn.understanding.language or turn.language
    return turn.say("utter_generated", answer=text, titles=titles, language=language)
