"""Signing in: sessions of the staff, and how often somebody may try.

Of a session's secret only the digest is kept, so that who reads the database is not signed in.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Column, Index, case, delete, update
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import NOT_PERSONAL, CleanText, Database, UtcDateTime, insert_into
from crm_store.messages import ParleyError
from crm_store.passwords import verify_password
from crm_store.staff import Staff, find_staff, fold

IDLE = timedelta(hours=12)  # a session ends so long after its last use …
LONGEST = timedelta(days=14)  # … and so long after the sign-in at the latest
_RENEW_AFTER = timedelta(minutes=5)  # a write for every page would be too many
PERIOD = timedelta(minutes=15)
PER_NAME, PER_PEER = 10, 50  # attempts in a period; many people may share an office's address


class StaffSession(SQLModel, table=True):
    """One browser that is signed in."""

    __tablename__ = "staff_sessions"
    __table_args__ = (
        Index("ix_staff_sessions_staff", "staff_id"),
        Index("ix_staff_sessions_end", "ends_at"),
        {"info": NOT_PERSONAL},
    )

    digest: str = Field(sa_column=Column(CleanText, primary_key=True))
    staff_id: UUID = Field(foreign_key="staff.id")
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    ends_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))


class SignInAttempt(SQLModel, table=True):
    """How often a name or a peer has tried lately. Digests: names may be passwords typed astray."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (Index("ix_sign_in_attempts_since", "since"), {"info": NOT_PERSONAL})

    digest: str = Field(sa_column=Column(CleanText, primary_key=True))
    since: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    tries: int


class WrongPassword(ParleyError):
    """The name or the password is wrong."""


class TooManyAttempts(ParleyError):
    """Too many attempts: wait before the next one."""

    def __init__(self, until: datetime) -> None:
        super().__init__()
        self.until = until


def sign_in(database: Database, name: str, password: str, peer: str, now: datetime) -> str:
    """The secret of a new session; WrongPassword or TooManyAttempts. Slow on purpose.

    The attempt is counted before the password is looked at, in the database: so neither many at once
    nor many processes allow more.
    """
    digests = {_digest(f"name {fold(name)}"): PER_NAME, _digest(f"peer {_network(peer)}"): PER_PEER}
    with database.writing() as session:
        _forget_old(session, now)
        over = [until for digest, most in digests.items() if (until := _count(session, digest, most, now))]
    if over:
        raise TooManyAttempts(max(over))
    with database.reading() as session:
        found = find_staff(session, name)
    right = verify_password(found.password_hash if found else None, password)
    if not (right and found and found.disabled_at is None):
        raise WrongPassword
    with database.writing() as session:
        _forgive(session, *digests)
        return _new_session(session, found, now)


def find_signed_in(
    database: Database, secret: str, now: datetime, *, moves_on: bool = True
) -> Staff | None:
    """Whose session this is, if it has not ended; its end moves on with its use.

    A page that only lies open is no use: `moves_on=False`.
    """
    digest = _digest(secret)
    with database.reading() as session:
        query = select(StaffSession, Staff).join(Staff).where(col(StaffSession.digest) == digest)
        row = session.exec(query).one_or_none()
    if row is None or row[0].ends_at <= now or row[1].disabled_at is not None:
        return None
    found, staff = row
    ends_at = min(now + IDLE, found.created_at + LONGEST)
    if moves_on and ends_at - found.ends_at > _RENEW_AFTER:
        with database.writing() as session:
            again = session.get(StaffSession, digest, with_for_update=True)
            if again is None:
                return None  # signed out in this very moment
            again.ends_at = ends_at
            session.add(again)
    return staff


def sign_out(session: Session, secret: str) -> None:
    """End one session."""
    session.execute(delete(StaffSession).where(col(StaffSession.digest) == _digest(secret)))


def end_sessions(session: Session, staff: Staff, *, but: str = "") -> None:
    """End all sessions of a person, except the one with this secret."""
    theirs = delete(StaffSession).where(col(StaffSession.staff_id) == staff.id)
    session.execute(theirs.where(col(StaffSession.digest) != _digest(but)))


def _new_session(session: Session, staff: Staff, now: datetime) -> str:
    secret = secrets.token_urlsafe(32)
    session.execute(delete(StaffSession).where(col(StaffSession.ends_at) <= now))
    session.add(StaffSession(digest=_digest(secret), staff_id=staff.id, created_at=now, ends_at=now + IDLE))
    return secret


def _digest(text: str) -> str:
    # Of secrets with 256 random bits: a plain hash is as good as a slow one.
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _network(peer: str) -> str:
    """One house has one IPv4 address, or a whole network of IPv6 ones."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return str(ipaddress.ip_network(f"{peer}/64", strict=False)) if address.version == 6 else peer


def _forget_old(session: Session, now: datetime) -> None:
    session.execute(delete(SignInAttempt).where(col(SignInAttempt.since) <= now - PERIOD))


def _forgive(session: Session, of_name: str, of_peer: str) -> None:
    """A sign-in that held counts against nobody; what others tried from the same address still does."""
    session.execute(delete(SignInAttempt).where(col(SignInAttempt.digest) == of_name))
    peer = update(SignInAttempt).where(col(SignInAttempt.digest) == of_peer, col(SignInAttempt.tries) > 0)
    session.execute(peer.values(tries=col(SignInAttempt.tries) - 1))


def _count(session: Session, digest: str, most: int, now: datetime) -> datetime | None:
    """Count an attempt; until when to wait if there were too many."""
    counted = insert_into(session, SignInAttempt).values(digest=digest, since=now, tries=1)
    again = case(
        (col(SignInAttempt.tries) > most, col(SignInAttempt.tries)), else_=col(SignInAttempt.tries) + 1
    )
    row = session.execute(
        counted.on_conflict_do_update(index_elements=["digest"], set_={"tries": again}).returning(
            col(SignInAttempt.tries), col(SignInAttempt.since)
        )
    ).one()
    return row.since + PERIOD if row.tries > most else None
