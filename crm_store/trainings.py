"""Trainings: what the bot has to learn anew, as rows that parley works off and the console shows.

One row waits, however many edits ask for it; one is live. Which one, and how often FAQ entries have changed
at all, stands in one row that every process looks at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Index, LargeBinary, delete, text, update
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store import audit
from crm_store.db import NOT_PERSONAL, CleanJson, CleanText, UtcDateTime, insert_into, new_id
from crm_store.messages import NotFound, Refused

_WAITS = text("status = 'waiting'")
_KEPT_MODELS = 5
KNOWLEDGE = 1  # the one row
NOT_REFUSED = "only the last training can be put live by hand, if the gate has refused it"
NOT_KEPT = "only a version that was live, and is kept, can be put live again"
REASONS = (NOT_REFUSED, NOT_KEPT)


class NotRefused(Refused):
    """Only the last training can be put live by hand, if the gate has refused it."""

    def __init__(self) -> None:
        super().__init__(NOT_REFUSED)


class NotKept(Refused):
    """Only a version that was live, and is kept, can be put live again."""

    def __init__(self) -> None:
        super().__init__(NOT_KEPT)


class Knowledge(SQLModel, table=True):
    """What the bot knows at the moment: one row, looked at by every process twice a second."""

    __tablename__ = "knowledge"
    __table_args__ = {"info": NOT_PERSONAL}

    id: int = Field(default=KNOWLEDGE, primary_key=True)
    version: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # of the FAQ entries
    training_id: UUID | None = None  # whose model is live; None: the project's own
    project: str = Field(default="", sa_column=Column(CleanText, nullable=False))  # digest of its entries


class Training(SQLModel, table=True):
    """One training: asked for, under way, or over with what came of it."""

    __tablename__ = "trainings"
    __table_args__ = (
        Index("ix_trainings_status", "status"),
        # Whoever asks while one waits asks for the same one.
        Index("uq_trainings_waiting", "status", unique=True, sqlite_where=_WAITS, postgresql_where=_WAITS),
        {"info": NOT_PERSONAL},
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    # waiting, training, live, refused (by the gate), failed, replaced (was live), withdrawn (never was)
    status: str = Field(default="waiting", sa_column=Column(CleanText, nullable=False))
    asked_by: str = Field(sa_column=Column(CleanText, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    started_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    finished_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    progress: float = 0.0
    version: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))  # of the entries it knows
    fingerprint: str = Field(default="", sa_column=Column(CleanText, nullable=False))
    verdict: dict[str, Any] | None = Field(default=None, sa_column=Column(CleanJson))
    error: str | None = Field(default=None, sa_column=Column(CleanText))
    forced_by: str | None = Field(default=None, sa_column=Column(CleanText))


class TrainedModel(SQLModel, table=True):
    """A model's file and the phrasings it was taught, for every process. The last few are kept."""

    __tablename__ = "trained_models"
    __table_args__ = {"info": NOT_PERSONAL}

    training_id: UUID = Field(foreign_key="trainings.id", primary_key=True)
    # Of the entries that are not the project's own; of none: an entry of the project that is left out.
    phrasings: dict[str, list[str]] = Field(sa_column=Column(CleanJson, nullable=False))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


def get_knowledge(session: Session, *, lock: bool = False) -> Knowledge:
    """The one row. Whoever changes entries or trainings locks it first, so that changes come in a row."""
    query = select(Knowledge).where(col(Knowledge.id) == KNOWLEDGE)
    return session.exec(query.with_for_update() if lock else query).one()


def ask(session: Session, asked_by: str, now: datetime) -> None:
    """Have the bot learn anew; one that waits already serves."""
    row = {
        "id": new_id(),
        "status": "waiting",
        "asked_by": asked_by,
        "created_at": now,
        "progress": 0.0,
        "version": 0,
        "fingerprint": "",
    }
    session.execute(insert_into(session, Training).values(row).on_conflict_do_nothing())


def get_training(session: Session, training_id: UUID) -> Training:
    """The training; NotFound if there is none."""
    found = session.get(Training, training_id)
    if found is None:
        raise NotFound(f"there is no training {training_id}")
    return found


def find_live(session: Session) -> Training | None:
    """The training whose model answers now; None where it is the project's own."""
    knowledge = get_knowledge(session)
    return session.get(Training, knowledge.training_id) if knowledge.training_id else None


def list_trainings(session: Session, limit: int = 20) -> Sequence[Training]:
    """The last trainings, newest first."""
    return session.exec(select(Training).order_by(col(Training.id).desc()).limit(limit)).all()


