"""Training while the house serves: a row that waits is worked off by one process, in a process of its own.

The gate judges what was trained. What passes it goes live in every process; what does not is kept with the
reasons, and what was live stays live.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from crm_store import trainings
from crm_store.db import Database
from crm_store.faq import own_phrasings
from crm_store.taught import taught_texts
from nlu.model import Model
from parley.training import TrainingFailed, model_path

Phrasings = dict[str, list[str]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Order:
    training_id: UUID
    phrasings: Phrasings
    before: Phrasings


class Trainer:
    """Works off trainings, one after the other."""

    def __init__(
        self,
        database: Database,
        project: Path,
        models: Path,
        live: Callable[[], Model],
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._project = project
        self._models = models
        self._live = live  # the model that answers now, in this process
        self._now = now
        self._process: subprocess.Popen[str] | None = None
        self._stopping = False

    def work(self) -> UUID | None:
        """Train what waits, unless another process does; the training that went live, if one did."""
        with self._database.alone("training") as alone:
            order = self._begin() if alone else None
            if order is None:
                return None
            log.info("training.started", training_id=str(order.training_id))
            try:
                verdict = self._train(order)
            except TrainingFailed as error:
                self._failed(order, error)
                return None
            return self._judged(order, verdict)

    def stop(self) -> None:
        """End what is being trained; its row says so still, and who comes next trains it again."""
        self._stopping = True
        if self._process is not None:
            self._process.kill()

    def _begin(self) -> _Order | None:
        with self._database.writing() as session:
            training = trainings.start(session, self._now())
            if training is None:
                return None
            knowledge = trainings.get_knowledge(session)
            live = knowledge.training_id
            before = (trainings.find_taught(session, live) if live else None) or {}
            phrasings = {**own_phrasings(session), **taught_texts(session)}
            if phrasings == before:  # An edit was taken back before it was learned.
                trainings.skip(session, training, knowledge.version)
                return None
            training.version = knowledge.version
            return _Order(training.id, phrasings, before)

    def _train(self, order: _Order) -> Mapping[str, Any]:
        with tempfile.TemporaryDirectory(prefix="parley-") as folder:
            out, asked = Path(folder) / "model.model", Path(folder) / "order.json"
            live = self._live()
            kept = model_path(self._models, live.fingerprint)
            if not kept.exists():
                live.save(kept)
            before = {"phrasings": order.before, "model": str(kept)}
            asked.write_text(json.dumps({"phrasings": order.phrasings, "before": before}), encoding="utf-8")
            verdict = self._run([str(self._project), str(out), str(asked)], order.training_id)
            self._keep(order, out)
        return verdict

    def _run(self, arguments: list[str], training_id: UUID) -> Mapping[str, Any]:
        """Run the training; what it tells on the way is noted, what it tells last is the gate's verdict."""
        verdict: Mapping[str, Any] | None = None
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(  # noqa: S603  (our own module)
                [sys.executable, "-m", "nlu.train", *arguments],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            self._process = process
            if self._stopping:
                process.kill()
            assert process.stdout is not None
            for line in process.stdout:
                note = json.loads(line)
                verdict = note.get("verdict", verdict)
                if "progress" in note:
                    with self._database.writing() as session:
                        trainings.note_progress(session, training_id, float(note["progress"]))
            code = process.wait()
            self._process = None
            errors.seek(0)
            said = errors.read().strip()[-2000:]
        if code or verdict is None:
            raise TrainingFailed(said or f"the training ended with {code}")
        return verdict

    def _keep(self, order: _Order, out: Path) -> None:
        model = Model.load(out)
        path = model_path(self._models, model.fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        for kind in (".model", ".held.json"):
            if out.with_suffix(kind).exists():
                part = path.with_name(f".{order.training_id}{kind}")
                part.write_bytes(out.with_suffix(kind).read_bytes())
                part.replace(path.with_suffix(kind))
        with self._database.writing() as session:
            training = trainings.get_training(session, order.training_id)
            training.fingerprint = model.fingerprint
            stale = trainings.keep_model(
                session, training, order.phrasings, zlib.compress(out.read_bytes())
            )
        for fingerprint in stale - {model.fingerprint, self._live().fingerprint}:
            for kind in (".model", ".held.json"):
                model_path(self._models, fingerprint).with_suffix(kind).unlink(missing_ok=True)

    def _failed(self, order: _Order, error: TrainingFailed) -> None:
        if self._stopping:
            return
        log.error("training.failed", training_id=str(order.training_id))
        with self._database.writing() as session:
            trainings.fail(session, order.training_id, str(error), self._now())

    def _judged(self, order: _Order, verdict: Mapping[str, Any]) -> UUID | None:
        refused = bool(verdict["reasons"])
        with self._database.writing() as session:
            if refused:
                trainings.refuse(session, order.training_id, verdict, self._now())
            else:
                trainings.go_live(session, order.training_id, verdict, self._now())
        event = "training.refused" if refused else "training.went_live"
        log.info(event, training_id=str(order.training_id), reasons=verdict["reasons"])
        return None if refused else order.training_id
