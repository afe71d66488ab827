"""The folder of documents that the settings name: its files, read again when they change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import structlog

from crm_store.messages import clean
from nlu.documents.faults import LARGEST, Fault, Unreadable
from nlu.documents.passages import Passage
from nlu.documents.read import PLAIN, Reading, ending_of, read

# Files by their path within the folder, with time and size. The time is that of their rights, too.
Stamp = tuple[tuple[str, int, int], ...]
PATIENCE = 10.0  # seconds of reading, after which those that are there already are enough
_PASSING: frozenset[Fault] = frozenset({"busy"})  # faults that say nothing of the file

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class File:
    """A file of the folder, and what was read of it, if it was."""

    name: str  # its path within the folder
    bytes: int
    changed_at: datetime
    reading: Reading | Fault | None


class Folder:
    """Reads each file once, as long as it does not change. Threads share it."""

    def __init__(self, path: Path | None, apart: Callable[[str, bytes], Reading]) -> None:
        """`apart`: reads in a process of its own what this one should not."""
        self._path = path
        self._apart = apart
        self._known: dict[str, tuple[tuple[int, int], Reading | Fault]] = {}
        self._reading = threading.Lock()
        self.waits = False  # whether a file could not be read for now, when the passages were last

    @property
    def path(self) -> Path | None:
        """Where it is; None if the settings name none."""
        return self._path

    def stamp(self) -> Stamp:
        """What tells whether anything has changed. OSError while files are being replaced."""
        if self._path is None or not self._path.is_dir():
            return ()
        found = []
        for file in sorted(self._path.rglob("*")):
            name = file.relative_to(self._path)
            if _is_document(name) and self._is_open_to_us(file):
                state = file.stat()
                found.append((str(name), max(state.st_mtime_ns, state.st_ctime_ns), state.st_size))
        return tuple(found)

    def files(self) -> list[File]:
        """All files, with what is known of them already."""
        found = []
        for name, changed, size in self.stamp():
            at = datetime.fromtimestamp(changed / 1e9, UTC)
            found.append(File(name, size, at, self._seen(name, (changed, size))))
        return found

    def read(self, name: str) -> File | None:
        """One file, read; None if there is none of this name."""
        for one, changed, size in self.stamp():
            if one == name:
                reading = self._read(name, (changed, size))
                return File(name, size, datetime.fromtimestamp(changed / 1e9, UTC), reading)
        return None

    def passages(self, stamp: Stamp) -> Iterator[Passage]:
        """Of all files that can be read, as they were at `stamp`; what takes long waits for the next time.

        So what was deleted does not stay for as long as a folder of handbooks takes to be read.
        """
        until, unread, read = monotonic() + PATIENCE, 0, False
        self.waits = False
        kept = {name for name, _, _ in stamp}
        with self._reading:
            self._known = {name: known for name, known in self._known.items() if name in kept}
        for name, changed, size in stamp:
            reading = self._seen(name, (changed, size))
            if reading is None:
                if read and monotonic() >= until:
                    self.waits = True
                    continue
                reading, read = self._read(name, (changed, size)), True
            if isinstance(reading, Reading):
                yield from reading.passages
            elif reading in _PASSING:
                self.waits = True
            else:
                unread += 1
        if unread and not self.waits:
            log.warning("documents.unread", files=unread)  # Which ones, and why, the console's page says.

    def _seen(self, name: str, seen: tuple[int, int]) -> Reading | Fault | None:
        """What is known of a file as it is now."""
        at, reading = self._known.get(name, ((0, 0), None))
        return reading if at == seen else None

    def _read(self, name: str, seen: tuple[int, int]) -> Reading | Fault:
        # Whoever looks at what is known does not wait for others that are read.
        if known := self._seen(name, seen):
            return known
        with self._reading:
            if known := self._seen(name, seen):
                return known
            reading = self._anew(name)
            if reading not in _PASSING:
                self._known[name] = seen, reading
            return reading

    def _is_open_to_us(self, file: Path) -> bool:
        """Not a link out of the folder, either: who may write here may not read there by it."""
        assert self._path
        try:
            if not file.is_file():
                return False
        except PermissionError:  # Its directory is closed.
            return False
        return not file.is_symlink() or file.resolve().is_relative_to(self._path.resolve())

    def _anew(self, name: str) -> Reading | Fault:
        assert self._path
        try:
            with (self._path / name).open("rb") as opened:
                data = opened.read(LARGEST + 1)
        except PermissionError:
            return "closed"
        try:
            return read(name, data) if ending_of(name) in PLAIN else self._apart(name, data)
        except Unreadable as error:
            return error.fault


def _is_document(name: Path) -> bool:
    """Not what programs hide or lock files with; nor what no page can show: a name that is no text."""
    hidden = any(part.startswith((".", "~$")) for part in name.parts)
    return bool(ending_of(name.name)) and not hidden and str(name) == clean(str(name))
