"""What the bot makes of a question now, and what a draft of an FAQ entry would roughly change about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from crm_store.db import Database
from crm_store.faq import FaqEntry, find_doubles, wholes
from crm_store.faq_edits import Draft
from crm_store.messages import Answer, Understanding
from nlu.base import State
from nlu.embedded import Embedded
from nlu.likeness import likeness
from parley.bot import LONGEST_READ, Bot

DRAFT = "\x00draft"  # no entry's name
NEAR = 0.45  # a phrasing that is as near as this is likely to be taken for the same question
CLEAR = 0.08  # the next entry must be so much farther away
MOST_PHRASINGS = 60  # of each other entry


def preview(
    bot: Bot, database: Database, text: str, draft: Draft | None, own: FaqEntry | None
) -> dict[str, Any]:
    """How the bot understands and answers the text; with a draft, what would probably become of it.

    What is told of the draft is similarity alone: only a training shows what the model makes of it.
    """
    text = text[:LONGEST_READ]
    (heard,) = bot.read([text])
    found = _now(bot, heard)
    with database.reading() as session:
        named = _named(session, [answer.entry for answer in heard.answers])
        found["top"] = [_shown(answer, named) for answer in heard.answers if answer.entry in named]
        if draft is not None and draft.phrasings:
            found["draft"] = _with_draft(session, bot, heard, draft, own)
    return found


def _now(bot: Bot, heard: Understanding) -> dict[str, Any]:
    state = bot.dialogue.hear(State(), heard)
    decision = bot.dialogue.decide(state, heard)
    language = bot.language_of(heard, None)
    said = bot.say(decision.action, {"language": language}, "")
    return {
        "text": heard.text,
        "language": heard.language,
        "intent": heard.intent,
        "confidence": round(heard.confidence, 4),
        "by": decision.by,
        "action": decision.action,
        "name": decision.name,
        "answer": "\n".join(content.text for content in said if content.text),
        "ranking": [{"name": name, "confidence": round(score, 4)} for name, score in heard.ranking[:5]],
    }


def _with_draft(
    session: Session, bot: Bot, heard: Understanding, draft: Draft, own: FaqEntry | None
) -> dict[str, Any]:
    others = [a.entry for a in heard.answers if own is None or a.entry != own.name]
    entries = list(_named(session, others).values())
    phrasings = {
        w.entry.name: [p.text for p in w.phrasings[:MOST_PHRASINGS]] for w in wholes(session, entries)
    }
    assert isinstance(bot.fallback, Embedded)
    near = likeness(bot.fallback, heard.text, {DRAFT: draft.phrasings, **phrasings})
    named = {entry.name: entry for entry in entries}
    mine = next((answer for answer in near if answer.entry == DRAFT), None)
    doubles = find_doubles(session, draft.phrasings, own.id if own else None)
    return {
        "score": round(mine.score, 4) if mine else 0.0,
        "exact": bool(mine and mine.exact),
        "likely": _likely(near),
        "others": [_shown(answer, named) for answer in near if answer.entry != DRAFT],
        "doubles": [{"phrasing": text, **_entry(entry)} for text, entry in doubles],
    }


def _likely(near: Sequence[Answer]) -> str:
    """Whose question it would probably be: "this", "another", "between" (ask back) or "none"."""
    if not near or near[0].score < NEAR:
        return "none"
    if near[0].exact or len(near) < 2 or near[0].score - near[1].score >= CLEAR:
        return "this" if near[0].entry == DRAFT else "another"
    return "between" if DRAFT in (near[0].entry, near[1].entry) else "another"


def _named(session: Session, names: Sequence[str]) -> dict[str, FaqEntry]:
    found = session.exec(select(FaqEntry).where(col(FaqEntry.name).in_(names)))
    return {entry.name: entry for entry in found}


def _shown(answer: Answer, named: dict[str, FaqEntry]) -> dict[str, Any]:
    return {**_entry(named[answer.entry]), "score": round(answer.score, 4), "exact": answer.exact}


def _entry(entry: FaqEntry) -> dict[str, Any]:
    return {"id": str(entry.id), "entry": entry.name, "name": entry.name, "titles": entry.titles}
