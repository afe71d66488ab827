"""Files are read in a process of their own: what they do, they do to that one, and not for long."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time

import pytest

from nlu.documents import child
from nlu.documents.faults import MOST_UNPACKED, Unreadable
from parley.reading import ENDED, Reader
from tests.nlu.office_files import docx, p, packed
from tests.nlu.pdf_file import Pdf

FILE = Pdf([["商品签收后7天内可以退货。"], [], ["Open daily."]]).write()


def test_a_file_is_read_as_it_would_be_here() -> None:
    found = Reader().read("手册 \udc80.pdf", FILE)
    assert [(one.document, one.title, one.page) for one in found.passages] == [
        ("手册 \udc80.pdf", "手册 ", 1),
        ("手册 \udc80.pdf", "手册 ", 3),
    ]
    assert found.pages == 3


def test_broken_pdfs_are_read_or_refused_and_nothing_else() -> None:
    reader, chance = Reader(), random.Random(7)
    for _ in range(12):
        data = bytearray(FILE)
        for _ in range(20):
            data[chance.randrange(9, len(data))] = chance.randrange(256)
        try:
            assert reader.read("a.pdf", bytes(data)).passages
        except Unreadable as error:
            assert error.fault in ("broken", "no_text", "letters", "encrypted")  # noqa: PT017


def test_who_takes_too_long_is_stopped() -> None:
    began = time.monotonic()
    with pytest.raises(Unreadable, match="too_slow"):
        Reader(deadline=0.01).read("a.docx", docx(*(p("七天内可以退货。") for _ in range(5000))))
    assert time.monotonic() - began < 10


def test_a_process_that_reads_may_not_take_all_memory() -> None:
    """Asked of the process itself: it gives up where its memory ends, and says so."""
    asked = (
        "import sys, nlu.documents.child as child\n"
        "child.read = lambda *_: bytearray(2 * child.MOST_MEMORY)\n"
        "sys.exit(child.main())"
    )
    told = subprocess.run([sys.executable, "-c", asked], input=b'"a.txt"\nx', capture_output=True)
    assert json.loads(told.stdout) == {"fault": "unpacked"}
    assert child.MOST_MEMORY <= 1024**3


def test_a_process_that_reads_has_only_so_much_of_the_processor() -> None:
    asked = (
        "import sys, nlu.documents.child as child\n"
        "child.SECONDS = 1\n"
        "child.read = lambda *_: all(True for _ in iter(int, 1))\n"
        "sys.exit(child.main())"
    )
    told = subprocess.run([sys.executable, "-c", asked], input=b'"a.txt"\nx', capture_output=True)
    assert ENDED[-told.returncode] == "too_slow"


def test_what_waits_when_the_house_closes_is_let_go() -> None:
    reader = Reader()
    faults: list[str] = []
    slow = docx(*(p("七天内可以退货。" * 5) for _ in range(20_000)))

    def read() -> None:
        try:
            reader.read("a.docx", slow)
        except Unreadable as error:
            faults.append(error.fault)

    thread = threading.Thread(target=read)
    thread.start()
    while not reader.running and thread.is_alive():
        time.sleep(0.005)
    reader.stop()
    thread.join(10)
    assert faults == ["busy"]
    assert not reader.running


def test_where_no_process_can_be_begun_it_is_said_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", full)
    with pytest.raises(Unreadable, match="busy"):
        Reader().read("a.pdf", FILE)


def test_what_unpacks_without_end_harms_nobody() -> None:
    for body in (b"<a>" * 1_000_000, b"<a>" + b" " * (MOST_UNPACKED + 1)):
        with pytest.raises(Unreadable, match="unpacked"):
            Reader().read("a.docx", packed({"word/document.xml": body}))


def test_serving_does_not_load_what_reads_files() -> None:
    asked = "import sys, parley.house, parley.app; print([m for m in sys.modules if m.startswith('pypdf')])"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr
