"""The console as one application: its pages, its files, its errors."""

from __future__ import annotations

from starlette.applications import Starlette

from console import problems, signin
from console.drawing import static
from console.host import Host
from console.limits import BodyLimit

PREFIX = "/console"
OF_FORMS = 1024 * 1024  # bytes of a form besides its file


def create_console(host: Host) -> Starlette:
    """The application for `/console/…`; it takes whole paths."""
    console = Starlette(routes=[*static.routes(), *signin.routes])
    console.state.host = host
    largest = (host.media.max_bytes if host.media else 0) + OF_FORMS
    console.add_middleware(BodyLimit, largest=largest, refuse=problems.problem)
    problems.install(console)
    return console
