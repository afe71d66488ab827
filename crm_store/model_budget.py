"""What the language model has cost by day: one budget for all processes, which outlives a restart."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Column, Integer, update
from sqlmodel import Field, Session, SQLModel, col

from crm_store.db import NOT_PERSONAL, CleanText, exclusive


class ModelDay(SQLModel, table=True):
    """Tokens of one day of the company's calendar, with those that are set aside for open questions."""

    __tablename__ = "model_days"
    __table_args__ = {"info": NOT_PERSONAL}

    day: str = Field(sa_column=Column(CleanText, primary_key=True))  # "2026-03-01"
    tokens: int = Field(default=0, sa_column=Column(Integer, nullable=False, server_default="0"))


def set_aside(session: Session, day: date, tokens: int, budget: int) -> bool:
    """Take so many tokens from the day's budget; False if they are not left, and then nothing is taken."""
    if session.get(ModelDay, day.isoformat()) is None:
        exclusive(session, "model budget")  # One begins the day.
        if session.get(ModelDay, day.isoformat()) is None:
            session.add(ModelDay(day=day.isoformat()))
            session.flush()
    mine = update(ModelDay).where(
        col(ModelDay.day) == day.isoformat(), col(ModelDay.tokens) + tokens <= budget
    )
    taken = session.execute(mine.values(tokens=col(ModelDay.tokens) + tokens).returning(col(ModelDay.day)))
    return taken.first() is not None


def settle(session: Session, day: date, set_aside_before: int, used: int) -> None:
    """A question has been answered: what was really used counts, not what was set aside."""
    change = used - set_aside_before
    mine = update(ModelDay).where(col(ModelDay.day) == day.isoformat())
    session.execute(mine.values(tokens=col(ModelDay.tokens) + change))


def used_on(session: Session, day: date) -> int:
    """How many tokens a day has cost so far."""
    found = session.get(ModelDay, day.isoformat())
    return found.tokens if found else 0
