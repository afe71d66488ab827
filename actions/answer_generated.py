"""Say what a language model has found in the company's documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from actions.base import Turn, action
from crm_store.messages import Content

# A title with its page, by language.
_PAGES = {"zh": "{title}，第{page}页", "ko": "{title}, {page}쪽", "ja": "{title}、{page}ページ"}
_PAGE = "{title}, page {page}"


@action("action_answer_generated")
def answer_generated(turn: Turn) -> Iterable[Content]:
    """Say `arguments["text"]`, drawn by a language model from `arguments["sources"]`, and name these."""
    text, sources = str(turn.arguments.get("text", "")), turn.arguments.get("sources") or ()
    if not text or not sources:
        return turn.say("utter_offer_help")
    for source in sources:
        document = _with_page(_PAGE, str(source["document"]), source)
        turn.note("source", f"{document}: {source['title']}", source["quote"])
    language = turn.understanding.language or turn.language
    shape = _PAGES.get(language, _PAGE)
    titles = "; ".join(dict.fromkeys(_with_page(shape, str(source["title"]), source) for source in sources))
    return turn.say("utter_generated", answer=text, titles=titles, language=language)


def _with_page(shape: str, title: str, source: Mapping[str, Any]) -> str:
    return shape.format(title=title, page=source["page"]) if source.get("page") else title
