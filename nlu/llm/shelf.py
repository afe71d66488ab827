"""The company's documents: read from a folder, cut into passages, and found again by what a text asks.

Markdown, plain text and HTML. What a document says is material for an answer, never an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crm_store.wording import key, normalise
from nlu.features import Vocabulary
from nlu.llm.web_page import text_of
from nlu.retrieve import Retriever

LONGEST_PASSAGE = 500  # characters: so much of a text is looked at when passages are compared
MOST_PASSAGES = 2000
LARGEST_FILE = 2 * 1024 * 1024  # bytes
ENDINGS = (".md", ".txt", ".html", ".htm")
FAINT = 0.03  # a passage this far from a text has nothing to do with it
_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*$")
_UNDERLINE = re.compile(r"(=|-)\1{2,}\s*$")
_SENTENCE_END = re.compile(r"(?<=[。！？!?；;])|(?<=\.)\s|\n")
_MARKUP = re.compile(r"[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|^\s{0,3}>\s?", re.MULTILINE)
Stamp = tuple[tuple[str, int, int], ...]  # files with their time and size


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, under the headings that it stands below."""

    document: str  # the file's path within the folder
    title: str
    text: str

    @property
    def whole(self) -> str:
        """Title and text."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Shelf:
    """Passages that can be searched."""

    passages: tuple[Passage, ...] = ()
    _vocabulary: Vocabulary | None = field(default=None, repr=False)
    _retriever: Retriever | None = field(default=None, repr=False)

    @classmethod
    def of(cls, passages: Iterable[Passage]) -> Shelf:
        """A shelf of these, each once, at most `MOST_PASSAGES`."""
        kept = tuple(dict.fromkeys(passages))[:MOST_PASSAGES]
        if not kept:
            return cls()
        texts = {str(number): [passage.whole] for number, passage in enumerate(kept)}
        said = {passage.whole: normalise(passage.whole) for passage in kept}
        vocabulary = Vocabulary.learn([said[one] for (one,) in texts.values()], list(texts))
        return cls(kept, vocabulary, Retriever.learn(texts, said, vocabulary))

    def find(self, text: str) -> list[Passage]:
        """At most five passages that have something to do with the text, the nearest first."""
        if self._vocabulary is None or self._retriever is None:
            return []
        normal = normalise(text)
        (found,) = self._retriever.answers([key(text)], self._vocabulary.rows([normal]))
        return [self.passages[int(one.entry)] for one in found if one.score > FAINT]


def stamp_of(folder: Path) -> Stamp:
    """What tells whether anything in the folder has changed."""
    found = []
    for file in _files(folder):
        state = file.stat()
        found.append((str(file), state.st_mtime_ns, state.st_size))
    return tuple(found)


def read_documents(folder: Path) -> list[Passage]:
    """The passages of all files in a folder and below; what cannot be read as text is passed over."""
    found: list[Passage] = []
    for file in _files(folder):
        name = str(file.relative_to(folder))
        with file.open("rb") as opened:
            text = opened.read(LARGEST_FILE).decode("utf-8-sig", "replace").replace("\0", "")
        found += passages_of(name, text)
        if len(found) >= MOST_PASSAGES:
            break
    return found[:MOST_PASSAGES]


def passages_of(name: str, text: str) -> list[Passage]:
    """One document, `name` telling by its ending how to read it."""
    ending = Path(name).suffix.lower()
    if ending in (".html", ".htm"):
        text = text_of(text)
    marked = ending in (".md", ".html", ".htm")
    found = []
    for title, body in _sections(text, marked):
        plain = _MARKUP.sub("", body) if ending == ".md" else body
        shown = title or Path(name).stem
        found += [Passage(name, shown, piece) for piece in _pieces(plain, LONGEST_PASSAGE - len(shown) - 1)]
    return found


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (f for f in sorted(folder.rglob("*")) if f.suffix.lower() in ENDINGS and f.is_file())


def _sections(text: str, marked: bool) -> Iterator[tuple[str, str]]:
    """Title and body of each part; titles only where headings are marked as such."""
    titles: dict[int, str] = {}
    body: list[str] = []
    for line in text.splitlines():
        heading = _HEADING.match(line) if marked else None
        below = _UNDERLINE.match(line) if marked and body and body[-1].strip() else None
        if not (heading or below):
            body.append(line)
            continue
        said = heading[2] if heading else body.pop().strip()
        depth = len(heading[1]) if heading else 1 if below and below[1] == "=" else 2
        yield _joined(titles), "\n".join(body)
        titles = {level: title for level, title in titles.items() if level < depth} | {depth: said}
        body = []
    yield _joined(titles), "\n".join(body)


def _joined(titles: dict[int, str]) -> str:
    return " › ".join(titles[level] for level in sorted(titles))[:160]


def _pieces(body: str, size: int) -> Iterator[str]:
    """Paragraphs, joined as long as they fit; one that is too long is cut between sentences."""
    piece = ""
    for part in _parts(body, size):
        if piece and len(piece) + len(part) + 1 > size:
            yield piece
            piece = ""
        piece = f"{piece}\n{part}" if piece else part
    if piece:
        yield piece


def _parts(body: str, size: int) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", body):
        said = "\n".join(line.strip() for line in paragraph.splitlines() if line.strip())
        if len(said) <= size:
            if said:
                yield said
            continue
        rest = ""
        for sentence in _SENTENCE_END.split(said):
            if rest and len(rest) + len(sentence) + 1 > size:
                yield rest
                rest = ""
            rest = f"{rest} {sentence.strip()}".strip()
            while len(rest) > size:
                yield rest[:size]
                rest = rest[size:]
        if rest:
            yield rest
