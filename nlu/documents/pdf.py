"""PDF as sections, one a page, with the document's own outline for titles."""

from __future__ import annotations

import logging
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from io import BytesIO
from unicodedata import category

from pypdf import PageObject, PdfReader

from nlu.documents.faults import MOST_PAGES, Unreadable
from nlu.documents.lines import flowing, plain
from nlu.documents.outline import FAULTY, Title, outline_of
from nlu.documents.passages import Section

_HEAD = 1024  # bytes, within which a file says that it is a PDF
# Names of encodings that say nothing of letters, or that pypdf does not know.
_SILENT = ("/Identity-", "/KSC", "/HKscs-", "/CNS", "/GBT", "/HKdl", "/HKgccs", "/HKm")
_NO_LETTERS = frozenset({"Co", "Cn", "Cc", "Cs"})  # what no text is made of, by Unicode's categories
_MOST_STRANGE = 0.2  # of a page's characters
_PAGE_WORDS = 10  # letters at most beside a page's number, as in "Page 3 of 12"
_SEEN_OFTEN = 4  # pages, from which on what stands on most of them is no text of any


def pages(data: bytes) -> Iterator[Section]:
    """The text of each page that has one. Unreadable: why there is none."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # It tells of a file's words.
    reader = _opened(data)
    read: list[list[str]] = []
    letters = True
    for page in reader.pages:
        said, known = _said(page)
        letters = letters and known
        read.append(said)
    if not any(line for said in read for line in said):
        raise Unreadable("no_text" if letters else "letters")
    common = _common(read)
    outline = outline_of(reader)
    path = ""
    for number, said in enumerate(read):
        lines = [line for line in said if _shape(line) not in common]
        for title, body in _below(path, outline.get(number, ()), lines):
            yield Section(title, flowing(body), number + 1)
            path = title


def _below(path: str, titles: Sequence[Title], said: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """The lines of a page by the titles that they stand below, of which `path` is that of the page before.

    A title of the outline that no line is: the page belongs to the first of them.
    """
    waiting = deque(titles)
    body: list[str] = []
    for line in said:
        if waiting and plain(line) == waiting[0].said:
            yield path, body
            path, body = waiting.popleft().path, []
        else:
            body.append(line)
    if len(waiting) == len(titles) > 0:
        path = titles[0].path
    yield path, body
    if waiting:
        yield waiting[-1].path, []


def _opened(data: bytes) -> PdfReader:
    if b"%PDF-" not in data[:_HEAD]:
        raise Unreadable("not_its_kind")
    try:
        reader = PdfReader(BytesIO(data))
        # One whose password is for printing or changing alone opens without.
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("encrypted")
        count = len(reader.pages)
    except FAULTY as error:
        raise Unreadable("broken") from error
    if count > MOST_PAGES:
        raise Unreadable("too_many_pages")
    return reader


def _said(page: PageObject) -> tuple[list[str], bool]:
    """The lines of a page, and whether its fonts say which letters they draw."""
    try:
        text = page.extract_text() if _tells_letters(page) else "\0"
    except FAULTY:
        return [], True
    strange = sum(category(character) in _NO_LETTERS for character in text if not character.isspace())
    if strange > _MOST_STRANGE * len(text):
        return [], False
    return [line.strip() for line in text.splitlines()], True


def _tells_letters(page: PageObject) -> bool:
    """Not where every font draws by numbers of its own, without a table of what they mean."""
    resources = page.get("/Resources")
    fonts = resources.get_object().get("/Font") if resources is not None else None
    if fonts is None or not (listed := [one.get_object() for one in fonts.get_object().values()]):
        return True
    return not all(
        font.get("/Subtype") == "/Type0"
        and str(font.get("/Encoding")).startswith(_SILENT)
        and "/ToUnicode" not in font
        for font in listed
    )


def _common(read: Sequence[Sequence[str]]) -> frozenset[str]:
    """What stands at the top or bottom of most pages: their headers and footers."""
    if len(read) < _SEEN_OFTEN:
        return frozenset()
    seen = Counter(shape for said in read for shape in {_shape(line) for line in (*said[:2], *said[-2:])})
    return frozenset(shape for shape, count in seen.items() if shape and count > len(read) / 2)


def _shape(line: str) -> str:
    """A line as it is on every page: a page's number counts for any."""
    bare = re.sub(r"[\d\s]+", "", line)
    return f"#{bare}" if line and len(bare) <= _PAGE_WORDS else line
