"""What a language model may draw from: the company's documents and the answers of FAQ entries, kept up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from nlu.llm.documents import Passage, Shelf, Stamp, read_documents, stamp_of
from nlu.project import Project

LOOK_SECONDS = 5.0  # so seldom the folder is looked at
FAQ = "FAQ"  # in place of a document's name

log = structlog.get_logger()


class Shelving:
    """Keeps one shelf; it is built anew where documents or entries have changed."""

    def __init__(self, folder: Path | None, project: Callable[[], Project]) -> None:
        self._folder = folder
        self._project = project
        self._building = threading.Lock()
        self._shelf = Shelf()
        self._seen: tuple[Stamp, Project] | None = None
        self._looked = float("-inf")

    @property
    def ready(self) -> Shelf:
        """The shelf as it stands, without looking at anything: for who cannot wait."""
        return self._shelf

    def look(self) -> Shelf:
        """The shelf as it should be now. Building it takes up to some seconds."""
        with self._building:
            project = self._project()
            stale = self._seen is None or self._seen[1] is not project
            if not stale and time.monotonic() - self._looked < LOOK_SECONDS:
                return self._shelf
            self._looked = time.monotonic()
            try:
                self._build(project)
            except OSError as error:
                # They are being replaced, perhaps: the next look finds them.
                log.warning("documents.unread", why=error.strerror)
            return self._shelf

    def _build(self, project: Project) -> None:
        stamp = stamp_of(self._folder) if self._folder else ()
        if self._seen is None or self._seen[0] != stamp or self._seen[1] is not project:
            documents = read_documents(self._folder) if self._folder else []
            self._shelf = Shelf.of([*documents, *_answers(project)])
            self._seen = stamp, project
            log.info("documents.read", documents=len(stamp), passages=len(self._shelf.passages))


def title_of(project: Project, name: str) -> str:
    """Under which title an entry or intent is offered to customers; else its name."""
    titles = [one.text for one in project.domain.responses.get(f"utter_label/{name}", ()) if one.text]
    return titles[0] if titles else name.rpartition("/")[2]


def _answers(project: Project) -> Iterator[Passage]:
    """Every wording of an entry that is the same whatever the customer's slots hold."""
    for entry, name in project.entry_responses().items():
        for variation in project.domain.responses[name]:
            if variation.text and "{" not in variation.text:
                yield Passage(FAQ, title_of(project, entry), variation.text)
