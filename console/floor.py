"""The floor, and an agent's words: what the API and the pages do to a conversation, in one place.

Each deed and its audit stand or fall together; the rest of the house is told after the commit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlmodel import Session

from console.host import Host
from crm_store import audit, conversations, history, outbox
from crm_store.conversations import Conversation
from crm_store.idempotency import KeyReused
from crm_store.messages import Content, Refused

log = structlog.get_logger()


class HeldByAnother(Refused):
    """Another agent has the floor."""


@dataclass(frozen=True, slots=True)
class Posted:
    """An agent's message after its commit."""

    conversation: Conversation
    message: history.Message
    replayed: bool = False  # it was posted before under the same key
    took_over: bool = False


def take_over(
    host: Host, actor: str, conversation_id: UUID, agent: str, *, unless_held: bool = False
) -> Conversation:
    """Give an agent the floor; HeldByAnother if one has it already and that is asked for."""

    def act(session: Session) -> Conversation:
        if unless_held:
            _check_not_held(conversations.get_conversation(session, conversation_id, lock=True), agent)
        return conversations.take_over(session, conversation_id, agent)

    return _change(host, actor, "conversation.taken_over", conversation_id, act)


def release(host: Host, actor: str, conversation_id: UUID) -> Conversation:
    """Give the floor back to the bot, which says how it goes on with what it was in the midst of."""
    said = False

    def act(session: Session) -> Conversation:
        nonlocal said
        found = conversations.get_conversation(session, conversation_id, lock=True)
        had_it = found.floor == "bot"
        found = conversations.release(session, conversation_id)
        said = not had_it and host.given_back(session, found)
        return found

    found = _change(host, actor, "conversation.released", conversation_id, act)
    if said:
        host.queued(found.channel)
    return found


def assign(host: Host, actor: str, conversation_id: UUID, agent: str) -> Conversation:
    """Give the floor to another agent, whoever has it now."""
    return _change(
        host, actor, "conversation.assigned", conversation_id,
        lambda session: conversations.assign(session, conversation_id, agent),
    )  # fmt: skip


def close(host: Host, actor: str, conversation_id: UUID) -> Conversation:
    """End a conversation."""
    now = host.now()
    return _change(
        host, actor, "conversation.closed", conversation_id,
        lambda session: conversations.close(session, conversation_id, now),
    )  # fmt: skip


def reply(
    host: Host,
    actor: str,
    conversation_id: UUID,
    content: Content,
    agent: str,
    *,
    key: str | None = None,
    unless_held: bool = False,
) -> Posted:
    """Queue what an agent says. Under the bot's floor this takes the conversation over.

    The same key again gives the first message and sends nothing.
    """
    with host.database.writing() as session:
        posted = _post(session, host, actor, conversation_id, content, agent, key, unless_held)
    if posted.replayed:
        return posted
    if posted.took_over:
        _announce(host, actor, posted.conversation)
    host.queued(posted.conversation.channel)
    host.changed(conversation_id)
    log.info("reply.queued", message_id=str(posted.message.id), actor=actor)
    return posted


def _post(
    session: Session,
    host: Host,
    actor: str,
    conversation_id: UUID,
    content: Content,
    agent: str,
    key: str | None,
    unless_held: bool,
) -> Posted:
    # Whoever comes second with the same key waits here for the first one's commit.
    conversation = conversations.get_conversation(session, conversation_id, lock=True)
    source = f"agent:{agent}"
    if key and (first := history.find_by_key(session, conversation.address, key)):
        said = (first.conversation_id, first.text, first.source)
        if said != (conversation_id, content.text, source):
            raise KeyReused
        return Posted(conversation, first, replayed=True)
    if conversation.floor == "closed":
        raise Refused("the conversation is closed")
    if unless_held:
        _check_not_held(conversation, agent)
    took_over = conversation.floor != "agent"
    if took_over:
        before = _standing(conversation)
        conversation = conversations.take_over(session, conversation_id, agent)
        conversations.note_since(session, conversation, host.now())
        _note(session, host, actor, "conversation.taken_over", conversation, before)
    row = outbox.draft(conversation, content, sender="agent", source=source, now=host.now(), key=key)
    seqs = outbox.queue(session, [row])
    conversations.mark_read(session, conversation, seqs[row["id"]])
    return Posted(conversation, history.get_message(session, row["id"]), took_over=took_over)


def _check_not_held(conversation: Conversation, agent: str) -> None:
    if conversation.floor == "agent" and conversation.agent not in (None, agent):
        raise HeldByAnother


def _change(
    host: Host, actor: str, action: str, conversation_id: UUID, act: Callable[[Session], Conversation]
) -> Conversation:
    with host.database.writing() as session:
        found = conversations.get_conversation(session, conversation_id, lock=True)
        version, before = found.version, _standing(found)
        found = act(session)
        if found.version != version:
            conversations.note_since(session, found, host.now())
            _note(session, host, actor, action, found, before)
    if found.version != version:
        _announce(host, actor, found)
    return found


def _standing(conversation: Conversation) -> dict[str, str | None]:
    return {"floor": conversation.floor, "agent": conversation.agent}


def _note(
    session: Session,
    host: Host,
    actor: str,
    action: str,
    conversation: Conversation,
    before: dict[str, str | None],
) -> None:
    after = _standing(conversation)
    audit.note(
        session,
        actor=actor,
        action=action,
        noun="conversation",
        noun_id=conversation.id,
        customer_id=conversation.customer_id,
        changes={n: {"from": before[n], "to": after[n]} for n in before if before[n] != after[n]},
        now=host.now(),
    )


def _announce(host: Host, actor: str, conversation: Conversation) -> None:
    """Tell, after the commit, that the floor has changed."""
    log.info(
        "floor.changed",
        conversation_id=str(conversation.id),
        floor=conversation.floor,
        actor=actor,
    )
    host.floor_changed(conversation.address, conversation.floor)
    host.changed(conversation.id)
