"""Say what a language model has found in the company's documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from actions.base import Turn, action
from crm_store.messages import Content


@action("action_answer_generated")
def answer_generated(turn: Turn) -> Iterable[Content]:
    """Say `arguments["text"]`, drawn by a language model from `arguments["sources"]`, and name these."""
    text, sources = str(turn.arguments.get("text", "")), turn.arguments.get("sources") or ()
    if not text or not sources:
        return turn.say("utter_offer_help")
    for source in sources:
        document = (
            f"{source['document']}, page {source['page']}" if source.get("page") else source["document"]
        )
        turn.note("source", f"{document}: {source['title']}", source["quote"])
    language = turn.understanding.language or turn.language
    titles = "; ".join(dict.fromkeys(_title(turn, source, language) for source in sources))
    return turn.say("utter_generated", answer=text, titles=titles, language=language)


def _title(turn: Turn, source: Mapping[str, Any], language: str) -> str:
    """What a source is called, with its page where it has pages."""
    title, page = str(source["title"]), source.get("page")
    if not page:
        return title
    return "".join(said.text for said in turn.say("utter_page", title=title, page=page, language=language))
