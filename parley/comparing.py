"""Two versions of the bot over the same messages: what each would make of a text where it was said.

Before each message the dialogue stands where it really stood: what either version would have said instead,
nobody has answered to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from crm_store import comparisons
from crm_store.comparisons import BROKEN, NOT_KEPT, Comparison
from crm_store.db import Database
from crm_store.messages import NotFound, Understanding
from crm_store.said import Happened, Said, messages_in, what_happened
from crm_store.wording import key
from nlu.base import State
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.model import BadModel
from nlu.project import read_project
from parley.bot import LONGEST_READ, Bot
from parley.questions import masked
from parley.replay import Replay
from parley.training import open_model, open_stored

PIECE = 100  # messages understood and written at once: others wait for some milliseconds only
SURER = 0.1  # less of a change of confidence is no difference
_UNANSWERED = frozenset({"ask_back", "fallback", "hand_over", "unsupported"})
Outcome = Mapping[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Version:
    """A model with the dialogue that goes by its thresholds."""

    embedded: Embedded
    dialogue: RuleDialogue

    def outcomes(
        self, texts: Sequence[str], states: Sequence[State]
    ) -> list[tuple[Understanding, Outcome]]:
        """What it makes of each text: `intent`, `confidence`, `by` and `name` (an entry's, a rule's).

        `states`: where the dialogue stood before each.
        """
        heard = self.embedded.understand(texts)
        return [(one, self._outcome(one, state)) for one, state in zip(heard, states, strict=True)]

    def _outcome(self, heard: Understanding, state: State) -> Outcome:
        decision = self.dialogue.decide(self.dialogue.hear(state, heard), heard)
        return {
            "intent": heard.intent or "",
            "confidence": round(heard.confidence, 4),
            "by": decision.by,
            "name": decision.name or decision.action,
        }


class Comparer:
    """Works off comparisons, one after the other."""

    def __init__(
        self, database: Database, models: Path, bot: Callable[[], Bot], now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._models = models
        self._bot = bot
        self._now = now
        self._stopping = False

    def is_due(self) -> bool:
        """Whether one waits."""
        with self._database.reading() as session:
            return comparisons.waits(session)

    def work(self) -> None:
        """Do what waits, unless another process does."""
        with self._database.alone("comparison") as alone:
            while alone and not self._stopping and self._one():
                pass

    def stop(self) -> None:
        """Leave off; it is begun anew when the house opens again."""
        self._stopping = True

    def _one(self) -> bool:
        with self._database.writing() as session:
            asked = comparisons.start(session)
        if asked is None:
            return False
        error = None
        try:
            through = self._compare(asked)
        except (BadModel, NotFound) as found:
            log.warning("version.not_kept", comparison_id=str(asked.id), why=str(found))
            through, error = True, NOT_KEPT
        except SQLAlchemyError:
            raise  # The database is away: it is begun anew.
        except Exception:
            # Begun anew, it would end the same way, and keep all others waiting.
            log.exception("comparison.failed", comparison_id=str(asked.id))
            through, error = True, BROKEN
        if through:
            with self._database.writing() as session:
                comparisons.end(session, asked.id, self._now(), error)
            log.info("versions.compared", comparison_id=str(asked.id), failed=bool(error))
        return through

    def _compare(self, asked: Comparison) -> bool:
        """Whether it is through; not if the house closes meanwhile."""
        bot = self._bot()
        before, after = (self._version(bot, one) for one in (asked.before_id, asked.after_id))
        with self._database.reading() as session:
            said = messages_in(session, asked.from_at, asked.until_at)
        numbers: dict[str, int] = {}
        replay = Replay(bot)
        for first in range(0, len(said), PIECE):
            if self._stopping:
                return False
            some = said[first : first + PIECE]
            with self._database.reading() as session:
                happened = what_happened(session, [one.id for one in some])
            counted, states = _stood(replay, some, happened)
            rows = _differing(before, after, counted, states, numbers)
            with self._database.writing() as session:
                done = (first + len(some)) / len(said)
                if not comparisons.note(session, asked.id, rows, len(counted), done):
                    return True
        return True

    def _version(self, bot: Bot, training_id: UUID | None) -> Version:
        assert isinstance(bot.fallback, Embedded)
        assert isinstance(bot.dialogue, RuleDialogue)
        if training_id == bot.training_id:
            return Version(bot.fallback, bot.dialogue)
        if training_id is None:
            # It may have to be trained, which takes its time: no transaction is open meanwhile.
            model = open_model(read_project(bot.project.path), self._models, lambda _: None)
        else:
            with self._database.reading() as session:
                model = open_stored(session, training_id, self._models)
        return Version(Embedded(model, bot.fallback.today), bot.dialogue.with_limits(model.limits))


def _stood(
    replay: Replay, said: Sequence[Said], happened: Mapping[UUID, Happened]
) -> tuple[list[Said], list[State]]:
    """Those messages that count, and where the dialogue stood before each."""
    found = []
    for one in said:
        state = replay.before(one)
        if one.counts:
            found.append((one, state))
        replay.go_on(happened.get(one.id))
    return [one for one, _ in found], [state for _, state in found]


def _differing(
    before: Version, after: Version, said: Sequence[Said], states: Sequence[State], numbers: dict[str, int]
) -> list[dict[str, Any]]:
    """Rows for `crm_store.comparisons` of what the two take differently."""
    texts = [one.text[:LONGEST_READ] for one in said]
    rows = []
    for one, (heard, was), (_, now) in zip(
        said, before.outcomes(texts, states), after.outcomes(texts, states), strict=True
    ):
        kind = kind_of(was, now)
        if not kind:
            continue
        rows.append(
            {
                "message_id": one.id,
                "conversation_id": one.conversation_id,
                "customer_id": one.customer_id,
                "number": numbers.setdefault(key(one.text), len(numbers)),
                "kind": kind,
                "text": masked(heard)[:300],
                "before": was,
                "after": now,
                "asked_at": one.created_at,
            }
        )
    return rows


def kind_of(was: Outcome, now: Outcome) -> str:
    """How two outcomes differ; empty if they do not, or hardly."""
    answered, answers = was["by"] not in _UNANSWERED, now["by"] not in _UNANSWERED
    if answered != answers:
        return "gained" if answers else "lost"
    if answered and was["name"] != now["name"]:
        return "answer"
    if was["intent"] != now["intent"]:
        return "intent"
    return "confidence" if abs(was["confidence"] - now["confidence"]) >= SURER else ""
