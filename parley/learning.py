"""What the bot knows, kept up with the rows while it serves: the answers of FAQ entries, and the model.

The bot never changes; another one takes its place between two rounds of work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import UUID

import structlog
from sqlmodel import Session

from crm_store import trainings, unanswered
from crm_store.db import Database
from crm_store.faq import FaqAnswer, FaqEntry, Wording, first_phrasings, list_answers, list_own
from crm_store.faq_edits import Draft
from crm_store.faq_project import import_project
from nlu.dialogue import RuleDialogue
from nlu.domain import BUILT_IN_INTENTS
from nlu.embedded import Embedded
from nlu.faq import Entry, entries_of, for_languages, spoken_in, with_answers
from nlu.project import Project, read_project
from nlu.recent import Recent
from nlu.responses import Variation
from parley.bot import Bot
from parley.clustering import Clusterer
from parley.comparing import Comparer
from parley.retraining import Trainer
from parley.threads import in_thread
from parley.training import open_stored
from parley.workers import Worker

LOOK_SECONDS = 0.5
_PIECE = 200  # unanswered questions put to a new model at once

log = structlog.get_logger()


class Learning:
    """Keeps one worker's bot up to date, and has trained what waits to be."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        models: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._worker = worker
        self._models = models
        self._now = now
        self._base = worker.bot.project  # as its files have it
        self._seen: tuple[int, UUID | None] | None = None
        self._until: datetime | None = None  # then an entry begins or ends to be valid
        self._trainer = Trainer(
            database, self._base.path, models, lambda: _embedded(self._worker.bot).model, now
        )
        self.comparer = Comparer(database, models, lambda: self._worker.bot, now)
        self.clusterer = Clusterer(database, now)
        self._wake = asyncio.Event()

    def open(self) -> None:
        """Before anything is answered: the project's entries as rows, people's entries as answers."""
        own = self._worker.bot.own_entries
        with self._database.writing() as session:
            import_project(session, _drafts(own), self._now())
        self._worker.bot = replace(self._worker.bot, own_entries=())
        self.look()

    def wake(self) -> None:
        """Entries have changed in this process: look at once. On the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Keep up until cancelled."""
        under_way: dict[str, asyncio.Future[None]] = {}
        try:
            while True:
                try:
                    for name, work in (await in_thread(self._due)).items():
                        if name not in under_way or under_way[name].done():
                            under_way[name] = asyncio.ensure_future(asyncio.to_thread(work))
                except Exception:
                    log.exception("look.failed")  # The database is away: look again.
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
                self._wake.clear()
        finally:
            for one in (self._trainer, self.comparer, self.clusterer):
                one.stop()
            if under_way:
                await asyncio.wait(under_way.values())

    def _due(self) -> dict[str, Callable[[], None]]:
        """Take in what has changed; what is to be done that takes long."""
        found: dict[str, Callable[[], None]] = {}
        if self.look():
            found["training"] = self._train
        for name, one in (("comparison", self.comparer), ("clustering", self.clusterer)):
            if one.is_due():
                found[name] = partial(_without_end, name, one.work)
        return found

    def look(self) -> bool:
        """Take in what has changed; whether a training waits."""
        now = self._now()
        with self._database.reading() as session:
            knowledge = trainings.get_knowledge(session)
            seen = (knowledge.version, knowledge.training_id)
            due = self._until is not None and self._until <= now
            if seen != self._seen or due:
                if not knowledge.project:
                    self._import_again()
                self._take_in(session, knowledge.training_id, now)
                self._seen = seen
            return trainings.waits(session)

    def _take_in(self, session: Session, training_id: UUID | None, now: datetime) -> None:
        bot = self._worker.bot
        entries, self._until = read_entries(session, bot.language, self._base.nlu.entries, now)
        if entries or bot.project is not self._base:
            project = with_answers(self._base, entries)
            bot = replace(bot, project=project, dialogue=_dialogue(bot).with_project(project))
        if training_id is not None and training_id != bot.training_id:
            model = open_stored(session, training_id, self._models)
            learned = Embedded(model, _embedded(bot).today, Recent())
            interpreter = bot.interpreter if bot.interpreter.remote else learned
            dialogue = _dialogue(bot).with_limits(learned.model.limits)
            bot = replace(
                bot,
                interpreter=interpreter,
                fallback=learned,
                dialogue=dialogue,
                training_id=training_id,
            )
        self._worker.bot = bot
        log.info("bot.changed", entries=len(entries), training_id=training_id and str(training_id))

    def _import_again(self) -> None:
        """An entry that people had taken over is the project's again."""
        own = entries_of(read_project(self._base.path))
        with self._database.writing() as session:
            import_project(session, _drafts(own), self._now())

    def _train(self) -> None:
        try:
            if self._trainer.work():
                self.look()
                self.settle_unanswered()
        except Exception:
            log.exception("training.interrupted")  # Its row is found again.

    def settle_unanswered(self) -> None:
        """Take from the list of unanswered questions what the bot can answer now."""
        bot, after = self._worker.bot, ""
        while True:
            with self._database.reading() as session:
                texts = unanswered.open_texts(session, self._now(), after=after, limit=_PIECE)
            if not texts:
                return
            *_, after = texts  # As the database orders them, which is not always as Python does.
            heard = bot.fallback.understand(list(texts.values()))
            would = _dialogue(bot).would_answer
            covered = [key for key, one in zip(texts, heard, strict=True) if would(one)]
            if covered:
                with self._database.writing() as session:
                    unanswered.settle(session, covered, "covered")


