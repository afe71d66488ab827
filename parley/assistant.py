"""The language model at work for people: drafts, suggestions, summaries, labels. Asked only when it may be.

Nothing personal leaves: see `nlu/llm/redaction.py`. No transaction is open while it thinks.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from config.settings import Llm
from console.host import Labels, Source, Suggestion
from crm_store import model_budget, unanswered
from crm_store.db import Database
from crm_store.language import guess_language
from crm_store.messages import ParleyError
from crm_store.wording import key
from nlu.documents.passages import Passage
from nlu.llm import prompts
from nlu.llm.answers import Answered, Cited, read_answer, read_labels, read_summary
from nlu.llm.client import Client, ModelFailed
from nlu.llm.grounding import has_strange_links
from nlu.llm.prompts import Prompt, prompt_of
from nlu.llm.redaction import Redaction
from parley.bot import Bot
from parley.shelving import Shelving, title_of
from parley.talks import Talk, known_of, read_talk

AT_ONCE = 4  # questions to the model in one process
LONGEST_QUEUE = 1.0  # seconds that one more waits for its turn
MOST_TOKENS = 700  # of an answer
MOST_CHOICES = 150  # entries and intents that are all named to the model

log = structlog.get_logger()


class BudgetSpent(ParleyError):
    """The day's budget of tokens is used up."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is to answer from passages. `heard`: what customers said, `told`: what we did."""

    use: str  # "reply", "draft", "answer"; for the log
    task: str  # of `nlu.llm.prompts`
    language: str
    material: Mapping[str, Any]  # without the passages; nothing personal in it
    passages: Sequence[Passage]
    hidden: Redaction
    heard: Sequence[str]
    told: Sequence[str] = ()


