"""`/conversations/{id}/messages`: what was said, and an agent's reply, which takes the floor."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from fastapi import APIRouter, Response
from sqlmodel import Session

from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.conversations import ConversationId, announce, name_of_agent
from console.api.host import GivenHost
from console.api.once import REPLAYED, IdempotencyKey
from console.api.paging import Cursor, Limit, cut, read_seq, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import Message, MessagePage, Reply
from crm_store import conversations, history, outbox
from crm_store.conversations import Conversation
from crm_store.idempotency import KeyReused
from crm_store.messages import Content, Refused

router = APIRouter(
    prefix="/conversations/{conversation_id}/messages",
    tags=["messages"],
    route_class=GuardedRoute,
    responses={**ANYWHERE, **refusals(404)},
)
log = structlog.get_logger()


@router.get("", dependencies=[MAY_READ], operation_id="listMessages", summary="List messages")
def list_messages(
    host: GivenHost, conversation_id: ConversationId, cursor: Cursor = "", limit: Limit = 50
) -> MessagePage:
    """What was said in a conversation, oldest first, with the bot's understanding and decision."""
    after = read_seq("messages", cursor)
    with host.database.reading() as session:
        conversations.get_conversation(session, conversation_id)
        found = history.list_messages(session, conversation_id, after=after, limit=limit + 1)
        rows, last = cut(found, limit)
        return MessagePage(
            items=[Message.of(row) for row in rows],
            next_cursor=write_cursor("messages", last.seq or 0) if last else None,
        )


@router.post(
    "",
    dependencies=[MAY_WRITE],
    operation_id="postMessage",
    summary="Reply as an agent",
    status_code=201,
    response_description="The message, with its status so far.",
    responses={**refusals(409), 201: REPLAYED},
)
def post_message(
    host: GivenHost,
    caller: Caller,
    response: Response,
    conversation_id: ConversationId,
    body: Reply,
    idempotency_key: IdempotencyKey = None,
) -> Message:
    """Send a customer what an agent says. If the bot has the floor, this takes the conversation over.

    The message goes out right after; read its status later. One that must not or cannot be sent keeps
    its status and the reason.
    """
    key = f"api:{caller.id}:{idempotency_key}" if idempotency_key else None
    with host.database.writing() as session:
        posted = _post(session, conversation_id, body, name_of_agent(body, caller), key, host)
    if posted.replayed:
        response.headers["Idempotent-Replay"] = "true"
        return Message.of(posted.message)
    if posted.took_over:
        announce(host, caller, posted.conversation)
    host.queued(posted.conversation.channel)
    log.info("reply.queued", message_id=str(posted.message.id), token_id=str(caller.id))
    return Message.of(posted.message)


@dataclass(frozen=True, slots=True)
class _Posted:
    conversation: Conversation
    message: history.Message
    replayed: bool = False
    took_over: bool = False


def _post(
    session: Session, conversation_id: UUID, body: Reply, agent: str, key: str | None, host: GivenHost
) -> _Posted:
    # Whoever comes second with the same key waits here for the first one's commit.
    conversation = conversations.get_conversation(session, conversation_id, lock=True)
    source = f"agent:{agent}"
    if key and (first := history.find_by_key(session, conversation.address, key)):
        said = (first.conversation_id, first.text, first.source)
        if said != (conversation_id, body.text, source):
            raise KeyReused
        return _Posted(conversation, first, replayed=True)
    if conversation.floor == "closed":
        raise Refused("the conversation is closed")
    took_over = conversation.floor != "agent"
    if took_over:
        conversation = conversations.take_over(session, conversation_id, agent)
    row = outbox.draft(
        conversation, Content(text=body.text), sender="agent", source=source, now=host.now(), key=key
    )
    outbox.queue(session, [row])
    return _Posted(conversation, history.get_message(session, row["id"]), took_over=took_over)
