"""Dialogues: where each conversation with the bot stands between two turns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, Column, select
from sqlmodel import Field, Session, SQLModel

from crm_store.db import UtcDateTime, WholeJson, as_list, listing
from crm_store.statements import Rows, Statement


class DialogueRow(SQLModel, table=True):
    """The dialogue's state, as JSON."""

    __tablename__ = "dialogues"
    __table_args__ = ({"info": {"personal": {"state": "erase"}}},)

    conversation_id: UUID = Field(foreign_key="conversations.id", primary_key=True)
    state: dict[str, Any] = Field(default_factory=dict, sa_column=Column(WholeJson, nullable=False))
    updated_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


_TABLE = SQLModel.metadata.tables[str(DialogueRow.__tablename__)]


def _loading(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_TABLE.c.conversation_id,))
    return select(_TABLE.c.conversation_id, _TABLE.c.state).join(wanted, same)


_LOAD = Statement(_loading)
_SAVE = Rows(_TABLE, ("conversation_id", "state", "updated_at"), replaces=("conversation_id",), ahead=True)


def load_states(session: Session, conversation_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The states of these conversations; those without one are left out."""
    return dict(_LOAD.fetch(session, rows=as_list([(one.hex,) for one in conversation_ids])))


def save_states(session: Session, states: Mapping[UUID, Mapping[str, Any]], now: datetime) -> None:
    """Write the states of several conversations."""
    _SAVE.write(
        session,
        [{"conversation_id": key, "state": state, "updated_at": now} for key, state in states.items()],
    )
