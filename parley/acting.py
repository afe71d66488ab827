"""The turns of one transaction: messages are answered one after the other, some at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

import structlog
from sqlmodel import Session

from crm_store import dialogues, parked
from crm_store.conversations import Held
from crm_store.history import Inbound
from crm_store.messages import Understanding
from crm_store.writing import flush_objects
from nlu.base import Decision, State
from parley.bot import Bot
from parley.facts import read_facts
from parley.questions import Asked
from parley.remote import Asking, Awaited
from parley.situation import Situation
from parley.turns import Acted, act, act_in_silence
from parley.worked import Turns

TRIES = 3
_NONE: Mapping[UUID, Decision] = MappingProxyType({})

log = structlog.get_logger()


class Situate(Protocol):
    """Makes the situation in which a message has its turn."""

    def __call__(
        self, conversation: Held, message: Inbound, heard: Understanding, state: State
    ) -> Situation:
        """`state`: where the dialogue of its conversation stands."""


class Acting:
    """What the turns of one transaction share."""

    def __init__(
        self,
        session: Session,
        bot: Bot,
        mine: Mapping[UUID, Held],
        heard: Mapping[UUID, Understanding],
        known: Mapping[UUID, Mapping[str, Any]],
        now: datetime,
        situate: Situate,
        asked: Asking | None = None,
        instead: Mapping[UUID, Decision] = _NONE,
    ) -> None:
        """`mine`: conversations that are locked by us, and `known` where their dialogues stand.

        `heard`: what the messages mean. `asked`: what an action server has answered; None: none may be
        asked now. Who has to wait for one lets everybody else by. `instead`: see `Situation`, by message.
        """
        # Conversations whose next turn waits for an action server; None: nobody may be asked now.
        self.asking: dict[UUID, Asking | None] = {}
        self._session, self._now = session, now
        self._mine, self._heard, self._known = mine, heard, known
        self._situate, self._asked, self._instead = situate, asked, instead
        self._states: dict[UUID, State] = {}
        self._questions = Asked()
        people, bound = {one.customer_id for one in mine.values()}, bot.bound
        self._facts = read_facts(session, bound.values(), people) if bound else None

    def act(self, messages: Sequence[Inbound]) -> Turns:
        """Answer some messages, in their order; where their dialogues stand then is written.

        Messages, answers and conversations are left to the caller to write.
        """
        turns = Turns()
        for message in messages:
            if message.conversation_id in self.asking:
                continue  # In their order: what comes before has to wait.
            try:
                turns.acted.append((message, self._act(message)))
            except Awaited as awaited:
                asking = _to_ask(message, self._heard[message.id], awaited, self._asked, self._instead)
                self.asking[message.conversation_id] = asking
        flush_objects(self._session)  # What actions have changed comes before what rows speak of.
        moved = {message.conversation_id for message in turns.messages}
        states = {one: self._states[one].to_json() for one in self._mine if one in moved}
        dialogues.save_states(self._session, states, self._now)
        return turns

    def end(self) -> None:
        """Write what was learnt in all turns, in the order in which everybody does, and open questions."""
        self._session.flush()
        self._questions.write(self._session)

    def _act(self, message: Inbound) -> Acted:
        conversation = self._mine[message.conversation_id]
        situation = self._situate(
            conversation, message, self._heard[message.id], self._state_of(conversation.id)
        )
        situation.instead = self._instead.get(message.id)
        if self._facts is not None:
            situation.facts = {**self._facts[conversation.customer_id]}
        acted = _turn(situation, self._asked)
        if self._facts is not None and situation.facts is not None:
            self._facts[conversation.customer_id] = situation.facts
        if acted.floor and conversation.floor == "bot":
            conversation.floor, conversation.floor_since = acted.floor, self._now
            # What the bot has answered so far is nothing that somebody still has to read.
            conversation.read_seq = max(conversation.read_seq, message.seq - 1)
        self._states[conversation.id] = acted.state
        self._questions.add(situation, acted)
        return acted

    def _state_of(self, conversation_id: UUID) -> State:
        found = self._states.get(conversation_id)
        if found is None:
            known = self._known.get(conversation_id)
            found = State() if known is None else _read(known)
        return found


def _turn(situation: Situation, asked: Asking | None) -> Acted:
    """Answer one message; `Awaited`, and nothing is changed, if an action server has to be asked first."""
    session, message, state = situation.session, situation.message, situation.state
    last = message.attempts == TRIES - 1
    if situation.bot.server is None:
        # It may be the dialogue so far that this project cannot go on with.
        return _answer(situation, State() if last else state)
    situation.told = asked.answers if asked else None
    own = state.but(slots={**state.slots})
    try:
        with session.begin_nested():
            return _answer(situation, own)
    except Awaited:
        raise
    except Exception:
        if not last:
            raise
    with session.begin_nested():
        return _answer(situation, State())


def _answer(situation: Situation, state: State) -> Acted:
    situation.state = state
    message, floor = situation.message, situation.conversation.floor
    if floor not in ("bot", "waiting"):
        return act_in_silence(situation)
    if message.is_replayed and parked.is_late(situation.session, message):
        return act_in_silence(situation)
    return act(situation)


def _to_ask(
    message: Inbound,
    heard: Understanding,
    awaited: Awaited,
    asked: Asking | None,
    instead: Mapping[UUID, Decision],
) -> Asking | None:
    if awaited.call is None:
        return None
    return Asking(
        message.conversation_id,
        awaited.call,
        {message.id: heard},
        asked.answers if asked and message.id in asked.heard else {},
        {message.id: instead[message.id]} if message.id in instead else {},
    )


def _read(state: Mapping[str, Any]) -> State:
    try:
        return State(**state)
    except TypeError:
        log.warning("dialogue.restarted", why="another version wrote its state")
        return State()
