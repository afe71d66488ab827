"""The conversation: what was said and why, who has the floor, and what an agent does there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from console import floor, lines
from console.floor import HeldByAnother
from console.host import Suggestion
from console.inbox import agents_of, list_for, names_of_staff, remember
from console.known import Known, known_of
from console.pictures import keep_picture
from console.routing import Routes
from console.standing import Standing, standing_of
from console.visits import Visit, number_of
from crm_store import conversations, customers, events, history, identities, notes, quick_replies
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import new_id
from crm_store.events import Event
from crm_store.messages import Content, NotFound, Policy, Refused
from crm_store.quick_replies import QuickReply, fill_in

HERE = "/console/conversations/{id}"
LONGEST_TEXT = 4000  # characters
NOBODY = "nobody of this name works in the inbox"
LATEST_EVENTS = 3  # in the panel
routes = Routes()


@dataclass(frozen=True, slots=True)
class Talk:
    """All that the page shows of a conversation."""

    conversation: Conversation
    customer: Customer
    page: lines.Lines
    standing: Standing
    policy: Policy
    known: Known
    happened: Sequence[Event]
    common_tags: Sequence[str]
    quick_replies: list[Mapping[str, str]]
    agents: Mapping[str, str]  # to whom it can be assigned
    key: str  # makes sending twice impossible


@routes.page(HERE, right="inbox")
def show(visit: Visit) -> Response:
    """The conversation, with the list beside it; what the customer wrote is read from now on."""
    return _shown(visit)


@routes.page(HERE + "/older", right="inbox")
def show_older(visit: Visit) -> Response:
    """The lines before a message, for the script that scrolls up; without it, as a page of their own."""
    before = number_of(visit.query.get("before", ""))
    with visit.database.reading() as session:
        conversation = conversations.get_conversation(session, visit.id())
        page = lines.page_of(session, conversation.id, before=before)
        people = names_of_staff(session)
        customer = customers.get_customer(session, conversation.customer_id)
    values: dict[str, Any] = {
        "page": page, "conversation": conversation, "people": people, "customer": customer,
    }  # fmt: skip
    if visit.query.get("part"):
        headers = {"x-before": str(page.before or "")}
        return HTMLResponse(visit.part("conversation/lines.html", **values), headers=headers)
    return visit.draw("conversation/older.html", **values)


@routes.deed(HERE + "/take", right="inbox")
def take_over(visit: Visit) -> Response:
    """Take the floor; from another agent only after the question."""
    try:
        floor.take_over(
            visit.host, visit.actor, visit.id(), visit.staff.name, unless_held=not visit.text("sure")
        )
    except HeldByAnother:
        return _ask(visit, "take")
    return visit.go(_path(visit))


@routes.deed(HERE + "/release", right="inbox")
def release(visit: Visit) -> Response:
    """Give the floor back to the bot."""
    floor.release(visit.host, visit.actor, visit.id())
    return visit.go(_path(visit), "conversation.released")


@routes.deed(HERE + "/close", right="inbox")
def close(visit: Visit) -> Response:
    """End the conversation, and on to the list."""
    floor.close(visit.host, visit.actor, visit.id())
    return visit.go("/console/inbox", "conversation.closed")


@routes.deed(HERE + "/assign", right="assign")
def assign(visit: Visit) -> Response:
    """Give the floor to a colleague."""
    agent = visit.text("agent")
    with visit.database.reading() as session:
        people = agents_of(session)
    if agent not in people:
        raise Refused(NOBODY)
    floor.assign(visit.host, visit.actor, visit.id(), agent)
    return visit.go(_path(visit), "conversation.assigned", name=people[agent])


@routes.deed(HERE + "/reply", right="inbox")
def reply(visit: Visit) -> Response:
    """Send what was written, once however often the form is sent; a script gets the new line."""
    text = visit.text("text")[:LONGEST_TEXT]
    picture = keep_picture(visit)
    if not text and not picture:
        return visit.go(_path(visit))
    content = Content("image", text, media=picture) if picture else Content(text=text)
    try:
        posted = floor.reply(
            visit.host,
            visit.actor,
            visit.id(),
            content,
            visit.staff.name,
            key=f"console:{visit.staff.id}:{visit.text('key')}" if visit.text("key") else None,
            unless_held=not visit.text("sure"),
        )
    except HeldByAnother:
        return _ask(visit, "reply")
    if visit.by_script:
        return _line(visit, posted.message.id)
    return visit.go(_path(visit))


@routes.deed(HERE + "/suggest", right="inbox")
def suggest(visit: Visit) -> Response:
    """Have the language model propose a reply. It goes into the box, never to the customer."""
    assist = visit.host.assist
    if assist is None or "reply" not in assist.uses:
        raise NotFound("no language model is set up for this")
    suggestion = assist.suggest(visit.id())
    if visit.by_script:
        return HTMLResponse(visit.part("conversation/suggested.html", suggestion=suggestion))
    return _shown(visit, suggestion)


@routes.deed(HERE + "/note", right="inbox")
def write_note(visit: Visit) -> Response:
    """Write a note for colleagues."""
    text = visit.text("text")
    if not text:
        return visit.go(_path(visit))
    with visit.database.writing() as session:
        conversation = conversations.get_conversation(session, visit.id(), lock=True)
        last = history.list_newest(session, conversation.id, limit=1)
        note = notes.write_note(
            session,
            conversation,
            visit.staff.name,
            text,
            after_seq=(last[0].seq or 0) if last else 0,
            now=visit.now,
        )
    visit.host.changed(conversation.id)
    if visit.by_script:
        return _line(visit, note.id)
    return visit.go(_path(visit))


@routes.deed(HERE + "/read", right="inbox")
def mark_read(visit: Visit) -> Response:
    """What came in while the page was open has been seen."""
    with visit.database.reading() as session:
        conversation = conversations.get_conversation(session, visit.id())
    _mark_read(visit, conversation, number_of(visit.text("seq")) or 0)
    return PlainTextResponse("", 204)


def _shown(visit: Visit, suggestion: Suggestion | None = None) -> Response:
    with visit.database.reading() as session:
        talk = _talk(session, visit, visit.id())
        shown = list_for(session, visit)
    last = max((line.seq for line in talk.page.lines if line.message), default=0)
    _mark_read(visit, talk.conversation, last)
    values: dict[str, Any] = {"talk": talk, "shown": shown, "suggestion": suggestion}
    return remember(visit.draw("conversation/conversation.html", people=shown.people, **values), shown)


def _talk(session: Session, visit: Visit, conversation_id: UUID) -> Talk:
    conversation = conversations.get_conversation(session, conversation_id)
    customer = customers.get_customer(session, conversation.customer_id)
    policy = visit.host.policies.get(conversation.channel, Policy())
    identity = identities.find_identity(session, conversation.address)
    language = customer.language.partition("-")[0]
    return Talk(
        conversation=conversation,
        customer=customer,
        page=lines.page_of(session, conversation_id),
        standing=standing_of(policy, identity, visit.now),
        policy=policy,
        known=known_of(session, customer.id, visit.host.policies, visit.now),
        happened=events.list_events(session, customer.id, limit=LATEST_EVENTS),
        common_tags=customers.common_tags(session),
        quick_replies=[
            _prepared(each, language or visit.language, customer.display_name)
            for each in quick_replies.list_quick_replies(session)
        ],
        agents=agents_of(session) if visit.staff.may("assign") else {},
        key=new_id().hex,
    )


def _prepared(reply: QuickReply, language: str, name: str) -> Mapping[str, str]:
    return {"shortcut": reply.shortcut, "text": fill_in(reply.text_in(language), name)}


def _line(visit: Visit, line_id: UUID) -> Response:
    with visit.database.reading() as session:
        conversation = conversations.get_conversation(session, visit.id())
        page = lines.page_of(session, conversation.id, limit=20)
        page = lines.Lines([line for line in page.lines if line.id == line_id], None)
        people = names_of_staff(session)
        customer = customers.get_customer(session, conversation.customer_id)
    values = {"page": page, "conversation": conversation, "people": people, "customer": customer}
    return HTMLResponse(visit.part("conversation/lines.html", **values))


def _ask(visit: Visit, deed: str) -> Response:
    """Somebody else has the floor: is it meant?"""
    with visit.database.reading() as session:
        conversation = conversations.get_conversation(session, visit.id())
        people = names_of_staff(session)
    agent = conversation.agent or ""
    return visit.draw(
        "conversation/ask.html",
        status=409,
        deed=deed,
        conversation=conversation,
        holder=people.get(agent, agent),
        text=visit.text("text"),
        key=visit.text("key"),
    )


def _mark_read(visit: Visit, conversation: Conversation, seq: int) -> None:
    if seq <= conversation.read_seq:
        return
    with visit.database.writing() as session:
        found = conversations.get_conversation(session, conversation.id, lock=True)
        conversations.mark_read(session, found, seq)
    visit.host.changed(conversation.id)


def _path(visit: Visit) -> str:
    return HERE.format(id=visit.id())
