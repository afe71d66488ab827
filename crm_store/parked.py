"""Parked turns: messages whose turn has failed too often. An operator has them tried again, or drops them.

A replay keeps the order: what was answered since is not answered once more behind it, and whoever has the
floor keeps it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from crm_store import audit
from crm_store.conversations import Conversation, get_conversation, note_since, release
from crm_store.history import ANSWERS, Inbound, Message, get_message, is_parked
from crm_store.messages import Refused

MOST = 10_000  # counted; more than that is told as so many
COMING, STILL_WAITING = "action:utter_handover_coming", "action:utter_still_waiting"
NOT_PARKED = "the turn is not parked any more"
OVER = "the conversation is closed: its turn can only be dismissed"
REASONS = (NOT_PARKED, OVER)


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked turn."""

    message: Message
    conversation: Conversation

    @property
    def step(self) -> Mapping[str, Any]:
        """What was written down when it failed for the last time."""
        found: Mapping[str, Any] = next(iter(self.message.decision or ()), {})
        return found

    @property
    def trace(self) -> str:
        """The traceback."""
        return str(self.step.get("trace", ""))

    @property
    def error(self) -> str:
        """The type of the error, without its message, which may repeat what the customer wrote."""
        lines = [
            line for line in self.trace.splitlines() if line and not line.startswith((" ", "Traceback"))
        ]
        return lines[-1].partition(":")[0].rpartition(".")[2] if lines else ""

    @property
    def parked_at(self) -> datetime:
        """When it was parked."""
        at = self.step.get("at")
        return datetime.fromisoformat(at) if at else self.message.created_at


def count_parked(session: Session) -> int:
    """How many turns are parked, up to `MOST`."""
    counted = select(col(Message.seq)).where(is_parked()).limit(MOST).subquery()
    return session.exec(select(func.count()).select_from(counted)).one()


def list_parked(session: Session, *, before: int | None = None, limit: int = 50) -> list[Parked]:
    """Parked turns, newest first, recorded before `before` (a seq) if given."""
    query = select(Message, Conversation).where(
        is_parked(), col(Message.conversation_id) == Conversation.id
    )
    if before is not None:
        query = query.where(col(Message.seq) < before)
    found = session.exec(query.order_by(col(Message.seq).desc()).limit(limit))
    return [Parked(message, conversation) for message, conversation in found]


def replay(session: Session, message_id: UUID, actor: str, now: datetime) -> Parked:
    """Let the turn be tried again from the beginning. Refused if it is not parked or the talk is over.

    If a person was called only because of it and nobody has come yet, the bot has the floor again.
    """
    found = _lock(session, message_id)
    if found.conversation.floor == "closed":
        raise Refused(OVER)
    called = found.step.get("handed_over") and found.conversation.floor_since == found.parked_at
    if called and found.conversation.floor == "waiting" and not is_late(session, found.message):
        note_since(session, release(session, found.conversation.id), now)
    _note(session, found, "turn.replayed", actor, now)
    message = found.message
    message.work, message.attempts, message.decision = "waiting", 0, [{"action": None, "by": "replay"}]
    session.add(message)
    session.flush()
    return found


def dismiss(session: Session, message_id: UUID, actor: str, now: datetime) -> Parked:
    """Leave the turn as it is; its traceback stays with the message. Refused if it is not parked."""
    found = _lock(session, message_id)
    _note(session, found, "turn.dismissed", actor, now)
    found.message.work = None
    session.add(found.message)
    session.flush()
    return found


def is_late(session: Session, message: Inbound | Message) -> bool:
    """Whether something newer was answered already, so that words about this one would come too late."""
    answered = select(Message.seq).where(
        col(Message.conversation_id) == message.conversation_id,
        col(Message.seq) > message.seq,
        col(Message.direction) == "out",
        col(Message.lane) == ANSWERS,
        col(Message.source).not_in((COMING, STILL_WAITING)),
    )
    return session.exec(answered.limit(1)).first() is not None


def _lock(session: Session, message_id: UUID) -> Parked:
    conversation_id = get_message(session, message_id).conversation_id
    conversation = get_conversation(session, conversation_id, lock=True)
    # Asked again under the lock: somebody else may have been faster.
    query = select(Message).where(col(Message.id) == message_id, is_parked())
    message = session.exec(query.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if message is None:
        raise Refused(NOT_PARKED)
    return Parked(message, conversation)


def _note(session: Session, found: Parked, action: str, actor: str, now: datetime) -> None:
    audit.note(
        session,
        actor=actor,
        action=action,
        noun="message",
        noun_id=found.message.id,
        customer_id=found.message.customer_id,
        changes={"error": found.error, "attempts": found.message.attempts},
        now=now,
    )
