"""Answers to customers by the language model, where the settings allow it and the bot has nothing to say.

Asked before the turn, outside of any transaction, no longer than the channel waits. What is not borne out
by a passage that it cites is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from crm_store import conversations, dialogues, parked
from crm_store.history import Inbound
from crm_store.messages import Policy, Understanding
from nlu.base import Decision, State
from nlu.dialogue import RuleDialogue
from nlu.llm import prompts
from nlu.llm.answers import Answered
from nlu.llm.client import ModelFailed
from nlu.llm.redaction import Redaction
from nlu.sessions import in_session
from parley import keywords
from parley.assistant import Assistant, BudgetSpent, Question
from parley.bot import Bot
from parley.giving_up import GENERATED, leaves_open
from parley.talks import known_of

ACTION = "action_answer_generated"
LANGUAGES = ("zh", "en", "ko")  # in which an answer can be held against what it cites
MARGIN_SECONDS = 0.8  # of what the channel waits, for the turn itself
LEAST_LETTERS = 4  # of a question; "hm" is none
LEAST_SECONDS = 0.5  # in less no model answers
_NOT_TYPED = frozenset({"", "payload", "platform", keywords.ENGINE})

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer that may be said."""

    answered: Answered

    def decision(self) -> Decision:
        """To say it, with what it rests on."""
        sources: list[dict[str, Any]] = [
            {
                "document": one.passage.document,
                "title": one.passage.title,
                "page": one.passage.page,
                "quote": one.quote,
            }
            for one in self.answered.citations
        ]
        arguments: dict[str, Any] = {"text": self.answered.text, "sources": sources}
        return Decision(ACTION, GENERATED, sources[0]["document"], self.answered.score, arguments)


class Answering:
    """Looks for answers. Calls block: for worker threads."""

    def __init__(
        self, assistant: Assistant, policies: Mapping[str, Policy], now: Callable[[], datetime]
    ) -> None:
        self._assistant = assistant
        self._policies = policies
        self._now = now

    def may_help(self, bot: Bot, heard: Understanding) -> bool:
        """Whether the bot alone may have nothing to say to this; asked of every message, so it is quick."""
        if heard.engine in _NOT_TYPED or heard.language not in LANGUAGES:
            return False
        if sum(character.isalnum() for character in heard.text) < LEAST_LETTERS:
            return False
        return isinstance(bot.dialogue, RuleDialogue) and not bot.dialogue.would_answer(heard)

    def find(self, bot: Bot, message: Inbound, heard: Understanding) -> Generated | None:
        """An answer to a message that waits, if the bot gives up on it and the model does not."""
        if not self.may_help(bot, heard):
            return None
        with self._assistant.database.reading() as session:
            conversation = conversations.get_conversation(session, message.conversation_id)
            if conversation.floor != "bot":
                return None
            if message.is_replayed and parked.is_late(session, message):
                return None
            states = dialogues.load_states(session, [conversation.id])
            if not self._leaves_open(bot, states.get(conversation.id, {}), heard):
                return None
            names = known_of(session, conversation.customer_id)
        left = self._left(message)
        return self._asked(heard, names, left) if left >= LEAST_SECONDS else None

    def _leaves_open(self, bot: Bot, known: Mapping[str, Any], heard: Understanding) -> bool:
        try:
            state = State(**deepcopy(dict(known)))
        except TypeError:
            state = State()  # As the turn will find it: another version wrote it.
        state = bot.dialogue.hear(in_session(state, bot.project.domain, self._now()), heard)
        return leaves_open(bot.dialogue.decide(state, heard), str(state.user.get("intent", "")), state)

    def _left(self, message: Inbound) -> float:
        """Seconds until the answer has to be there."""
        within = self._policies.get(message.address.channel, Policy()).inline_within
        if not within:
            return self._assistant.settings.timeout_seconds
        return within - MARGIN_SECONDS - (self._now() - message.created_at).total_seconds()

    def _asked(self, heard: Understanding, names: list[Any], within: float) -> Generated | None:
        passages = self._assistant.shelving.ready.find(heard.text)
        if not passages:
            return None
        hidden = Redaction(names)
        material = {"question": hidden.hide(heard.text)}
        question = Question(
            "answer", prompts.ANSWER, heard.language, material, passages, hidden, [heard.text]
        )
        try:
            answered = self._assistant.answered(question, within)
        except ModelFailed as error:
            log.warning("model.failed", use="answer", fault=error.fault, why=str(error))
            return None
        except BudgetSpent:
            return None
        said = answered.may_be_said(self._assistant.settings.answer_threshold)
        log.info("answer.generated", said=said, score=round(answered.score, 2), against=answered.warnings)
        return Generated(answered) if said else None
