"""The trained bot of a project: read, trained in a process of its own where that is needed, opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import actions
from actions.base import always_done, load_actions
from crm_store.messages import ParleyError
from nlu.base import Interpreter
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.model import BadModel, Model
from nlu.project import Project, read_project
from nlu.rasa_server import RasaServer
from parley.bot import Bot

WORDS = Path(actions.__file__).parent / "words.yml"  # what the house says where a project says nothing


class TrainingFailed(ParleyError):
    """The bot could not be trained."""


def open_bot(
    path: Path,
    models: Path,
    *,
    engine: str = "embedded",
    rasa_url: str = "",
    language: str = "zh",
    today: Callable[[], date],
    settings: dict[str, Any] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Bot:
    """The bot of a project folder, trained if its examples have changed; ProjectErrors if it does not hold.

    `today` is the day, where the company is, that "tomorrow" counts from. `tell` is told what takes a
    while. `settings` are those that actions may read.
    """
    project = read_project(path)
    embedded = Embedded(open_model(project, models, tell), today)
    project.nlu = project.nlu.names_only()  # The texts are in the model; here they would only take room.
    interpreter: Interpreter = RasaServer(rasa_url) if engine == "rasa" else embedded
    return Bot(
        project=project,
        interpreter=interpreter,
        dialogue=RuleDialogue(project),
        actions=load_actions(),
        always=always_done(),
        fallback=embedded,
        language=language,
        settings=settings or {},
        house=read_project(WORDS),
    )


def open_model(project: Project, models: Path, tell: Callable[[str], None]) -> Model:
    """The model of this very project: from the folder of models, or trained now."""
    path = models / f"{project.fingerprint()[:20]}.model"
    try:
        return Model.load(path)
    except BadModel:
        tell("training the bot …")
        train_apart(project.path, path)
        return Model.load(path)


def train_apart(project: Path, out: Path) -> None:
    """Train in another process, so that this one never loads what only training needs (200 MB)."""
    done = subprocess.run(  # noqa: S603  (our own interpreter and module)
        [sys.executable, "-m", "nlu.train", str(project), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise TrainingFailed(done.stderr.strip()[-2000:])
