"""The console as one application: its pages, its files, its errors."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from console import (
    campaign_results,
    campaigns,
    conversations,
    customer_data,
    customers,
    documents,
    faq,
    faq_import,
    faq_taught,
    faq_unanswered,
    followups,
    inbox,
    parked,
    people,
    problems,
    quick_replies,
    retelling,
    segments,
    signin,
    stories,
    versions,
)
from console.drawing import static
from console.host import Host
from console.limits import BodyLimit
from console.live import Live

PREFIX = "/console"
NOUNS = (
    signin,
    inbox,
    conversations,
    retelling,
    customers,
    customer_data,
    followups,
    faq,
    faq_import,
    faq_taught,
    faq_unanswered,
    documents,
    stories,
    versions,
    quick_replies,
    parked,
    people,
    segments,
    campaigns,
    campaign_results,
)
OF_FORMS = 1024 * 1024  # bytes of a form besides its file


def create_console(host: Host) -> Starlette:
    """The application for `/console/…`; it takes whole paths."""
    live = Live(host)
    routes = [noun for module in NOUNS for noun in module.routes]
    console = Starlette(
        routes=[*static.routes(), Route("/console/live", live.answer, methods=["GET"]), *routes]
    )
    console.state.host = host
    console.state.live = live
    largest = (host.media.max_bytes if host.media else 0) + OF_FORMS
    larger = {documents.HERE: documents.LARGEST_FORM + OF_FORMS}
    console.add_middleware(BodyLimit, largest=largest, refuse=problems.problem, larger=larger)
    problems.install(console)
    return console
