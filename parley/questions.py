"""Which messages are questions that nobody answered: told by what the dialogue decided."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import Session

from crm_store import unanswered
from crm_store.messages import Understanding
from nlu.base import Decision
from parley.giving_up import GENERATED, GIVEN_UP, gives_up
from parley.situation import Situation
from parley.turns import Acted

_WHYS = GIVEN_UP | {GENERATED}
_PERSONAL = frozenset({"phone", "email", "person", "address"})
_ASKS = re.compile(
    r"[?？]|[吗嘛呢么]\s*$|什么|怎么|怎样|如何|多少|哪|几|能不能|可不可以|有没有|是不是|可以|"
    r"\b(?:what|when|where|which|who|why|how|can|could|do|does|did|is|are|will|would)\b|[까요나]\s*$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Asked:
    """The questions of one round of work, written down together."""

    questions: list[dict[str, Any]] = field(default_factory=list)
    picked: set[UUID] = field(default_factory=set)  # conversations in which a choice was taken

    def add(self, situation: Situation, acted: Acted) -> None:
        """Note what one message was."""
        if has_picked(situation):
            self.picked.add(situation.conversation.id)
        elif (question := question_of(situation, acted)) is not None:
            self.questions.append(question)

    def write(self, session: Session) -> None:
        """Two statements at most, and none in a round in which all was answered."""
        unanswered.note_unanswered(session, self.questions)
        unanswered.note_picked(session, self.picked)


def question_of(situation: Situation, acted: Acted) -> dict[str, Any] | None:
    """The row for `crm_store.unanswered` if this message went unanswered; no phone number, no e-mail.

    While a person has the floor, only what looks like a question that the bot could not have answered.
    """
    heard, decision = situation.heard, acted.decided
    if decision is None or not _is_typed(heard) or not _is_unanswered(acted, decision):
        return None
    by_agent = situation.floor != "bot"
    if by_agent and not _ASKS.search(heard.text):
        return None
    return {
        "message_id": situation.message.id,
        "conversation_id": situation.conversation.id,
        "customer_id": situation.conversation.customer_id,
        "text": masked(heard),
        "language": heard.language,
        "why": "agent" if by_agent else decision.by if decision.by in _WHYS else "fallback",
        "asked_at": situation.message.created_at,
    }


def has_picked(situation: Situation) -> bool:
    """Whether the customer taps one of the things that were asked back."""
    heard = situation.heard
    return heard.engine == "payload" and heard.intent in situation.state.asked_back


def masked(heard: Understanding) -> str:
    """The text with `…` in place of names, phone numbers, and addresses of either kind."""
    found = [e for e in (*heard.system_entities, *heard.entities) if e.entity in _PERSONAL]
    pieces, last = [], 0
    for entity in sorted(found, key=lambda e: e.start):
        if entity.start >= last:  # Else it begins in what is masked already.
            pieces += [heard.text[last : entity.start], "…"]
        last = max(last, entity.end)
    return "".join([*pieces, heard.text[last:]])


def _is_typed(heard: Understanding) -> bool:
    return heard.engine not in ("payload", "platform", "") and any(c.isalnum() for c in heard.text)


def _is_unanswered(acted: Acted, decision: Decision) -> bool:
    # What a language model has answered is still a question for an entry that people have read.
    return decision.by == GENERATED or gives_up(decision, acted.intent, acted.state)
