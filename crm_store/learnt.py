"""What one transaction has read and written of customers, so that it does neither twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import Session

_LEARNT = "learnt"  # where a session keeps it


@dataclass(slots=True)
class Learnt:
    """Rows as they were written, and what was known before them."""

    facts: dict[tuple[UUID, str], dict[str, Any]] = field(default_factory=dict)  # by customer and name
    names: dict[UUID, dict[str, Any]] = field(default_factory=dict)  # what customers are called now
    known: dict[UUID, dict[str, Any]] = field(default_factory=dict)  # all facts of a customer, by name


def learnt_in(session: Session) -> Learnt:
    """That of the transaction; a savepoint has its own, as it may be rolled back."""
    within = session.get_nested_transaction() or session.get_transaction()
    if within is None:
        return Learnt()
    begun, learnt = session.info.get(_LEARNT, (None, None))
    if not isinstance(learnt, Learnt) or begun is not within:
        learnt = Learnt()
        session.info[_LEARNT] = within, learnt
    return learnt
