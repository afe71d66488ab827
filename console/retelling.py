"""A conversation as a test story: which part of it, what stands in for a person's own, whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

import pages
from console.routing import Routes
from console.visits import Visit, number_of
from crm_store import audit, conversations, customers, history, staff
from crm_store.history import Message
from crm_store.messages import NotFound
from crm_store.stand_ins import kinds_in

HERE = "/console/conversations/{id}/test-story"
MOST = 400  # messages of a conversation that are looked at
SILENCE = timedelta(hours=1)  # behind which a story is likely to begin anew
SEES_ALL = "edit_customers"  # the right to see numbers and names in full
Known = list[tuple[str, str]]
routes = Routes()


@dataclass(frozen=True, slots=True)
class Span:
    """The messages of the customer, and the first and last of them that the story tells (by `seq`)."""

    asked: Sequence[Message]
    first: int
    last: int


@routes.page(HERE, right="inbox")
def show_story(visit: Visit) -> Response:
    """The story with stand-ins."""
    return _draw(visit, visit.query, keep=False)


@routes.page(HERE + ".yml", right="inbox")
def download_story(visit: Visit) -> Response:
    """The same as a file."""
    with visit.database.reading() as session:
        messages, known = _read(session, visit.id())
    span = _span(messages, visit.query)
    told = _retold(visit, messages, span, known)
    headers = {"content-disposition": f'attachment; filename="{file_name(visit.id())}"'}
    return Response(
        told["yaml"],
        media_type="application/yaml; charset=utf-8",
        headers=pages.security_headers() | headers,
    )


@routes.deed(HERE, right="inbox")
def keep_all(visit: Visit) -> Response:
    """The story with everything that was said, this once; it is noted who has seen it."""
    if not visit.staff.may(SEES_ALL):
        raise HTTPException(403, "your role does not include this")
    with visit.database.writing() as session:
        conversation = conversations.get_conversation(session, visit.id())
        audit.note(
            session, actor=visit.actor, action="customer.revealed", noun="customer",
            noun_id=conversation.customer_id, customer_id=conversation.customer_id,
            changes={"seen": "test story"}, now=visit.now,
        )  # fmt: skip
    return _draw(visit, {"first": visit.text("first"), "last": visit.text("last")}, keep=True)


def file_name(conversation_id: UUID) -> str:
    """Under which the story is saved: Rasa knows test stories by the beginning of their file's name."""
    return f"test_conversation_{conversation_id.hex[-8:]}.yml"


def _draw(visit: Visit, wanted: Mapping[str, str], *, keep: bool) -> Response:
    with visit.database.reading() as session:
        messages, known = _read(session, visit.id())
    span = _span(messages, wanted)
    return visit.draw(
        "conversation/retelling.html",
        here=HERE.format(id=visit.id()),
        conversation_id=visit.id(),
        span=span,
        keep=keep,
        may_keep=visit.staff.may(SEES_ALL),
        file=file_name(visit.id()),
        told=_retold(visit, messages, span, None if keep else known) if span.asked else None,
    )


def _read(session: Session, conversation_id: UUID) -> tuple[list[Message], Known]:
    """The messages, oldest first, and what is known of the customer that must not be in a file."""
    conversation = conversations.get_conversation(session, conversation_id)
    customer = customers.get_customer(session, conversation.customer_id)
    rows = customers.attributes_of(session, [customer.id]).get(customer.id, [])
    known = [("name", customer.display_name), *kinds_in({row.name: row.value for row in rows})]
    # A colleague who was named in what an agent wrote is a person, too.
    known += [("name", person.display_name) for person in staff.list_staff(session) if person.display_name]
    return history.list_newest(session, conversation_id, limit=MOST), known


def _span(messages: Sequence[Message], wanted: Mapping[str, str]) -> Span:
    """What is asked for; else all since the customer was last silent for an hour."""
    asked = [message for message in messages if message.direction == "in"]
    first = next(iter(asked), None)
    for before, after in pairwise(asked):
        if after.created_at - before.created_at > SILENCE:
            first = after
    newest = messages[-1].seq or 0 if messages else 0
    start = _seq(wanted.get("first", ""), (first.seq or 0) if first else 0)
    return Span(asked, start, max(start, _seq(wanted.get("last", ""), newest)))


def _seq(given: str, otherwise: int) -> int:
    found = number_of(given)
    return otherwise if found is None else found


def _retold(
    visit: Visit, messages: Sequence[Message], span: Span, known: Known | None
) -> Mapping[str, Any]:
    if visit.host.retold is None:
        raise NotFound("there is no bot here that could run a story")
    name = f"Conversation {visit.id().hex[-8:]}"
    following = next((m.seq or 0 for m in span.asked if (m.seq or 0) > span.last), None)
    # What was answered to the last message, or said behind it, still belongs to the story.
    last = following - 1 if following else span.last
    return visit.host.retold(messages, (span.first, last), name, known)
