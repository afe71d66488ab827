"""Understand and act: what was recorded is worked off, conversation by conversation, in order.

A worker holds the lease of what it works on; what waits is taken together, up to 64 conversations.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import update
from sqlmodel import Session, col, select

from crm_store import dialogues, outbox
from crm_store.conversations import Conversation, lock_conversations
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Policy, Understanding
from nlu.base import State
from parley.bot import Bot
from parley.turns import Acted, Situation, act, handed_over

MOST_MESSAGES = 256  # of all conversations in one go
TRIES = 3
_BACKING_OFF = "nobody: backing off"

log = structlog.get_logger()


@dataclass(slots=True)
class Worked:
    """What a round of work led to."""

    more: set[UUID] = field(default_factory=set)  # still leased, and more is waiting
    answered: set[Address] = field(default_factory=set)  # there may be rows in the outbox
    done: set[UUID] = field(default_factory=set)  # conversations that were let go


@dataclass(frozen=True, slots=True)
class Worker:
    """The work itself, without any loop: to be called in a thread."""

    database: Database
    bot: Bot
    name: str
    policies: Mapping[str, Policy]

    def work(self, ids: Sequence[UUID], now: datetime) -> Worked:
        """Answer all that waits in these conversations, whose leases we hold."""
        with self.database.reading() as session:
            messages = _waiting(session, ids)
        heard = dict(zip((m.id for m in messages), self.bot.understand(messages), strict=True))
        try:
            return self._act(ids, messages, heard, now)
        except Exception as error:  # noqa: BLE001  (whatever it is, the message is retried, then parked)
            if len(ids) == 1:
                return self._failed(ids[0], error, now)
        worked = Worked()
        for one in ids:
            alone = self.work([one], now)
            worked.more |= alone.more
            worked.answered |= alone.answered
            worked.done |= alone.done
        return worked

    def _act(
        self,
        ids: Sequence[UUID],
        messages: Sequence[Message],
        heard: Mapping[UUID, Understanding],
        now: datetime,
    ) -> Worked:
        with self.database.writing() as session:
            mine = {c.id: c for c in lock_conversations(session, ids).values() if c.leased_by == self.name}
            states = {key: State(**state) for key, state in dialogues.load_states(session, mine).items()}
            changes, rows = [], []
            for message in messages:
                conversation = mine.get(message.conversation_id)
                if conversation is None:
                    continue  # Another worker has it: our lease ran out.
                state = states.get(conversation.id) or State()
                situation = self._situation(session, conversation, message, heard[message.id], state, now)
                acted = _suggest(situation) if conversation.floor == "agent" else act(situation)
                if acted.floor and conversation.floor == "bot":
                    conversation.floor = acted.floor
                states[conversation.id] = acted.state
                rows += acted.rows
                changes.append(_done(message, heard[message.id], acted))
            if changes:
                session.execute(update(Message), changes)
            outbox.queue(session, rows)
            dialogues.save_states(session, {key: asdict(s) for key, s in states.items()}, now)
            more = _let_go(session, mine)
        return Worked(
            more=more,
            answered={Address(row["channel"], row["external_id"]) for row in rows}
            | {m.address for m in messages},
            done=set(ids) - more,
        )

    def _situation(
        self,
        session: Session,
        conversation: Conversation,
        message: Message,
        heard: Understanding,
        state: State,
        now: datetime,
    ) -> Situation:
        policy = self.policies.get(conversation.channel, Policy())
        held = timedelta(seconds=policy.inline_within)
        return Situation(
            session, self.bot, conversation, message, heard, state, now, message.created_at + held
        )

    def _failed(self, conversation_id: UUID, error: Exception, now: datetime) -> Worked:
        with self.database.writing() as session:
            conversation = lock_conversations(session, [conversation_id])[conversation_id]
            waiting = _waiting(session, [conversation_id])
            if conversation.leased_by != self.name or not waiting:
                return Worked(done={conversation_id})
            message = waiting[0]
            message.attempts += 1
            parked = message.attempts >= TRIES
            log.error(
                "turn.parked" if parked else "turn.failed",
                conversation=str(conversation_id),
                message=str(message.id),
                attempt=message.attempts,
                # Not its message, which may repeat what the customer wrote: that stands in the row.
                error=type(error).__name__,
                at=_where(error),
            )
            if parked:
                self._park(
                    session,
                    conversation,
                    message,
                    "".join(traceback.format_exception(error, limit=-8)),
                    now,
                )
            else:
                conversation.leased_by = _BACKING_OFF
                conversation.leased_until = now + timedelta(seconds=2**message.attempts)
            session.add_all([conversation, message])
            return Worked(done={conversation_id}, answered={message.address})

    def _park(
        self, session: Session, conversation: Conversation, message: Message, trace: str, now: datetime
    ) -> None:
        message.work = "parked"
        message.decision = [{"action": None, "by": "error", "name": "parked", "trace": trace}]
        conversation.leased_by = conversation.leased_until = None
        if conversation.floor != "bot":
            return
        conversation.floor = "waiting"
        state = State(**dialogues.load_states(session, [conversation.id]).get(conversation.id, {}))
        situation = self._situation(
            session, conversation, message, Understanding(text=message.text), state, now
        )
        outbox.queue(session, handed_over(situation).rows)


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _waiting(session: Session, ids: Sequence[UUID]) -> Sequence[Message]:
    query = select(Message).where(col(Message.work) == "waiting", col(Message.conversation_id).in_(ids))
    return session.exec(query.order_by(col(Message.seq)).limit(MOST_MESSAGES)).all()


def _suggest(situation: Situation) -> Acted:
    # An agent has the floor: what was understood is kept with the message, the bot says nothing.
    return Acted(situation.state, decision=[{"action": None, "by": "floor", "name": "agent"}])


def _done(message: Message, heard: Understanding, acted: Acted) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "work": None,
        "understanding": heard.to_json(),
        "decision": acted.decision,
    }


def _let_go(session: Session, mine: Mapping[UUID, Conversation]) -> set[UUID]:
    """Drop the leases of conversations in which nothing waits; their rows are locked by us."""
    session.flush()
    query = select(Message.conversation_id).where(
        col(Message.work) == "waiting", col(Message.conversation_id).in_(mine)
    )
    more = set(session.exec(query.distinct()))
    for conversation in mine.values():
        if conversation.id not in more:
            conversation.leased_by = conversation.leased_until = None
            session.add(conversation)
    return more
