"""Summaries at hand-over: a note for whoever takes over, written by the language model behind the turn.

What is to be summed up stands in the conversations' rows. The customer waits for none of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import DBAPIError

from crm_store import conversations, history, notes
from crm_store.db import Database
from nlu.llm.client import ModelFailed
from nlu.llm.grounding import looks_like_orders
from parley.assistant import Assistant, BudgetSpent
from parley.talks import read_talk
from parley.threads import in_thread

LOOK_SECONDS = 1.0
LEAST_LINES = 3  # fewer are read faster than their summary
TRIES = 2
_MOST_KEPT = 2000  # hand-overs that need no summary, or got none

log = structlog.get_logger()


class Summaries:
    """Sums up what was handed over, in one process at a time."""

    def __init__(
        self,
        assistant: Assistant,
        database: Database,
        changed: Callable[[UUID], None],
        now: Callable[[], datetime],
    ) -> None:
        """`changed` is told of each conversation with a new note, from another thread."""
        self._assistant = assistant
        self._database = database
        self._changed = changed
        self._now = now
        self._tries: dict[tuple[UUID, datetime], int] = {}

    async def run(self) -> None:
        """Sum up until cancelled."""
        while True:
            try:
                with self._database.alone("summaries") as alone:
                    while await in_thread(alone.check):
                        await in_thread(self.work)
                        await asyncio.sleep(LOOK_SECONDS)
            except DBAPIError:
                log.exception("summaries.interrupted")  # The database is away.
            await asyncio.sleep(LOOK_SECONDS)

    def work(self) -> int:
        """Sum up what waits for it; how many notes were written."""
        with self._database.reading() as session:
            waiting = notes.without_summary(session, self._now())
        written = 0
        for one in waiting:
            if self._tries.get(one, 0) >= TRIES:
                continue
            try:
                written += self._sum_up(one)
            except BudgetSpent:
                break
            except ModelFailed as error:
                log.warning("model.failed", use="summary", fault=error.fault, why=str(error))
                self._note(one, self._tries.get(one, 0) + 1)
        return written

    def _sum_up(self, one: tuple[UUID, datetime]) -> bool:
        conversation_id, _ = one
        with self._database.reading() as session:
            talk = read_talk(session, conversation_id, self._assistant.language)
        if len(talk.lines) < LEAST_LINES:
            self._note(one, TRIES)
            return False
        text = self._assistant.summarise(talk)
        author = notes.DOUBTFUL if looks_like_orders([text, *talk.heard]) else notes.MODEL
        with self._database.writing() as session:
            conversation = conversations.get_conversation(session, conversation_id, lock=True)
            if conversation.floor == "closed":
                return False
            last = history.list_newest(session, conversation_id, limit=1)
            after = (last[0].seq or 0) if last else 0
            notes.write_note(session, conversation, author, text, after_seq=after, now=self._now())
        self._changed(conversation_id)
        return True

    def _note(self, one: tuple[UUID, datetime], tries: int) -> None:
        if len(self._tries) >= _MOST_KEPT:
            self._tries.clear()
        self._tries[one] = tries