class Assistant:
    """Asks the model. All methods block, up to the time-out: call them in a thread."""

    def __init__(
        self,
        settings: Llm,
        database: Database,
        shelving: Shelving,
        bot: Callable[[], Bot],
        now: Callable[[], datetime],
        zone: str,
        language: str,
    ) -> None:
        """`zone`: by which days begin; `language`: the company's own."""
        self.settings = settings
        self.shelving = shelving
        self._bot = bot
        self.language = language
        self.database = database
        self.now = now
        self._zone = ZoneInfo(zone)
        secret = settings.api_key.get_secret_value()
        self._client = Client(settings.base_url, settings.model, secret, settings.timeout_seconds)
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self._told: date | None = None

    @property
    def uses(self) -> frozenset[str]:
        """What people may ask for, as the settings say."""
        asked = {
            "reply": self.settings.suggest_replies,
            "draft": self.settings.draft_answers,
            "label": self.settings.label_questions,
        }
        return frozenset(use for use, may in asked.items() if may)

    def suggest(self, conversation_id: UUID) -> Suggestion:
        """A reply for an agent to read, change and send."""
        with self.database.reading() as session:
            talk = read_talk(session, conversation_id, self.language)
        passages = self.shelving.look().find(talk.asked) if talk.asked else []
        hidden = Redaction(talk.names)
        material = {"conversation": talk.hidden(hidden)}
        return self._suggested(
            Question(
                "reply", prompts.REPLY, talk.language, material, passages, hidden, talk.heard, talk.told
            )
        )

    def draft(self, question: str, language: str = "") -> Suggestion:
        """An answer to a question that nobody answered, from the documents alone."""
        spoken = guess_language(question) or language or self.language
        passages = self.shelving.look().find(question)
        if not passages:
            return Suggestion(fault="nothing_known")
        hidden = Redaction(self._asking([question]))
        material = {"question": hidden.hide(question)}
        return self._suggested(
            Question("draft", prompts.ANSWER, spoken, material, passages, hidden, [question])
        )

    def label(self, questions: Sequence[str]) -> Labels:
        """Which entry or intent each question is about, of those that the bot knows."""
        choices = self._choices(questions)
        hidden = Redaction(self._asking(questions))
        asked = [{"question": n, "text": hidden.hide(one)} for n, one in enumerate(questions, 1)]
        offered = [{"choice": name, "about": hidden.hide(about)} for name, about in choices.items()]
        prompt = prompt_of(prompts.LABELS, "en", {"questions": asked, "choices": offered})
        try:
            found = read_labels(self.ask("label", prompt), len(questions), list(choices))
        except ModelFailed as error:
            return Labels(fault=self._failed("label", error))
        except BudgetSpent:
            return Labels(fault="spent")
        return Labels({question: found.get(place, "") for place, question in enumerate(questions)})

    def summarise(self, talk: Talk) -> str:
        """What a conversation is about, for whoever takes it over; ModelFailed or BudgetSpent."""
        hidden = Redaction(talk.names)
        prompt = prompt_of(prompts.SUMMARY, self.language, {"conversation": talk.hidden(hidden)})
        text = read_summary(self.ask("summary", prompt), prompt, hidden.show, self.language)
        if has_strange_links(text, [*talk.heard, *talk.told]):
            raise ModelFailed("rubbish", "the summary names an address that nobody has said")
        return text

    def answered(self, question: Question, within: float | None = None) -> Answered:
        """The model's answer with its grounds; ModelFailed or BudgetSpent. `within`: seconds."""
        passages = [
            {"passage": n, "title": question.hidden.hide(one.title), "text": question.hidden.hide(one.text)}
            for n, one in enumerate(question.passages, 1)
        ]
        prompt = prompt_of(question.task, question.language, {**question.material, "passages": passages})
        value = self.ask(question.use, prompt, within)
        return read_answer(
            value,
            prompt,
            question.passages,
            question.hidden.show,
            question.language,
            question.heard,
            question.told,
        )

    def stop(self) -> None:
        """Ask nothing any more; whoever waits for the model is told that it does not answer."""
        self._client.stop()

    def ask(self, use: str, prompt: Prompt, within: float | None = None) -> dict[str, Any]:
        """The model's JSON object; ModelFailed or BudgetSpent. What it cost is written down either way."""
        aside = _estimate(prompt)
        day = self.now().astimezone(self._zone).date()
        began, used, fault = time.monotonic(), 0, ""
        within = min(within or self.settings.timeout_seconds, self.settings.timeout_seconds)
        if not self._free.acquire(timeout=min(LONGEST_QUEUE, within)):
            raise ModelFailed("busy", "too many questions are with the model already", 0)
        try:
            self._set_aside(day, aside)
            used = aside
            left = within - (time.monotonic() - began)
            replied = self._client.ask(prompt.messages, MOST_TOKENS, max(left, 0.01))
            used = aside if replied.tokens is None else min(replied.tokens, 20 * aside)
        except ModelFailed as error:
            fault = error.fault
            used = aside if error.used is None else min(error.used, 20 * aside)
            raise
        else:
            return replied.value
        finally:
            self._free.release()
            if used or fault:
                with self.database.writing() as session:
                    model_budget.settle(session, day, aside, used)
                seconds = round(time.monotonic() - began, 2)
                log.info("model.asked", use=use, tokens=used, seconds=seconds, fault=fault or None)

    def is_spent(self) -> bool:
        """Whether the day's budget is used up, so that nothing can be asked."""
        day = self.now().astimezone(self._zone).date()
        with self.database.reading() as session:
            return model_budget.used_on(session, day) + MOST_TOKENS > self.settings.tokens_a_day

    def _set_aside(self, day: date, tokens: int) -> None:
        with self.database.writing() as session:
            left = model_budget.set_aside(session, day, tokens, self.settings.tokens_a_day)
        if left:
            return
        if self._told != day:
            self._told = day
            log.warning("model.budget_spent", day=day.isoformat(), budget=self.settings.tokens_a_day)
        raise BudgetSpent

    def _suggested(self, question: Question) -> Suggestion:
        try:
            return _shown(self.answered(question), question.language)
        except ModelFailed as error:
            return Suggestion(fault=self._failed(question.use, error))
        except BudgetSpent:
            return Suggestion(fault="spent")

    def _failed(self, use: str, error: ModelFailed) -> str:
        log.warning("model.failed", use=use, fault=error.fault, why=str(error))
        return error.fault

    def _asking(self, questions: Sequence[str]) -> list[Any]:
        """What the records know of those who have asked these questions."""
        with self.database.reading() as session:
            rows = [
                row for one in questions for row in unanswered.find_group(session, key(one), self.now())
            ]
            who = {row.customer_id for row in rows}
            return [name for one in who for name in known_of(session, one)]

    def _choices(self, questions: Sequence[str]) -> dict[str, str]:
        """What questions may be about, with a title; of a large bot what the questions are nearest to."""
        project = self._bot().project
        intents = project.intents - project.retrieval_intents
        names = [*project.entry_responses(), *sorted(intents)]
        if len(names) > MOST_CHOICES:
            near: set[str] = set()
            for heard in self._bot().fallback.understand(list(questions)):
                near |= {answer.entry for answer in heard.answers}
                near |= {name for name, _ in heard.ranking}
            names = [name for name in names if name in near]
        return {name: title_of(project, name) for name in names}


def _estimate(prompt: Prompt) -> int:
    """Tokens of a question and its answer, rather too many: three bytes are about one at most."""
    return len(json.dumps(list(prompt.messages), ensure_ascii=False).encode()) // 3 + MOST_TOKENS


def _shown(answered: Answered, language: str) -> Suggestion:
    if not answered.text:
        return Suggestion(fault="nothing_known")
    return Suggestion(
        answered.text,
        language,
        [_source(one) for one in answered.citations],
        answered.warnings,
    )


def _source(cited: Cited) -> Source:
    passage = cited.passage
    return Source(passage.document, passage.title, cited.quote, passage.page)
