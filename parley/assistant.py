"""The language model at work for people: drafts, suggestions, summaries, labels. Asked only when it may be.

Nothing personal leaves: see `nlu/llm/redaction.py`. No transaction is open while it thinks.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlmodel import Session

from config.settings import Llm
from console.host import Labels, Source, Suggestion
from crm_store import conversations, customers, history, identities, model_budget, staff, unanswered
from crm_store.db import Database
from crm_store.history import Message
from crm_store.language import guess_language
from crm_store.messages import ParleyError
from crm_store.wording import key
from nlu.llm import prompts
from nlu.llm.answers import Answered, read_answer, read_labels, read_summary
from nlu.llm.client import Client, ModelFailed
from nlu.llm.documents import Passage
from nlu.llm.grounding import has_strange_links
from nlu.llm.prompts import Prompt, prompt_of
from nlu.llm.redaction import Redaction
from parley.bot import Bot
from parley.shelving import Shelving, title_of

AT_ONCE = 4  # questions to the model in one process
MOST_TOKENS = 700  # of an answer
MOST_LINES = 16  # of a conversation that the model is shown
LONGEST_LINE = 1000  # characters
MOST_CHOICES = 150  # entries and intents that are all named to the model
_HARMLESS = frozenset({"language", customers.ZONE})  # attributes that say nothing of who it is
_WHO = {"customer": "customer", "agent": "agent", "bot": "bot", "campaign": "bot"}

log = structlog.get_logger()


class BudgetSpent(ParleyError):
    """The day's budget of tokens is used up."""


@dataclass(frozen=True, slots=True)
class Talk:
    """As much of a conversation as a model is shown, and what is known of the customer."""

    lines: Sequence[Mapping[str, str]]  # who, said
    names: Sequence[Any]
    asked: str  # by the customer, since somebody answered last
    language: str

    @property
    def heard(self) -> list[str]:
        """What the customer has said."""
        return [line["said"] for line in self.lines if line["who"] == "customer"]

    @property
    def told(self) -> list[str]:
        """What we have said."""
        return [line["said"] for line in self.lines if line["who"] != "customer"]


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
        material = {"conversation": _hidden(talk.lines, hidden), "passages": numbered(passages, hidden)}
        return self._suggestion(
            "reply", prompts.REPLY, talk.language, hidden, material, passages, talk.heard, talk.told
        )

    def draft(self, question: str, language: str = "") -> Suggestion:
        """An answer to a question that nobody answered, from the documents alone."""
        spoken = guess_language(question) or language or self.language
        passages = self.shelving.look().find(question)
        if not passages:
            return Suggestion(fault="nothing_known")
        hidden = Redaction(self._asking([question]))
        material = {"question": hidden.hide(question), "passages": numbered(passages, hidden)}
        return self._suggestion("draft", prompts.ANSWER, spoken, hidden, material, passages, [question], [])

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
        prompt = prompt_of(prompts.SUMMARY, self.language, {"conversation": _hidden(talk.lines, hidden)})
        text = read_summary(self.ask("summary", prompt), prompt, hidden.show, self.language)
        if has_strange_links(text, [*talk.heard, *talk.told]):
            raise ModelFailed("rubbish", "the summary names an address that nobody has said")
        return text

    def stop(self) -> None:
        """Ask nothing any more; whoever waits for the model is told that it does not answer."""
        self._client.stop()

    def ask(self, use: str, prompt: Prompt, within: float | None = None) -> dict[str, Any]:
        """The model's JSON object; ModelFailed or BudgetSpent. What it cost is written down either way."""
        aside = _estimate(prompt)
        day = self.now().astimezone(self._zone).date()
        began, used, fault = time.monotonic(), 0, ""
        if not self._free.acquire(timeout=1.0):
            raise ModelFailed("busy", "too many questions are with the model already", 0)
        try:
            self._set_aside(day, aside)
            used = aside
            replied = self._client.ask(prompt.messages, MOST_TOKENS, within)
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

    def _suggestion(
        self,
        use: str,
        task: str,
        language: str,
        hidden: Redaction,
        material: Mapping[str, Any],
        passages: Sequence[Passage],
        heard: Sequence[str],
        told: Sequence[str],
    ) -> Suggestion:
        prompt = prompt_of(task, language, material)
        try:
            value = self.ask(use, prompt)
            answered = read_answer(value, prompt, passages, hidden.show, language, heard, told)
        except ModelFailed as error:
            return Suggestion(fault=self._failed(use, error))
        except BudgetSpent:
            return Suggestion(fault="spent")
        return _shown(answered, language)

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


def read_talk(session: Session, conversation_id: UUID, own: str) -> Talk:
    """What is said in a conversation, newest lines only, and the names that must not leave with it."""
    conversation = conversations.get_conversation(session, conversation_id)
    found = [
        m for m in history.list_newest(session, conversation_id, limit=3 * MOST_LINES) if m.text.strip()
    ]
    lines = [
        {"who": _WHO.get(message.sender, "bot"), "said": message.text[:LONGEST_LINE]}
        for message in found[-MOST_LINES:]
    ]
    asked = _asked(found)
    customer = customers.get_customer(session, conversation.customer_id)
    spoken = guess_language(asked) or customer.language.partition("-")[0] or own
    names = [
        *known_of(session, conversation.customer_id),
        *(one.called for one in staff.list_staff(session)),
    ]
    return Talk(lines, names, asked, spoken)


def known_of(session: Session, customer_id: UUID) -> list[Any]:
    """Names and values of the record that say who a customer is."""
    found: list[Any] = [customers.get_customer(session, customer_id).display_name]
    for name, attribute in customers.attributes(session, customer_id).items():
        if name not in _HARMLESS:
            found += _texts(attribute.value)
    for identity in identities.identities_of(session, [customer_id])[customer_id]:
        found += [identity.external_id, *_texts(identity.profile)]
    return found


def numbered(passages: Sequence[Passage], hidden: Redaction) -> list[dict[str, Any]]:
    """Passages as the model sees them."""
    return [
        {"passage": number, "title": hidden.hide(one.title), "text": hidden.hide(one.text)}
        for number, one in enumerate(passages, 1)
    ]


def _asked(found: Sequence[Message]) -> str:
    said: list[str] = []
    for message in reversed(found):
        if message.direction == "out" and said:
            break
        if message.direction == "in":
            said.append(message.text)
    return "\n".join(reversed(said[:5]))


def _hidden(lines: Sequence[Mapping[str, str]], hidden: Redaction) -> list[dict[str, str]]:
    return [{"who": line["who"], "said": hidden.hide(line["said"])} for line in lines]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in _HARMLESS:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _estimate(prompt: Prompt) -> int:
    """Tokens of a question and its answer, rather too many: three bytes are about one at most."""
    return len(json.dumps(list(prompt.messages), ensure_ascii=False).encode()) // 3 + MOST_TOKENS


def _shown(answered: Answered, language: str) -> Suggestion:
    if not answered.text:
        return Suggestion(fault="nothing_known")
    return Suggestion(
        answered.text,
        language,
        [Source(one.passage.document, one.passage.title, one.quote) for one in answered.citations],
        answered.warnings,
    )
