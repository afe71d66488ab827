"""The backlog: what waits for its turn, to be sent or for an operator. Asked by whoever watches.

Every query reads a few thousand entries of an index at most, however much waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session, col

from crm_store.channels import SharedValue
from crm_store.history import ANSWERS, PUSHES, Message, is_being_sent, is_queued, is_waiting
from crm_store.parked import MOST, count_parked

TOKEN = ".access_token"  # noqa: S105  (how keys of shared values end that are platform tokens)
LANES = {"answers": ANSWERS, "pushes": PUSHES}


@dataclass(slots=True)
class Backlog:
    """What waits at one moment. Counts end at `MOST`."""

    waiting: int = 0  # messages, for their turn
    oldest_at: datetime | None = None  # when the longest waiting one of those counted was recorded
    parked: int = 0
    queued: dict[tuple[str, str], int] = field(default_factory=dict)  # by channel and lane
    due_at: dict[tuple[str, str], datetime] = field(default_factory=dict)  # the longest due row's time
    sending: dict[str, int] = field(default_factory=dict)  # by channel
    tokens: dict[str, tuple[datetime | None, datetime]] = field(default_factory=dict)  # made at, ends at


def read_backlog(session: Session, channels: list[str]) -> Backlog:
    """The backlog of these channels."""
    waiting = select(col(Message.created_at)).where(is_waiting()).limit(MOST).subquery()
    count, oldest = session.execute(select(func.count(), func.min(waiting.c.created_at))).one()
    found = Backlog(waiting=count, oldest_at=oldest, parked=count_parked(session))
    for channel in channels:
        found.sending[channel] = 0
        for lane, number in LANES.items():
            mine = (is_queued(), col(Message.channel) == channel, col(Message.lane) == number)
            found.queued[channel, lane] = _count(session, select(col(Message.seq)).where(*mine))
            due_at = session.execute(select(func.min(col(Message.due_at))).where(*mine)).scalar()
            if due_at is not None:
                found.due_at[channel, lane] = due_at
    sending = select(col(Message.channel)).where(is_being_sent()).limit(MOST).subquery()
    for channel, count in session.execute(
        select(sending.c.channel, func.count()).group_by(sending.c.channel)
    ):
        found.sending[channel] = count
    for value in session.execute(select(SharedValue)).scalars():
        if value.key.endswith(TOKEN):
            found.tokens[value.key.removesuffix(TOKEN)] = (value.made_at, value.ends_at)
    return found


def _count(session: Session, query: Select[Any]) -> int:
    return int(
        session.execute(select(func.count()).select_from(query.limit(MOST).subquery())).scalar() or 0
    )
