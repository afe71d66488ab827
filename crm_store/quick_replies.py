"""Quick replies: texts that agents call up by a shortcut, one per language, with `{name}` filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, new_id
from crm_store.messages import NotFound, ParleyError, Refused, clean

_SHORTCUT = re.compile(r"[^\s/]{1,40}")
LONGEST_TEXT = 2000  # characters
_NAME = re.compile(r"\s*\{name\}")


class NotAShortcut(ParleyError):
    """A shortcut has 1 to 40 characters, without white space and slash."""


class NoText(ParleyError):
    """A quick reply needs a text in at least one language."""


class ShortcutTaken(Refused):
    """There is a quick reply with this shortcut already."""


class QuickReply(SQLModel, table=True):
    """One prepared text."""

    __tablename__ = "quick_replies"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    shortcut: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))
    texts: dict[str, str] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    def text_in(self, language: str) -> str:
        """The text in this language, else in another that there is."""
        return self.texts.get(language) or next(iter(self.texts.values()), "")


def fill_in(text: str, name: str) -> str:
    """The text with the customer's name; without one, the place closes up."""
    return text.replace("{name}", name) if name else _NAME.sub("", text).lstrip("，, ")


def list_quick_replies(session: Session) -> Sequence[QuickReply]:
    """All, by shortcut."""
    return session.exec(select(QuickReply).order_by(col(QuickReply.shortcut))).all()


def get_quick_reply(session: Session, reply_id: UUID) -> QuickReply:
    """The quick reply; NotFound if there is none."""
    found = session.get(QuickReply, reply_id)
    if found is None:
        raise NotFound(f"there is no quick reply {reply_id}")
    return found


def save_quick_reply(
    session: Session,
    shortcut: str,
    texts: Mapping[str, str],
    now: datetime,
    *,
    reply_id: UUID | None = None,
) -> QuickReply:
    """Write a quick reply, a new one or the one with this id."""
    shortcut = clean(shortcut).strip().removeprefix("/").lower()
    if not _SHORTCUT.fullmatch(shortcut):
        raise NotAShortcut
    kept = {language: text.strip()[:LONGEST_TEXT] for language, text in texts.items() if text.strip()}
    if not kept:
        raise NoText
    other = session.exec(select(QuickReply).where(col(QuickReply.shortcut) == shortcut)).one_or_none()
    if other and other.id != reply_id:
        raise ShortcutTaken
    found = (
        get_quick_reply(session, reply_id) if reply_id else QuickReply(shortcut=shortcut, updated_at=now)
    )
    found.shortcut, found.texts, found.updated_at = shortcut, kept, now
    session.add(found)
    session.flush()
    return found


def delete_quick_reply(session: Session, reply_id: UUID) -> QuickReply:
    """Delete a quick reply and return what it was."""
    found = get_quick_reply(session, reply_id)
    session.delete(found)
    return found
