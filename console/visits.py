"""A visit: one request of somebody who is signed in, and what a page can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import pages
from console import cookies, drawing
from console.host import Host
from console.rail import stops_of
from crm_store.db import Database
from crm_store.messages import NotFound
from crm_store.parked import count_parked
from crm_store.staff import Staff

_LAST_PAGE = 100_000  # nobody turns over so many


def by_script(request: Request) -> bool:
    """Whether a script of a page asks, and not somebody who goes to a page."""
    return "x-parley" in request.headers


@dataclass(frozen=True, slots=True)
class Visit:
    """What a handler is given. It runs in a thread."""

    host: Host
    request: Request
    staff: Staff
    secret: str  # of the session
    form: FormData = field(default_factory=FormData)

    @property
    def database(self) -> Database:
        """The database."""
        return self.host.database

    @property
    def now(self) -> datetime:
        """The time, aware, UTC."""
        return self.host.now()

    @property
    def by_script(self) -> bool:
        """Whether a script of a page asks: it wants a part, and nothing is said to it."""
        return by_script(self.request)

    @property
    def actor(self) -> str:
        """Who does it, for the audit."""
        return f"staff:{self.staff.name}"

    @property
    def language(self) -> str:
        """In which to draw."""
        accepted = self.request.headers.get("accept-language", "")
        return pages.choose_language(accepted, self.staff.language)

    @property
    def csrf(self) -> str:
        """What every form carries in its hidden field `csrf`."""
        return cookies.csrf_of(self.secret)

    @property
    def query(self) -> Mapping[str, str]:
        """The address's query."""
        return self.request.query_params

    @property
    def page(self) -> int:
        """Which page of a list the address asks for, from 1."""
        return min(max(number_of(self.query.get("page", "")) or 1, 1), _LAST_PAGE)

    def id(self, name: str = "id") -> UUID:
        """An id in the path; NotFound if it is none."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound("there is nothing at this address") from None

    def text(self, name: str) -> str:
        """A text field of the form, without white space around it; empty if it is missing."""
        value = self.form.get(name, "")
        return value.replace("\r\n", "\n").strip() if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """All values of a field that occurs several times."""
        return [value for value in self.form.getlist(name) if isinstance(value, str)]

    def file(self, name: str) -> UploadFile | None:
        """An uploaded file, unless none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def word(self, key: str, **values: Any) -> str:
        """The words `topic.key`, filled in."""
        return drawing.word(self.language, key, values)

    def draw(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page; besides what all find, it finds `visit`, `staff`, `stops` and `rail_counts`."""
        # The page that is being left looks again at the deed's news; what is said is for the next one.
        said = None if self.by_script else cookies.said_before(self.request)
        told = drawing.word(self.language, *said) if said else ""
        html = self.part(template, said=told, rail_counts=self._counts(), **values)
        response = HTMLResponse(html, status, pages.security_headers())
        if said:
            cookies.forget_said(response)
        return response

    def _counts(self) -> dict[str, int]:
        """What the rail says of its places."""
        if not self.staff.may("parked"):
            return {}
        try:
            with self.database.reading() as session:
                return {"parked": count_parked(session)}
        except SQLAlchemyError:  # The page may be the one that says so.
            return {}

    def part(self, template: str, **values: Any) -> str:
        """The HTML of a template, which may be a part of a page."""
        given = {"visit": self, "staff": self.staff, "stops": stops_of(self.staff), "said": "", **values}
        return drawing.draw(self.host, template, self.language, **given)

    def go(self, path: str, said: str = "", **values: Any) -> Response:
        """On to a page of ours, which says the words `said` (`topic.key`) once."""
        response = RedirectResponse(safe_path(path), 303)
        if said:
            cookies.say_next(response, self.host, said, values)
        return response


def number_of(text: str) -> int | None:
    """The whole number in a part of an address or a form, if there is one that a database can hold."""
    return int(text) if text.isdecimal() and len(text) < 19 else None


def safe_path(path: str, otherwise: str = "/console/home") -> str:
    """The path if it leads into the console, and not to another host."""
    parts = urlsplit(path)
    ours = path.startswith("/console") and not (parts.scheme or parts.netloc) and "\\" not in path
    return path if ours and path.isprintable() else otherwise
