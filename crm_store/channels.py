"""Channels as the rest of the house knows them: name, kind and Policy, written down at every start.

Here too are the values that a channel shares between processes, such as a platform's token.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, select

from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, exclusive, new_id
from crm_store.messages import Policy
from crm_store.statements import Rows


class ChannelRow(SQLModel, table=True):
    """What a channel declared of itself when it was last opened."""

    __tablename__ = "channels"
    __table_args__ = {"info": NOT_PERSONAL}

    name: str = Field(sa_column=Column(CleanText, primary_key=True))
    kind: str = Field(sa_column=Column(CleanText, nullable=False))
    policy: dict[str, Any] = Field(default_factory=dict, sa_column=Column(CleanJson, nullable=False))
    opened_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class SharedValue(SQLModel, table=True):
    """A value that all processes share until it ends."""

    __tablename__ = "shared_values"
    __table_args__ = {"info": NOT_PERSONAL}

    key: str = Field(sa_column=Column(CleanText, primary_key=True))
    value: str = Field(sa_column=Column(CleanText, nullable=False))
    made_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    ends_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


_TABLES = SQLModel.metadata.tables
_OPENED = Rows(_TABLES["channels"], list(ChannelRow.model_fields), replaces=["name"])
_SHARED = Rows(_TABLES["shared_values"], list(SharedValue.model_fields), replaces=["key"])


def write_channel(session: Session, name: str, kind: str, policy: Policy, now: datetime) -> None:
    """Write down what a channel declares."""
    row = {"name": name, "kind": kind, "policy": policy.to_json(), "opened_at": now}
    _OPENED.write(session, [row])


def policies(session: Session) -> dict[str, Policy]:
    """What every channel that was ever opened here declared, by its name."""
    rows = session.exec(select(ChannelRow)).all()
    return {row.name: Policy(**row.policy | {"draws": frozenset(row.policy["draws"])}) for row in rows}


def find_shared(session: Session, key: str, now: datetime) -> str | None:
    """The shared value, unless it has ended."""
    found = session.get(SharedValue, key)
    return found.value if found and found.ends_at > now else None


def share(
    session: Session, values: Mapping[str, tuple[str, datetime]], made_at: datetime | None = None
) -> None:
    """Share values by key, each until its end."""
    rows = [
        {"key": key, "value": value, "made_at": made_at, "ends_at": ends_at}
        for key, (value, ends_at) in values.items()
    ]
    _SHARED.write(session, rows)


def house_id(session: Session, now: datetime) -> str:
    """The name that all processes on this database, and no others, have in common."""
    exclusive(session, "house id")
    known = find_shared(session, "house.id", now)
    if known is None:
        known = new_id().hex
        share(session, {"house.id": (known, now + timedelta(days=36_500))})
    return known
