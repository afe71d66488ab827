"""`/conversations`: who has the floor in them, and how it is taken, given back, handed on and closed."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from console import floor
from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.paging import Cursor, Limit, cut, read_id, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import Agent, Conversation, ConversationPage, Reply
from crm_store import conversations
from crm_store.messages import Floor
from crm_store.tokens import Token

router = APIRouter(
    prefix="/conversations",
    tags=["conversations"],
    route_class=GuardedRoute,
    responses=ANYWHERE,
)

ConversationId = Annotated[UUID, Path(description="The conversation's id.")]


@router.get("", dependencies=[MAY_READ], operation_id="listConversations", summary="List conversations")
def list_conversations(
    host: GivenHost,
    customer: Annotated[UUID | None, Query(description="Only those of the customer with this id.")] = None,
    who: Annotated[
        Floor | None, Query(alias="floor", description="Only those in which this side may speak.")
    ] = None,
    channel: Annotated[
        str, Query(max_length=200, description="Only those on the channel of this name.")
    ] = "",
    cursor: Cursor = "",
    limit: Limit = 50,
) -> ConversationPage:
    """Conversations, newest first. Filters narrow the list together."""
    after = read_id("conversations", cursor)
    with host.database.reading() as session:
        found = conversations.list_conversations(
            session,
            customer_id=customer,
            floor=who,
            channel=channel or None,
            after=after,
            limit=limit + 1,
        )
        rows, last = cut(found, limit)
        return ConversationPage(
            items=[Conversation.of(row) for row in rows],
            next_cursor=write_cursor("conversations", last.id) if last else None,
        )


@router.get(
    "/{conversation_id}",
    dependencies=[MAY_READ],
    operation_id="getConversation",
    summary="Get a conversation",
    responses=refusals(404),
)
def get_conversation(host: GivenHost, conversation_id: ConversationId) -> Conversation:
    """One conversation and who has the floor in it."""
    with host.database.reading() as session:
        return Conversation.of(conversations.get_conversation(session, conversation_id))


@router.post(
    "/{conversation_id}/takeover",
    dependencies=[MAY_WRITE],
    operation_id="takeOverConversation",
    summary="Take a conversation over",
    responses=refusals(404, 409),
)
def take_over(
    host: GivenHost, caller: Caller, conversation_id: ConversationId, body: Agent | None = None
) -> Conversation:
    """Give an agent the floor. From this answer on the bot says nothing until it is given back."""
    agent = name_of_agent(body, caller)
    return Conversation.of(floor.take_over(host, actor_of(caller), conversation_id, agent))


@router.post(
    "/{conversation_id}/release",
    dependencies=[MAY_WRITE],
    operation_id="releaseConversation",
    summary="Give a conversation back to the bot",
    responses=refusals(404, 409),
)
def release(host: GivenHost, caller: Caller, conversation_id: ConversationId) -> Conversation:
    """Give the floor back to the bot, which answers again from the next message on."""
    return Conversation.of(floor.release(host, actor_of(caller), conversation_id))


@router.post(
    "/{conversation_id}/assign",
    dependencies=[MAY_WRITE],
    operation_id="assignConversation",
    summary="Hand a conversation to an agent",
    responses=refusals(404, 409),
)
def assign(
    host: GivenHost, caller: Caller, conversation_id: ConversationId, body: Agent | None = None
) -> Conversation:
    """Give the floor to another agent, whoever has it now."""
    agent = name_of_agent(body, caller)
    return Conversation.of(floor.assign(host, actor_of(caller), conversation_id, agent))


@router.post(
    "/{conversation_id}/close",
    dependencies=[MAY_WRITE],
    operation_id="closeConversation",
    summary="Close a conversation",
    responses=refusals(404),
)
def close(host: GivenHost, caller: Caller, conversation_id: ConversationId) -> Conversation:
    """End a conversation; the customer's next message opens another. Closing again changes nothing."""
    return Conversation.of(floor.close(host, actor_of(caller), conversation_id))


def name_of_agent(body: Agent | Reply | None, caller: Token) -> str:
    """The agent whom a request names, else the token's owner."""
    return (body and body.agent) or caller.owner


def actor_of(caller: Token) -> str:
    """Who does it, for the audit."""
    return f"token:{caller.id}"
