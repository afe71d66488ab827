"""What a language model may draw from: the company's documents and the answers of FAQ entries, kept up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

import structlog
from sqlalchemy.exc import SQLAlchemyError

from nlu.documents.passages import Passage
from nlu.llm.shelf import MOST_PASSAGES, Shelf
from nlu.project import Project
from parley.library import Library, Stamp

LOOK_SECONDS = 5.0  # so seldom the documents are looked at
FAQ = "FAQ"  # in place of a document's name

log = structlog.get_logger()


class Shelving:
    """Keeps one shelf; it is built anew where documents or entries have changed."""

    def __init__(self, library: Library, project: Callable[[], Project]) -> None:
        self._library = library
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
        """The shelf as it should be now. Building it takes up to some seconds.

        While another thread builds, the one from before serves, if there was one.
        """
        if not self._building.acquire(blocking=not self._shelf.passages):
            return self._shelf
        try:
            project = self._project()
            stale = self._seen is not None and self._seen[1] is not project
            if stale or time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._build(project)
        except OSError as error:
            # They are being replaced, perhaps: the next look finds them.
            log.warning("documents.unread", why=error.strerror)
        except SQLAlchemyError as error:
            log.warning("documents.unread", why=type(error).__name__)
        finally:
            self._building.release()
        return self._shelf

    def _build(self, project: Project) -> None:
        stamp = self._library.stamp()
        if self._seen is None or self._seen[0] != stamp or self._seen[1] is not project:
            answers = list(_answers(project))
            room = max(0, MOST_PASSAGES - len(answers))
            documents = list(islice(self._library.passages(stamp), room + 1))
            if len(documents) > room:
                log.warning("documents.left_out", most=MOST_PASSAGES)
            self._shelf = Shelf.of([*documents[:room], *answers], self._shelf)
            self._seen = None if self._library.waits else (stamp, project)
            log.info("documents.read", documents=sum(map(len, stamp)), passages=len(self._shelf.passages))


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
