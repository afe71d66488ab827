"""Dialogues: where each conversation with the bot stands between two turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanJson, UtcDateTime, write_rows


class DialogueRow(SQLModel, table=True):
    """The dialogue's state, as JSON."""

    __tablename__ = "dialogues"
    __table_args__ = ({"info": {"personal": {"state": "erase"}}},)

    conversation_id: UUID = Field(foreign_key="conversations.id", primary_key=True)
    state: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


def load_states(session: Session, conversation_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The states of these conversations; those without one are left out."""
    query = select(DialogueRow.conversation_id, DialogueRow.state).where(
        col(DialogueRow.conversation_id).in_(conversation_ids)
    )
    return {key: dict(state) for key, state in session.exec(query)}


def save_states(session: Session, states: Mapping[UUID, Mapping[str, Any]], now: datetime) -> None:
    """Write the states of several conversations."""
    rows = [{"conversation_id": key, "state": state, "updated_at": now} for key, state in states.items()]
    write_rows(session, DialogueRow, rows)
