"""Staff: the people who work in the console, what they may do there, and how their passwords are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import NOT_PERSONAL, CleanText, UtcDateTime, new_id
from crm_store.messages import NotFound, ParleyError, Refused, clean

_EVERYBODY = frozenset({"inbox", "customers", "edit_customers"})
_RIGHTS = {
    "agent": _EVERYBODY,
    "supervisor": _EVERYBODY | {"assign", "quick_replies", "faq", "audit", "parked"},
    "marketer": frozenset({"customers", "campaigns", "faq", "stories"}),
}
RIGHTS = frozenset().union(*_RIGHTS.values()) | {"staff", "documents"}
ROLES = ("agent", "supervisor", "marketer", "admin")
LONGEST_NAME = 100


class NotAName(ParleyError):
    """A name has 1 to 100 characters and no white space or colon: it is used to sign in."""


class NameTaken(Refused):
    """Somebody else signs in with this name."""


class UnknownRole(ParleyError):
    """A role must be one of agent, supervisor, marketer, admin."""


class LastAdmin(Refused):
    """Nobody would be left who may manage the staff."""


class Staff(SQLModel, table=True):
    """One person who signs in. Their name stays in what they have written."""

    __tablename__ = "staff"
    __table_args__ = {"info": NOT_PERSONAL}

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str = Field(sa_column=Column(CleanText, nullable=False))  # short name or e-mail
    folded_name: str = Field(sa_column=Column(CleanText, nullable=False, unique=True))
    display_name: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    role: str = Field(sa_column=Column(CleanText, nullable=False))
    password_hash: str = Field(sa_column=Column(CleanText, nullable=False))
    language: str = Field(default="", sa_column=Column(CleanText, nullable=False))  # empty: the browser's
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    disabled_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))

    @property
    def called(self) -> str:
        """What colleagues read."""
        return self.display_name or self.name

    def may(self, right: str) -> bool:
        """Whether they may do what this right stands for."""
        return may(self.role, right)


def may(role: str, right: str) -> bool:
    """Whether a role includes a right; LookupError for a right that does not exist."""
    if right not in RIGHTS:
        raise LookupError(f"expected one of {', '.join(sorted(RIGHTS))}, got {right!r}")
    return role == "admin" or right in _RIGHTS.get(role, ())


def fold(name: str) -> str:
    """The form in which names are compared."""
    return clean(name).strip().casefold()


def add_staff(
    session: Session, name: str, role: str, password_hash: str, now: datetime, *, display_name: str = ""
) -> Staff:
    """Add a person; refused if the name is taken. The hash is made by `passwords.hash_password`."""
    name = clean(name).strip()
    if not name or len(name) > LONGEST_NAME or ":" in name or name.split() != [name]:
        raise NotAName
    if find_staff(session, name):
        raise NameTaken
    made = Staff(
        name=name,
        folded_name=fold(name),
        display_name=display_name.strip()[:LONGEST_NAME],
        role=_known(role),
        password_hash=password_hash,
        created_at=now,
    )
    session.add(made)
    session.flush()
    return made


def find_staff(session: Session, name: str) -> Staff | None:
    """Who signs in with this name, however it is written."""
    return session.exec(select(Staff).where(col(Staff.folded_name) == fold(name))).one_or_none()


def get_staff(session: Session, name: str, *, lock: bool = False) -> Staff:
    """The same; NotFound if nobody does."""
    query = select(Staff).where(col(Staff.folded_name) == fold(name))
    found = session.exec(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFound(f"nobody signs in as {name}")
    return found


def list_staff(session: Session) -> Sequence[Staff]:
    """Everybody, by name."""
    return session.exec(select(Staff).order_by(col(Staff.folded_name))).all()


def set_role(session: Session, staff: Staff, role: str) -> None:
    """Give a person another role; refused where no administrator would be left."""
    if _known(role) != "admin":
        _keep_an_admin(session, staff)
    staff.role = role
    session.add(staff)


def disable(session: Session, staff: Staff, now: datetime) -> None:
    """Let a person sign in no more; whoever calls this ends their sessions."""
    _keep_an_admin(session, staff)
    staff.disabled_at = staff.disabled_at or now
    session.add(staff)


def enable(session: Session, staff: Staff) -> None:
    """Let a person sign in again."""
    staff.disabled_at = None
    session.add(staff)


def _keep_an_admin(session: Session, leaving: Staff) -> None:
    admins = select(Staff).where(col(Staff.role) == "admin", col(Staff.disabled_at).is_(None))
    # All of them are locked: two who disable each other must not both succeed.
    left = session.exec(admins.order_by(col(Staff.id)).with_for_update()).all()
    if [admin.id for admin in left] == [leaving.id]:
        raise LastAdmin


def _known(role: str) -> str:
    if role not in ROLES:
        raise UnknownRole
    return role
