"""The API as one application: its nouns, its errors, its documentation."""

from __future__ import annotations

from threading import Lock
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts

from console.api import (
    audit,
    campaigns,
    conversations,
    customers,
    docs,
    edits,
    events,
    faqs,
    followups,
    messages,
    parked,
    problems,
    segments,
)
from console.host import Host
from console.limits import BodyLimit

PREFIX = "/api"
LARGEST_BODY = 1024 * 1024  # bytes

NOUNS = (
    customers,
    edits,
    conversations,
    messages,
    events,
    followups,
    faqs,
    segments,
    campaigns,
    parked,
    audit,
)
_ABOUT = """Customers, conversations and messages of Parley for programs.

Send a token with every request: `Authorization: Bearer TOKEN`. Lists come in pages: send `next_cursor`
back as `cursor` until it is null. Times are ISO 8601 in UTC. Errors are problem documents (RFC 9457).
"""
_NOUNS = [
    {"name": "customers", "description": "Who writes to us, what is known of them, and their own data."},
    {
        "name": "conversations",
        "description": "What is said on one address between opening and closing, and who has the floor.",
    },
    {"name": "messages", "description": "Every word in either direction, with what became of it."},
    {"name": "events", "description": "What other systems know of customers: orders, visits and the like."},
    {"name": "followups", "description": "A word to one customer at its time, or a task for an agent."},
    {"name": "faqs", "description": "What customers ask, in several phrasings, and what they are told."},
    {"name": "segments", "description": "Descriptions of customers, and the tags that they carry."},
    {"name": "campaigns", "description": "A message for many: tried, launched, watched, stopped."},
    {"name": "parked", "description": "Messages that the bot failed to answer, for operators."},
    {"name": "audit", "description": "Who changed what, and when."},
]


class Api(FastAPI):
    """The application, with the shapes that only errors have in its OpenAPI document."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self._writing = Lock()

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, written when first asked for: a third of a second."""
        with self._writing:
            document = super().openapi()
            document["components"]["schemas"].update(problems.schemas())
            return document


def create_api(host: Host) -> FastAPI:
    """The application for `/api/v1/…`, `/api/openapi.json` and `/api/docs`; it takes whole paths."""
    api = Api(
        title="Parley",
        version="1",
        summary="The API for programs.",
        description=_ABOUT,
        openapi_url=None,  # It would be written on the event loop: `docs` serves it.
        docs_url=None,
        redoc_url=None,
        openapi_tags=_NOUNS,
        redirect_slashes=False,
        strict_content_type=False,
    )
    api.state.host = host
    api.add_middleware(BodyLimit, largest=LARGEST_BODY, refuse=problems.problem)
    problems.install(api)
    version_1 = APIRouter(prefix=f"{PREFIX}/v1")
    for noun in NOUNS:
        version_1.include_router(noun.router)
    api.include_router(version_1)
    docs.install(api, PREFIX)
    # Routes are built when first looked at. Looking now shows a mistake at start, not to a caller, and
    # keeps the first requests of several applications in one process out of each other's way.
    for _ in iter_route_contexts(api.routes):
        pass
    return api
