"""The trained bot of a project: read, trained in a process of its own where that is needed, opened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlmodel import Session

import actions
from actions.base import always_done, load_actions
from crm_store import trainings
from crm_store.db import Database
from crm_store.messages import ParleyError
from crm_store.trainings import Training
from nlu.action_server import ActionServer
from nlu.base import Interpreter
from nlu.dialogue import RuleDialogue
from nlu.domain import Domain
from nlu.embedded import Embedded
from nlu.faq import entries_of, with_phrasings
from nlu.model import BadModel, Model
from nlu.project import Project, read_project
from nlu.rasa_dialogue import RasaDialogue
from nlu.rasa_server import RasaServer
from nlu.recent import Recent
from parley.bot import Bot, Leader

WORDS = Path(actions.__file__).parent / "words.yml"  # what the house says where a project says nothing


class TrainingFailed(ParleyError):
    """The bot could not be trained."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What a bot was taught besides its project's own examples: see `crm_store.trainings`."""

    training_id: UUID
    phrasings: Mapping[str, Sequence[str]]


def open_bot(
    path: Path,
    models: Path,
    *,
    engine: str = "embedded",
    dialogue: str = "embedded",
    rasa_url: str = "",
    language: str = "zh",
    today: Callable[[], date],
    settings: dict[str, Any] | None = None,
    tell: Callable[[str], None] = lambda _: None,
    taught: Taught | None = None,
    server: ActionServer | None = None,
) -> Bot:
    """The bot of a project folder, trained if its examples have changed; ProjectErrors if it does not hold.

    `today` is the day, where the company is, that "tomorrow" counts from. `tell` is told what takes a
    while. `settings` are those that actions may read. `server` runs the actions that are not ours.
    """
    project = read_project(path)
    model = open_model(project, models, tell, taught.phrasings if taught else {})
    embedded = Embedded(model, today, Recent())
    own_entries = entries_of(project)
    project.nlu = project.nlu.names_only()  # The texts are in the model; here they would only take room.
    own = load_actions()
    interpreter: Interpreter = RasaServer(rasa_url) if engine == "rasa" else embedded
    return Bot(
        project=project,
        interpreter=interpreter,
        dialogue=RuleDialogue(project, chosen=embedded.model.limits),
        actions=own,
        always=always_done(),
        fallback=embedded,
        language=language,
        settings=settings or {},
        house=read_project(WORDS),
        own_entries=own_entries,
        training_id=taught.training_id if taught else None,
        server=server,
        bound=project.bound,
        elsewhere=foreign_actions(project.domain, own) if server else frozenset(),
        leader=Leader(RasaDialogue(rasa_url)) if dialogue == "rasa" else None,
    )


def foreign_actions(domain: Domain, own: Collection[str]) -> frozenset[str]:
    """The actions that a domain declares and that are neither ours nor the words of a response."""
    return frozenset(
        name
        for name in domain.actions
        if name not in own and name not in domain.responses and not name.startswith("utter_")
    )


def open_model(
    project: Project,
    models: Path,
    tell: Callable[[str], None],
    phrasings: Mapping[str, Sequence[str]] | None = None,
) -> Model:
    """The model of this very project with these phrasings: from the folder of models, or trained now."""
    path = model_path(models, with_phrasings(project, phrasings or {}).fingerprint())
    try:
        return Model.load(path)
    except BadModel:
        tell("training the bot …")
        train_apart(project.path, path, phrasings)
        return Model.load(path)


def model_path(models: Path, fingerprint: str) -> Path:
    """Where in the folder of models the one with this fingerprint lies."""
    return models / f"{fingerprint[:20]}.model"


def train_apart(
    project: Path,
    out: Path,
    phrasings: Mapping[str, Sequence[str]] | None = None,
    before: Path | None = None,
) -> Mapping[str, Any] | None:
    """Train in another process, so that this one never loads what only training needs (200 MB).

    With `before`, a project folder as it was: what the gate says (see `nlu.gate.Verdict`).
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as order:
        asked: dict[str, Any] = {"phrasings": dict(phrasings or {})}
        json.dump(asked | ({"before": {"project": str(before)}} if before else {}), order)
        order.flush()
        done = subprocess.run(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-m", "nlu.train", str(project), str(out), order.name],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise TrainingFailed(done.stderr.strip()[-2000:])
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return next((note["verdict"] for note in reversed(told) if "verdict" in note), None)


def find_taught(database: Database, models: Path) -> Taught | None:
    """What the live model was taught, and its file put where this process looks for it; None: nothing.

    None also before the first migration, when there is no table to ask.
    """
    try:
        with database.reading() as session:
            live = trainings.find_live(session)
            phrasings = trainings.find_taught(session, live.id) if live else None
            if live is None or phrasings is None:
                return None
            _put_in_place(session, live, models)
            return Taught(live.id, phrasings)
    except (OperationalError, ProgrammingError):
        return None


def open_stored(session: Session, training_id: UUID, models: Path) -> Model:
    """The model of a training: from the folder of models, else from its row."""
    return Model.load(_put_in_place(session, trainings.get_training(session, training_id), models))


def _put_in_place(session: Session, training: Training, models: Path) -> Path:
    path = model_path(models, training.fingerprint)
    data = None if path.exists() else trainings.find_model(session, training.id)
    if data is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}")
        part.write_bytes(zlib.decompress(data))
        part.replace(path)
    return path
