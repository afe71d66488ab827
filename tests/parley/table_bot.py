"""The table bot on a worker of ours: what it hears is told by hand, who acts for it is a server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from actions.base import Turn
from crm_store import conversations, dialogues
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Entity, Incoming, Policy, Understanding
from crm_store.recording import record
from nlu.action_server import ActionServer
from nlu.base import State
from nlu.dialogue import RuleDialogue
from nlu.endpoints import Endpoint
from nlu.project import read_project
from nlu.slot_filling import VALIDATION
from parley.bot import Bot
from parley.training import WORDS, foreign_actions
from parley.worked import Worked
from parley.workers import Worker
from tests.parley.rasa_sdk_server import TABLE
from tests.parley.tiny import Clock, Ear

HOUSE = read_project(WORDS)


class TableEar(Ear):
    """Hears an intent in its name and a number in its digits; whatever else is told is an answer."""

    named: frozenset[str] = frozenset()
    sure = 1.0

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        return [self._heard(text) for text in texts]

    def _heard(self, text: str) -> Understanding:
        first = text.split()[0] if text.split() else ""
        intent = first if first in self.named else "inform"
        numbers = [Entity("number", int(n[0]), n.start(), n.end()) for n in re.finditer(r"\d+", text)]
        ranking = ((intent, self.sure),)
        return Understanding(text, intent, self.sure, ranking, tuple(numbers), language="en", engine="tiny")


def action_here(turn: Turn) -> list[Content]:
    """One of ours."""
    return [Content(text="here")]


def table_bot(
    server: ActionServer | None,
    ear: TableEar | None = None,
    *,
    validates: bool = True,
    folder: Path = TABLE,
) -> Bot:
    """The bot of these files, with this server. `validates`: it is asked about every message, too."""
    project, ear = read_project(folder), ear or TableEar()
    ear.named = frozenset(project.domain.intents) - {"inform"}
    if not validates:
        project.domain.actions.remove(VALIDATION)
    own = {"action_here": action_here}
    return Bot(
        project=project,
        interpreter=ear,
        dialogue=RuleDialogue(project),
        actions=own,
        always=frozenset(),
        fallback=ear,
        language="en",
        house=HOUSE,
        bound=project.bound,
        server=server,
        elsewhere=foreign_actions(project.domain, own) if server else frozenset(),
    )


def server_at(url: str, deadline: float = 10.0, **more: Any) -> ActionServer:
    """The action server at an address."""
    return ActionServer(Endpoint(url, **more), deadline)


class Table:
    """A worker with this bot, and what customers say to it, one conversation each."""

    def __init__(self, database: Database, bot: Bot) -> None:
        self.database, self.clock = database, Clock()
        self.worker = Worker(database, bot, "w", {"shop": Policy()}, self.clock)
        self.keys = 0

    def say(self, who: str, *texts: str) -> list[str]:
        """Say this and have it worked off to the end; what is answered."""
        before = len(self.said(who))
        self.hear(who, *texts)
        self.settle()
        return self.said(who)[before:]

    def hear(self, who: str, *texts: str) -> UUID:
        batch = []
        for text in texts:
            self.keys += 1
            batch.append(Incoming(Address("shop", who), str(self.keys), Content(text=text)))
        with self.database.writing() as session:
            (first, *_) = record(session, batch, "w", self.clock())
        assert first
        return first.conversation_id

    def work(self) -> Worked:
        """One round over all that waits; who needs a server is left."""
        with self.database.writing() as session:
            free = conversations.lease_waiting(session, "w", 64, self.clock())
            query = select(Conversation.id).where(
                Conversation.leased_by == "w", col(Conversation.leased_until) > self.clock()
            )
            held = session.exec(query).all()
        return self.worker.work(sorted({*free, *held}), ())

    def settle(self) -> None:
        """Work until nothing waits but for what is left in peace for a moment."""
        asking = self.work().asking
        while asking:
            asking = self.worker.ask(asking.popitem()[1], ()).asking | asking

    def messages(self, who: str) -> list[Message]:
        with self.database.reading() as session:
            query = select(Message).where(Message.external_id == who).order_by(col(Message.seq))
            return list(session.exec(query))

    def said(self, who: str) -> list[str]:
        return [m.text or m.said.kind for m in self.messages(who) if m.direction == "out"]

    def state(self, conversation: UUID) -> State:
        with self.database.reading() as session:
            return State(**dialogues.load_states(session, [conversation])[conversation])

    def floor(self, conversation: UUID) -> str:
        with self.database.reading() as session:
            return conversations.get_conversation(session, conversation).floor
