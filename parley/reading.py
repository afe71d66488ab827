"""Files are read in a process of their own, with a deadline: whatever they do to it, they do it there."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import structlog

from nlu.documents.faults import Fault, Unreadable
from nlu.documents.passages import Passage
from nlu.documents.read import Reading, check, ending_of

AT_ONCE = 2  # files that are read in one process of the house
LONGEST_QUEUE = 60.0  # seconds that one more waits for its turn
DEADLINE = 120.0  # seconds for a file

ENDED: dict[int, Fault] = {signal.SIGXCPU: "too_slow"}  # by the signal: see `nlu/documents/child.py`

log = structlog.get_logger()


class Reader:
    """Reads files. Calls block for some seconds: for worker threads, outside of any transaction."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self._deadline = deadline
        self._free = threading.BoundedSemaphore(AT_ONCE)
        self.running: set[subprocess.Popen[bytes]] = set()
        self._stopped = threading.Event()

    def read(self, name: str, data: bytes) -> Reading:
        """The document in a file; Unreadable if it is none."""
        check(name, data)
        if not self._free.acquire(timeout=LONGEST_QUEUE):
            raise Unreadable("busy")
        try:
            return self._read(name, data)
        except Unreadable as error:
            # Not its name, which may tell of people.
            log.info("document.refused", fault=error.fault, kind=ending_of(name), bytes=len(data))
            raise
        finally:
            self._free.release()

    def stop(self) -> None:
        """End what is being read, and read no more."""
        self._stopped.set()
        for process in list(self.running):
            process.kill()

    def _read(self, name: str, data: bytes) -> Reading:
        if self._stopped.is_set():
            raise Unreadable("busy")
        command = [sys.executable, "-m", "nlu.documents.child"]
        pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
        try:
            begun = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere)  # noqa: S603
        except OSError:  # There is no room for one more process.
            raise Unreadable("busy") from None
        with begun as process:
            self.running.add(process)
            try:
                if self._stopped.is_set():
                    process.kill()
                told, _ = process.communicate(json.dumps(name).encode() + b"\n" + data, self._deadline)
            except subprocess.TimeoutExpired:
                raise Unreadable("too_slow") from None
            finally:
                process.kill()
                self.running.discard(process)
        if process.returncode:
            raise Unreadable("busy" if self._stopped.is_set() else ENDED.get(-process.returncode, "broken"))
        found = json.loads(told)
        if fault := found.get("fault"):
            raise Unreadable(fault)
        passages = [Passage(name, title, text, page) for title, text, page in found["passages"]]
        return Reading(tuple(passages), found["pages"])
