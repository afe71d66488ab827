"""`/conversations/{id}/messages`: what was said, and an agent's reply, which takes the floor."""

from __future__ import annotations

from fastapi import APIRouter, Response

from console import floor
from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.conversations import ConversationId, actor_of, name_of_agent
from console.api.host import GivenHost
from console.api.once import REPLAYED, IdempotencyKey
from console.api.paging import Cursor, Limit, cut, read_seq, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import Message, MessagePage, Reply
from crm_store import conversations, history
from crm_store.messages import Content

router = APIRouter(
    prefix="/conversations/{conversation_id}/messages",
    tags=["messages"],
    route_class=GuardedRoute,
    responses={**ANYWHERE, **refusals(404)},
)


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
    posted = floor.reply(
        host,
        actor_of(caller),
        conversation_id,
        Content(text=body.text),
        name_of_agent(body, caller),
        key=key,
    )
    if posted.replayed:
        response.headers["Idempotent-Replay"] = "true"
    return Message.of(posted.message)
