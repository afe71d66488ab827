"""Unanswered questions that ask for the same are put together, in a process of its own: it needs scipy."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

import structlog

from crm_store import unanswered
from crm_store.db import Database

LEAST_SECONDS = 20.0  # between two times
_REST = 20  # times as long as it took, so that it never takes more than a twentieth of a core
_PIECE = 500  # questions written in one transaction

log = structlog.get_logger()


class Clusterer:
    """Puts together what came since the last time with what was there."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._not_before = 0.0  # by the monotonic clock
        self._process: subprocess.Popen[str] | None = None
        self._stopping = False

    def is_due(self) -> bool:
        """Whether there is anything to put together, and the time for it."""
        if monotonic() < self._not_before:
            return False
        with self._database.reading() as session:
            return unanswered.has_unclustered(session, self._now())

    def work(self) -> None:
        """Put all open questions together anew, unless another process does."""
        begun = monotonic()
        with self._database.alone("clustering") as alone:
            if alone:
                with self._database.reading() as session:
                    asked = unanswered.questions(session, self._now() + timedelta(seconds=1))
                numbers = self._numbers(asked[: unanswered.MOST_CLUSTERED])
                if numbers is not None:
                    self._write(asked, numbers)
        self._not_before = monotonic() + max(LEAST_SECONDS, _REST * (monotonic() - begun))

    def stop(self) -> None:
        """End what is under way; it is done anew when the house opens again."""
        self._stopping = True
        if self._process is not None:
            self._process.kill()

    def _numbers(self, asked: list[tuple[str, str, int]]) -> list[int] | None:
        """As `nlu.clusters.cluster`; None if that has failed, so that what stands together stays so."""
        with subprocess.Popen(
            [sys.executable, "-m", "nlu.clusters"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            self._process = process
            if self._stopping:
                process.kill()
            told, _ = process.communicate(json.dumps([[text, count] for _, text, count in asked]))
            self._process = None
        if process.returncode:
            if not self._stopping:
                log.error("clustering.failed", code=process.returncode)
            return None
        found: list[int] = json.loads(told)
        return found

    def _write(self, asked: list[tuple[str, str, int]], numbers: list[int]) -> None:
        numbers = [*numbers, *range(len(numbers), len(asked))]
        clusters = {
            own: _named(asked[number][0]) for (own, _, _), number in zip(asked, numbers, strict=True)
        }
        keys = list(clusters)
        for part in (keys[i : i + _PIECE] for i in range(0, len(keys), _PIECE)):
            with self._database.writing() as session:
                unanswered.note_clusters(session, {one: clusters[one] for one in part})
        log.info("questions.clustered", questions=len(asked), clusters=len(set(clusters.values())))


def _named(key: str) -> str:
    """A name that tells nothing of the words: a question may stay when another of its cluster is erased."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