def _without_end(name: str, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        log.exception(f"{name}.interrupted")  # Its rows are found again.


def _dialogue(bot: Bot) -> RuleDialogue:
    assert isinstance(bot.dialogue, RuleDialogue)
    return bot.dialogue


def _embedded(bot: Bot) -> Embedded:
    assert isinstance(bot.fallback, Embedded)
    return bot.fallback


def teachable(project: Project) -> list[str]:
    """The intents that people may teach examples for: the project's own, but for FAQ entries."""
    own = {*project.domain.intents, *project.nlu.intents}
    return sorted(own - {*BUILT_IN_INTENTS} - project.retrieval_intents)


def read_entries(
    session: Session, language: str, project: dict[str, list[str]], now: datetime
) -> tuple[list[Entry], datetime | None]:
    """People's entries that answer now, empty ones for those that silence the project's; until when."""
    own = list_own(session)
    valid = [entry for entry in own if entry.is_valid(now)]
    answers: dict[UUID, list[FaqAnswer]] = {entry.id: [] for entry in valid}
    ids = list(answers)
    for part in (ids[i : i + 500] for i in range(0, len(ids), 500)):
        for answer in list_answers(session, part):
            answers[answer.entry_id].append(answer)
    untitled = first_phrasings(session, [entry.id for entry in valid if not entry.titles])
    entries = [_entry(entry, answers[entry.id], untitled.get(entry.id, ""), language) for entry in valid]
    silenced = [Entry(e.name) for e in own if e.id not in answers and e.name in project]
    moments = [m for entry in own if entry.active for m in (entry.valid_from, entry.valid_until) if m]
    return [*entries, *silenced], min((m for m in moments if m > now), default=None)


def _entry(entry: FaqEntry, answers: list[FaqAnswer], asked: str, language: str) -> Entry:
    told = [
        (a.language, Variation.from_json({**a.more, "text": a.text, "channel": a.channel})) for a in answers
    ]
    titles = entry.titles or {"": asked}
    return Entry(
        entry.name,
        answers=for_languages(told, language),
        titles=for_languages([(spoken, Variation(text)) for spoken, text in titles.items()], language),
    )


def _drafts(entries: Sequence[Entry]) -> dict[str, Draft]:
    return {entry.name: _draft(entry) for entry in entries}


def _draft(entry: Entry) -> Draft:
    wordings = []
    for language, variation in spoken_in(entry.answers):
        more = variation.to_json()
        text, channel = more.pop("text", ""), more.pop("channel", "")
        wordings.append(Wording(text, language, channel, more))
    titles = {
        language: variation.text for language, variation in reversed(spoken_in(entry.titles)) if language
    }
    return Draft(phrasings=entry.phrasings, answers=tuple(wordings), titles=titles, name=entry.name).tidy()