def start(session: Session, now: datetime) -> Training | None:
    """Begin with what waits, if anything does. To be called by the one process that trains.

    What another process was training when it died is trained again.
    """
    get_knowledge(session, lock=True)
    lost = session.exec(select(Training).where(col(Training.status) == "training")).all()
    waiting = session.exec(select(Training).where(col(Training.status) == "waiting")).one_or_none()
    for training in lost:
        training.status, training.finished_at = "withdrawn", now
        session.add(training)
    if waiting is None and lost:
        waiting = Training(asked_by=lost[-1].asked_by, created_at=lost[-1].created_at)
    if waiting is not None:
        waiting.status, waiting.started_at = "training", now
        session.add(waiting)
    return waiting


def skip(session: Session, training: Training, version: int) -> None:
    """There is nothing to learn: what is live knows all that this training would teach."""
    live = find_live(session)
    if live is not None:
        live.version = version
        session.add(live)
    session.delete(training)


def waits(session: Session) -> bool:
    """Whether there is anything to train."""
    open_ones = col(Training.status).in_(("waiting", "training"))
    return session.exec(select(Training.id).where(open_ones).limit(1)).first() is not None


def note_progress(session: Session, training_id: UUID, progress: float) -> None:
    """How far a training has come, from 0 to 1."""
    session.execute(update(Training).where(col(Training.id) == training_id).values(progress=progress))


def fail(session: Session, training_id: UUID, error: str, now: datetime) -> None:
    """It could not be done; what was live stays live."""
    training = get_training(session, training_id)
    training.status, training.error, training.finished_at = "failed", error, now
    session.add(training)


def keep_model(
    session: Session, training: Training, phrasings: Mapping[str, list[str]], data: bytes
) -> set[str]:
    """Keep a model for the other processes; the fingerprints of those that are kept no longer."""
    session.add_all([training, TrainedModel(training_id=training.id, phrasings=dict(phrasings), data=data)])
    session.flush()
    live = get_knowledge(session).training_id
    query = select(Training.id, Training.fingerprint).join(
        TrainedModel, col(TrainedModel.training_id) == col(Training.id)
    )
    held = session.exec(query.order_by(col(Training.id).desc())).all()
    old = {one: fingerprint for one, fingerprint in held[_KEPT_MODELS:] if one != live}
    session.execute(delete(TrainedModel).where(col(TrainedModel.training_id).in_(old)))
    kept = {fingerprint for one, fingerprint in held if one not in old}
    return set(old.values()) - kept


def find_taught(session: Session, training_id: UUID) -> dict[str, list[str]] | None:
    """The phrasings that a training's model was taught besides the project's own."""
    query = select(TrainedModel.phrasings).where(col(TrainedModel.training_id) == training_id)
    found = session.exec(query).one_or_none()
    return None if found is None else {name: list(texts) for name, texts in found.items()}


def find_model(session: Session, training_id: UUID) -> bytes | None:
    """The model's file, compressed."""
    query = select(TrainedModel.data).where(col(TrainedModel.training_id) == training_id)
    return session.exec(query).one_or_none()


def refuse(session: Session, training_id: UUID, verdict: Mapping[str, Any], now: datetime) -> None:
    """The gate is against it; what was live stays live."""
    training = get_training(session, training_id)
    training.status, training.verdict, training.finished_at = "refused", dict(verdict), now
    session.add(training)


def go_live(
    session: Session, training_id: UUID, verdict: Mapping[str, Any] | None, now: datetime
) -> Training:
    """Have its model answer from now on, in every process."""
    knowledge = get_knowledge(session, lock=True)
    session.execute(update(Training).where(col(Training.status) == "live").values(status="replaced"))
    training = get_training(session, training_id)
    training.status, training.progress = "live", 1.0
    training.finished_at = now
    training.verdict = training.verdict if verdict is None else dict(verdict)
    knowledge.training_id = training.id
    session.add_all([training, knowledge])
    return training


def go_back(session: Session, training_id: UUID, actor: str, now: datetime) -> Training:
    """Have an earlier model answer again, if it is kept: what was learned since is not known then.

    The next change of an entry has all of them learned anew. `NotKept` for what never was live.
    """
    get_knowledge(session, lock=True)
    training = session.get(Training, training_id, with_for_update=True)
    if training is None or training.status != "replaced" or find_taught(session, training_id) is None:
        raise NotKept
    audit.note(session, actor=actor, action="training.again", noun="training", noun_id=training_id, now=now)
    return go_live(session, training_id, None, now)


def force_live(session: Session, training_id: UUID, actor: str, now: datetime) -> Training:
    """Put a refused training live all the same: the word of an administrator. `NotRefused` for another."""
    get_knowledge(session, lock=True)
    training = session.get(Training, training_id, with_for_update=True)
    over = col(Training.status).in_(("live", "refused"))
    newer = session.exec(select(Training.id).where(col(Training.id) > training_id, over)).first()
    kept = find_taught(session, training_id) is not None
    if training is None or training.status != "refused" or newer or not kept:
        raise NotRefused
    training.forced_by = actor
    audit.note(
        session, actor=actor, action="training.forced", noun="training", noun_id=training_id, now=now
    )
    session.add(training)
    session.flush()
    return go_live(session, training_id, None, now)
