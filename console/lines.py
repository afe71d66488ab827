"""What stands in a conversation, as the page draws it: messages and notes in order, each with its why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlmodel import Session, col, select

from console.whys import Why
from crm_store import history, notes
from crm_store.history import Message
from crm_store.messages import Content
from crm_store.notes import Note

PAGE = 60  # messages


@dataclass(frozen=True, slots=True)
class Line:
    """A message or a note."""

    id: UUID
    seq: int  # of the message, or of the one before the note
    at: datetime
    message: Message | None = None
    content: Content | None = None
    why: Why | None = None  # of a bot's answer; of the customer's words while the bot is silent
    note: Note | None = None

    @property
    def agent(self) -> str:
        """The short name of whoever wrote it, if a person did."""
        if self.note:
            return self.note.author
        source = self.message.source if self.message else ""
        return source.removeprefix("agent:") if source.startswith("agent:") else ""


@dataclass(frozen=True, slots=True)
class Lines:
    """A page of a conversation, oldest first."""

    lines: list[Line]
    before: int | None  # the seq to go on from, if there is more


def page_of(
    session: Session, conversation_id: UUID, *, before: int | None = None, limit: int = PAGE
) -> Lines:
    """The last lines, or those before a message's seq."""
    found = history.list_newest(session, conversation_id, before=before, limit=limit + 1)
    more = len(found) > limit
    messages = found[-limit:] if more else found
    first = (messages[0].seq or 0) if more else 0
    written = notes.list_notes(session, conversation_id, first_seq=first, before_seq=before)
    lines = [*_of_messages(session, messages), *map(_of_note, written)]
    lines.sort(key=lambda line: (line.seq, line.note is not None, line.at))
    return Lines(lines, first if more else None)


def _of_note(note: Note) -> Line:
    return Line(note.id, note.after_seq, note.created_at, note=note)


def _of_messages(session: Session, messages: Sequence[Message]) -> list[Line]:
    heard = {message.id: message for message in messages if message.direction == "in"}
    asked = {m.reply_to for m in messages if m.sender == "bot" and m.reply_to} - heard.keys()
    if asked:
        heard |= {m.id: m for m in session.exec(select(Message).where(col(Message.id).in_(asked)))}
    return [
        Line(
            message.id,
            message.seq or 0,
            message.created_at,
            message=message,
            content=message.said,
            why=_why(message, heard),
        )
        for message in messages
    ]


def _why(message: Message, heard: Mapping[UUID, Message]) -> Why | None:
    if message.direction == "in":
        silent = any(step.get("by") in ("floor", "error") for step in message.decision or ())
        return _of_turn(message) if silent and message.text else None
    asked = heard.get(message.reply_to) if message.sender == "bot" and message.reply_to else None
    return _of_turn(asked) if asked else None


def _of_turn(asked: Message) -> Why | None:
    if not asked.understanding and not asked.decision:
        return None
    return Why(asked.text or asked.payload, asked.understanding or {}, asked.decision or [])
