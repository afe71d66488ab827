"""Tokens: the bearer tokens with which programs, and people through them, use the API."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, new_id
from crm_store.messages import ParleyError

SCOPES = ("admin", "read", "write", "actions")


class UnknownScope(ParleyError):
    """A token's scope must be one of admin, read, write, actions."""


class Token(SQLModel, table=True):
    """A bearer token. Only its hash is kept: who loses it makes another."""

    __tablename__ = "tokens"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    owner: str = Field(sa_column=Column(CleanText, nullable=False))
    scope: str = Field(sa_column=Column(CleanText, nullable=False))
    digest: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    def allows(self, scope: str) -> bool:
        """Whether it may be used for this; admin may do everything, write includes read."""
        return self.scope in ("admin", scope) or (self.scope == "write" and scope == "read")


def _digest(token: str) -> str:
    # The token has 256 random bits, so a plain hash is as good as a slow one.
    return hashlib.sha256(token.encode()).hexdigest()


def new_token(session: Session, scope: str, owner: str, now: datetime) -> str:
    """Make a token and return it, for the only time."""
    if scope not in SCOPES:
        raise UnknownScope
    token = "parley_" + secrets.token_urlsafe(32)
    session.add(Token(owner=owner, scope=scope, digest=_digest(token), created_at=now))
    return token


def find_token(session: Session, token: str) -> Token | None:
    """The token, if we ever made it."""
    return session.exec(select(Token).where(col(Token.digest) == _digest(token))).one_or_none()
