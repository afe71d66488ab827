"""The floor comes back to the bot in the middle of a form: it goes on or is dropped, and that is said."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast

from sqlmodel import Session

from crm_store import dialogues, outbox
from crm_store.conversations import Conversation, Held
from crm_store.history import Inbound, Message, last_said
from crm_store.messages import Understanding
from nlu.base import LISTEN, Decision, State
from parley.bot import Bot
from parley.bound import Record
from parley.facts import read_facts
from parley.situation import Situation
from parley.turns import MOST_ACTIONS, Acted, run_here, say

RESUMED, DROPPED = "utter_form_resumed", "utter_form_dropped"


def give_back(
    session: Session,
    bot: Bot,
    conversation: Conversation,
    policy: Literal["resume", "reset"],
    now: datetime,
) -> bool:
    """Go on with the form that was open, or drop it, as the policy says; whether anything was said.

    The conversation's row is locked, and the bot has the floor in it.
    """
    message = last_said(session, conversation.address)
    stored = dialogues.load_states(session, [conversation.id]).get(conversation.id, {})
    try:
        state = State(**stored)
    except TypeError:
        return False  # Another version wrote it; the next message begins anew.
    if message is None or state.active_loop not in bot.project.domain.forms:
        return False
    situation = _situation(session, bot, conversation, message, state, now)
    acted = _reset(situation) if policy == "reset" else _resume(situation)
    for row in acted.rows:
        row["reply_to"] = None  # It answers nothing that was said.
    outbox.queue(session, acted.rows)
    if acted.floor:
        conversation.floor, conversation.floor_since = acted.floor, now
        session.add(conversation)
    dialogues.save_states(session, {conversation.id: acted.state.to_json()}, now)
    return bool(acted.rows)


def _reset(situation: Situation) -> Acted:
    """Leave the form and forget what it has asked for, but for what stands on the record."""
    bot, state = situation.bot, situation.state
    form = bot.project.domain.forms[state.active_loop or ""]
    acted = Acted(bot.dialogue.leave(state), about=_about(situation))
    forgotten = [slot for slot in form.required_slots if slot not in bot.bound]
    acted.state = bot.dialogue.know(acted.state, dict.fromkeys(forgotten))
    _tell(situation, acted, DROPPED)
    return acted


def _resume(situation: Situation) -> Acted:
    """Ask again what the form has asked for; what was put on the record meanwhile is not asked."""
    acted = Acted(situation.state, about=_about(situation))
    if situation.facts is not None:
        acted.state = Record(situation, situation.facts).know(acted.state)
    _tell(situation, acted, RESUMED)
    decision = situation.bot.dialogue.ask_again(acted.state, situation.heard)
    language = _language(situation)
    for _ in range(MOST_ACTIONS):
        # What runs elsewhere is asked when the customer writes: nobody may wait for a server here.
        if decision is None or decision.action == LISTEN or decision.action in situation.bot.elsewhere:
            break
        run_here(situation, acted, decision, None, language)
        decision = _next(situation, acted.state)
    return acted


def _next(situation: Situation, state: State) -> Decision:
    return situation.bot.dialogue.decide(state, situation.heard)


def _tell(situation: Situation, acted: Acted, name: str) -> None:
    contents = situation.bot.say(name, {"language": _language(situation)}, situation.conversation.channel)
    say(situation, acted, contents, f"action:{name}")


def _about(situation: Situation) -> str:
    return f"back {situation.now.isoformat()}"


def _language(situation: Situation) -> str:
    return cast(str, situation.state.slots.get("language") or situation.bot.language)


def _situation(
    session: Session, bot: Bot, conversation: Conversation, message: Message, state: State, now: datetime
) -> Situation:
    held = Held(
        id=conversation.id,
        channel=conversation.channel,
        external_id=conversation.external_id,
        customer_id=conversation.customer_id,
        floor=conversation.floor,
        version=conversation.version,
    )
    inbound = Inbound(
        id=message.id,
        seq=message.seq or 0,
        conversation_id=conversation.id,
        address=conversation.address,
        key=message.key or "",
        text="",
        payload="",
        said=message.said,
        created_at=message.created_at,
    )
    facts = read_facts(session, bot.bound.values(), [held.customer_id]) if bot.bound else {}
    heard = Understanding("")
    return Situation(session, bot, held, inbound, heard, state, now, now, facts=facts.get(held.customer_id))
