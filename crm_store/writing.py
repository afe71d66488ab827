"""A session that writes: its one connection, and rows that wait to be written with others of their kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from sqlmodel import Session

CONNECTION = "connection"  # where a session keeps it
_LATER = "later"  # where it keeps what is written later

Write = Callable[[Session, Sequence[Any]], None]


class Writing(Session):
    """A session in which a write may wait until somebody could see that it is missing."""

    def flush(self, objects: Sequence[Any] | None = None) -> None:
        """Write what objects have changed, then what was left for later."""
        super().flush(objects)
        later: dict[Write, dict[Any, Any]] = self.info.pop(_LATER, {})
        for write, rows in later.items():
            # In one order everywhere, so that no two transactions wait for each other.
            write(self, [rows[key] for key in sorted(rows)])

    def connection(self, *words: Any, **named: Any) -> Connection:
        """The connection, with nothing left for later."""
        _catch_up(self)
        return super().connection(*words, **named)


def write_later(session: Session, write: Write, key: Any, row: Any) -> None:
    """Have a row written together with others, at the latest before anything is read or committed.

    `write` writes several, in the order of their keys; of rows with the same key the last one is written.
    Within a savepoint, which may be rolled back, nothing waits.
    """
    if not is_writing(session):
        session.flush()
        write(session, [row])
        return
    session.info.setdefault(_LATER, {}).setdefault(write, {})[key] = row


def flush_objects(session: Session) -> None:
    """Write what objects have changed; what was left for later stays so."""
    Session.flush(session)


def is_writing(session: Session) -> bool:
    """Whether it is one of ours that writes, outside of any savepoint, which may be rolled back."""
    return isinstance(session, Writing) and not session.in_nested_transaction()


def connection_of(session: Session, *, ahead: bool = False) -> Connection:
    """The connection that a session works on; asked for once in a transaction, which has but one.

    `ahead`: for what may be done before that which was left for later.
    """
    if not ahead:
        _catch_up(session)
    kept: Connection | None = session.info.get(CONNECTION)
    # A savepoint is begun by whoever asks for its connection first.
    return session.connection() if kept is None or session.in_nested_transaction() else kept


def _catch_up(session: Session) -> None:
    if _LATER in session.info:
        session.flush()
