"""An answer that takes too long, on an account that may only answer: the customer is told how to get it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlmodel import Session

from crm_store import dialogues, outbox
from crm_store.conversations import get_conversation
from crm_store.db import Database
from crm_store.history import Message, find_by_key, get_message
from crm_store.language import guess_language
from crm_store.messages import Understanding
from crm_store.outbox import Outgoing
from parley.bot import Bot

WORDS = "utter_answer_later"


def put_off(database: Database, bot: Bot, message_id: UUID, now: datetime) -> list[Outgoing]:
    """Say that the answer to a message comes with the customer's next one: what its request is to carry.

    Nothing if there is an answer meanwhile, if this was said already, if somebody else speaks, or if the
    bot has no words for it.
    """
    with database.writing() as session:
        message = get_message(session, message_id)
        conversation = get_conversation(session, message.conversation_id, lock=True)
        session.refresh(message)
        key = f"later:{message.id.hex}"
        if message.work != "waiting" or conversation.floor != "bot":
            return []
        if find_by_key(session, message.address, key):
            return []
        said = bot.say(WORDS, {"language": _language(session, bot, message)}, conversation.channel)
        if not said:
            return []
        row = outbox.draft(
            conversation,
            said[0],
            sender="bot",
            source=f"action:{WORDS}",
            now=now,
            key=key,
            reply_to=message.id,
        )
        outbox.start_with(row, now)
        row["reply_to"] = None  # It is no answer yet.
        seqs = outbox.queue(session, [row])
        return [outbox.outgoing_of(row, seqs[row["id"]])]


def _language(session: Session, bot: Bot, message: Message) -> str:
    state = dialogues.load_states(session, [message.conversation_id]).get(message.conversation_id, {})
    heard = Understanding(message.text, language=guess_language(message.text))
    return bot.language_of(heard, state.get("slots", {}).get("language"))
