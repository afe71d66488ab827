"""The bot as a picture: its rules, stories and forms as a graph, each node with what is behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response

from console.layered import Picture, Sizes, lay_out
from console.routing import Routes
from console.story_views import KINDS, Book, Shown, Wanted
from console.visits import Visit
from crm_store.messages import NotFound

HERE = "/console/stories"
LONGEST_NAME, LONGEST_SUB = 22.0, 27.0  # in Latin letters
LONGEST_WORDS = 100  # characters of a search
MOST_WRITTEN = 600  # characters of a node that the page's own search looks at
SIZES = Sizes()
routes = Routes()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A node in its place."""

    id: int
    kind: str
    begins: str
    x: int
    y: int
    name: str
    sub: str
    title: str  # all of it, for a hint and for screen readers
    written: str  # what the page's search looks at
    to: Sequence[int]  # nodes behind it
    is_found: bool
    is_marked: bool
    beyond: int


@routes.page(HERE, right="stories")
def show_stories(visit: Visit) -> Response:
    """The graph, narrowed by the address; with `node` the details of that one."""
    if visit.host.stories is None:
        raise NotFound("there is no bot here whose stories could be drawn")
    book, wanted = Book(visit.host.stories()), wanted_of(visit)
    shown = book.show(wanted)
    picture = lay_out(shown.nodes, shown.edges, SIZES)
    chosen = _chosen(visit, book)
    return visit.draw(
        "stories/stories.html",
        book=book,
        wanted=wanted,
        shown=shown,
        picture=picture,
        drawn=[_drawn(visit, book, shown, picture, node) for node in shown.nodes],
        sizes=SIZES,
        kinds=KINDS,
        here=_address,
        chosen=chosen,
        **_details(visit, book, chosen),
    )


@routes.page(HERE + "/node", right="stories")
def show_node(visit: Visit) -> Response:
    """The details of a node, for the page's script."""
    if visit.host.stories is None:
        raise NotFound("there is no bot here whose stories could be drawn")
    book = Book(visit.host.stories())
    chosen = _chosen(visit, book)
    if chosen is None:
        raise NotFound("there is no such node")
    values = {"chosen": chosen, "book": book, "here": _address, **_details(visit, book, chosen)}
    return HTMLResponse(visit.part("stories/node.html", **values))


def wanted_of(visit: Visit) -> Wanted:
    """What the address asks for."""
    at = visit.query.get("at", "")
    return Wanted(
        kind=visit.query.get("kind", ""),
        story=visit.query.get("story", ""),
        words=visit.query.get("q", "").strip()[:LONGEST_WORDS],
        at=int(at) if at.isdecimal() and len(at) < 9 else -1,
    )


def _address(wanted: Wanted | None = None, **values: Any) -> str:
    """The page that shows this."""
    asked = {"kind": wanted.kind, "story": wanted.story, "q": wanted.words} if wanted else {}
    if wanted and wanted.at >= 0:
        asked["at"] = str(wanted.at)
    told = {name: value for name, value in {**asked, **values}.items() if value not in ("", None)}
    return f"{HERE}?{urlencode(told)}" if told else HERE


def _chosen(visit: Visit, book: Book) -> Mapping[str, Any] | None:
    asked = visit.query.get("node", "")
    known = asked.isdecimal() and len(asked) < 9 and int(asked) < len(book.nodes)
    return book.nodes[int(asked)] if known else None


def _details(visit: Visit, book: Book, node: Mapping[str, Any] | None) -> dict[str, Any]:
    if node is None:
        return {"notes": [], "findings": [], "twins": [], "told": []}
    return {
        "notes": [_note(visit, note) for note in node["notes"]],
        "findings": [book.findings[number] for number in book.marks.get(node["id"], ())],
        "twins": book.twins(node),
        "told": [book.stories[one] for one in node["stories"]],
    }


def _drawn(visit: Visit, book: Book, shown: Shown, picture: Picture, id_: int) -> Drawn:
    node = book.nodes[id_]
    (x, y), name = picture.places[id_], " / ".join(node["names"])
    notes, sub = _conditions(visit, node), _sub(visit, book, node)
    kind = visit.word(f"stories.kind_{node['kind']}")
    marked = visit.word("stories.has_problem") if id_ in book.marks else ""
    return Drawn(
        id=id_,
        kind=node["kind"],
        begins=node["begins"],
        x=x,
        y=y,
        name=shortened(f"↩ {name}" if node["kind"] == "back" else name, LONGEST_NAME),
        sub=shortened(notes or sub, LONGEST_SUB),
        title=" · ".join(part for part in (f"{kind}: {name}", notes, sub, marked) if part),
        written=book.written(node)[:MOST_WRITTEN],
        to=[end for end in book.after[id_] if end in picture.places],
        is_found=id_ in shown.found,
        is_marked=id_ in book.marks,
        beyond=shown.beyond.get(id_, 0),
    )


def _conditions(visit: Visit, node: Mapping[str, Any]) -> str:
    """What has to hold before a node, in words."""
    notes = [_note(visit, note) for note in node["notes"] if node["kind"] != "question"]
    return ", ".join([*notes, *(visit.word("stories.with_entity", name=name) for name in node["entities"])])


def _note(visit: Visit, note: str) -> str:
    if note == "^":
        return visit.word("stories.at_start")
    if note == "-form":
        return visit.word("stories.form_over")
    return visit.word("stories.inside", name=note[1:]) if note.startswith("+") else note


def _sub(visit: Visit, book: Book, node: Mapping[str, Any]) -> str:
    """What stands below the name: of an intent how often it was taught, of a response its words."""
    known = book.named(node)
    if node["kind"] == "question":
        asked = ", ".join(node["notes"])
        return " · ".join(part for part in (asked, _words_of(visit, known)) if part)
    if node["kind"] == "intent":
        count = sum(about.get("examples", 0) for about in known)
        return visit.word("stories.examples", count=count) if count else ""
    if node["kind"] == "form":
        return ", ".join(slot for about in known for slot in about.get("slots", ()))
    return _words_of(visit, known)


def _words_of(visit: Visit, known: Sequence[Mapping[str, Any]]) -> str:
    ways = [way for about in known for way in about.get("texts", ()) if way["text"]]
    own = [way for way in ways if way["language"] in (visit.language, "")]
    return str((own or ways)[0]["text"]).replace("\n", " ") if ways else ""


def shortened(text: str, most: float) -> str:
    """As much of a text as so many Latin letters are wide; what is cut off shows as "…"."""
    width = 0.0
    for place, letter in enumerate(text):
        width += 1.9 if east_asian_width(letter) in "WF" else 1.0
        if width > most:
            return f"{text[: max(place - 1, 1)].rstrip()}…"
    return text
