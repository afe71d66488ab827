"""Understand and act: what was recorded is worked off, conversation by conversation, in order.

A worker holds the lease of what it works on; what waits is taken together, up to 64 conversations.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import structlog
from sqlmodel import Session

from crm_store import dialogues, outbox, parked
from crm_store.conversations import Held, get_conversation, hold, save_held
from crm_store.db import Database
from crm_store.history import (
    Inbound,
    Seqs,
    get_message,
    list_waiting,
    mark_worked,
    read_waiting,
    write_messages,
)
from crm_store.messages import Floor, Incoming, Policy, Understanding, clean
from crm_store.recording import Recording
from nlu.action_server import ActionFailed, Call
from nlu.base import Decision, State
from nlu.rasa_dialogue import Reply
from parley.acting import TRIES, Acting
from parley.bot import Bot, Words
from parley.metrics import Metrics
from parley.remote import Asking
from parley.situation import Situation
from parley.turns import Acted, handed_over
from parley.waiting import Key
from parley.worked import Worked, let_go, numbered, start

if TYPE_CHECKING:
    from parley.answering import Answering

MOST_MESSAGES = 256  # of all conversations in one go
AT_ONCE = 16  # messages that have their turns before they are written
MOST_REPLIES = 1000  # of a remote dialogue, kept until they are written down
LIKELIEST, LEAST = 4, 0.01  # intents and answers kept with a message, to explain what was made of it
_BACKING_OFF = "nobody: backing off"

_NOBODY = UUID(int=0)
_NOTHING_ASKED = Asking(_NOBODY, Call("", "", "", {}), {})

log = structlog.get_logger()


@dataclass(slots=True)
class Worker:
    """The work itself, without any loop: to be called in a thread.

    Another bot may be put in at any time; what is in hand is finished with the one it was begun with.
    """

    database: Database
    bot: Bot
    name: str
    policies: Mapping[str, Policy]
    now: Callable[[], datetime]
    metrics: Metrics = field(default_factory=Metrics)
    answering: Answering | None = None  # a language model, where it may answer customers
    _replies: dict[UUID, Reply | None] = field(default_factory=dict)  # of a remote dialogue, by message

    @property
    def may_wait(self) -> bool:
        """Whether understanding may take long, so that conversations are worked off one by one."""
        return self.bot.remote or self.answering is not None

    def understand(self, incoming: Sequence[Incoming]) -> dict[Key, Understanding]:
        """What messages mean that are not recorded yet; nothing where a remote engine would be asked."""
        bot = self.bot
        asked = [one for one in incoming if one.wants_reply and one.receipt is None]
        if bot.remote or not asked:
            return {}
        words = [Words(clean(one.content.text), clean(one.payload), one.content) for one in asked]
        keys = ((one.address, clean(one.key)) for one in asked)
        found = dict(zip(keys, bot.understand(words), strict=True))
        return found if self.answering is None else self._at_once(bot, found)

    def _at_once(self, bot: Bot, found: dict[Key, Understanding]) -> dict[Key, Understanding]:
        """Only of addresses at which no model is asked, which would hold all that is recorded with it."""
        assert self.answering is not None
        slow = {key[0] for key, heard in found.items() if self.answering.may_help(bot, heard)}
        return {key: heard for key, heard in found.items() if key[0] not in slow}

    def answer(
        self,
        session: Session,
        recording: Recording,
        understood: Mapping[Key, Understanding],
        inline: Collection[Key],
        now: datetime,
    ) -> Worked:
        """Answer what is being recorded, in the same transaction; the conversations are let go.

        Some are written with what answers them while the next ones have their turn: PostgreSQL works
        meanwhile. The rest is left to the recording to write.
        """
        fresh = [m for m in recording.fresh if (m.address, m.key) in understood]
        ids = {message.conversation_id for message in fresh}
        mine = {held.id: held for held in recording.held if held.id in ids}
        heard = {message.id: understood[message.address, message.key] for message in fresh}
        situate = partial(self._situation, session, self.bot, now=now)
        acting = Acting(session, self.bot, mine, heard, recording.states, now, situate)
        worked = Worked()
        for first in range(0, len(fresh), AT_ONCE):
            turns = acting.act(fresh[first : first + AT_ONCE])
            for message, acted in turns.acted:
                recording.rows[message.id] |= _done(heard[message.id], acted)
            start(turns, inline, recording.blocked, now)
            worked.add(numbered(turns, recording.seqs))
            worked.elsewhere |= self._held_elsewhere(turns.messages, inline)
            recording.write_some(session, [message.id for message in turns.messages], turns.rows)
        acting.end()
        unheard = (m.conversation_id for m in recording.fresh if m.id not in heard)
        let_go(worked, mine, (*unheard, *acting.asking))
        return worked

    def ask(self, asking: Asking, inline: Collection[Key]) -> Worked:
        """Ask the action server for which a turn waits, then answer what waits in its conversation."""
        server = self.bot.server
        assert server  # The files of a project are read once.
        try:
            asking.answers[asking.call.key] = server.run(asking.call)
        except Exception as error:  # noqa: BLE001  (whatever it is, the message is retried, then parked)
            why = str(error) if isinstance(error, ActionFailed) else type(error).__name__
            conversation = str(asking.conversation_id)
            log.warning("action.failed", action=asking.call.action, why=why, conversation=conversation)
            return self._failed(asking.conversation_id, error, self.now())
        return self.work([asking.conversation_id], inline, asked=asking)

    def work(
        self,
        ids: Sequence[UUID],
        inline: Collection[Key],
        most: int = MOST_MESSAGES,
        asked: Asking | None = None,
    ) -> Worked:
        """Answer what waits in these conversations, whose leases we hold; at most so many messages.

        `inline` are messages that came with a request of the platform that is open in this process.
        `asked`: what an action server has answered for the one conversation.
        """
        bot, messages = self.bot, list[Inbound]()
        asked = asked or _NOTHING_ASKED
        try:
            with self.database.reading() as session:
                # What a remote engine has understood is answered before it is asked about the next.
                messages = read_waiting(session, ids, 1 if bot.remote else most)
                led = self._led(session, bot, messages)
            at, began = self.now(), perf_counter()
            heard = _understood(bot, messages, asked.heard)
            instead = self._generated(bot, messages, heard, asked)
            self._ask(bot, led, heard)
            understood = perf_counter()
            with self.database.writing() as session:
                mine = {c.id: c for c in hold(session, ids).values() if c.leased_by == self.name}
                # Asked again under the lock: what is answered already is not answered twice.
                waiting = list_waiting(session, mine)
                messages = [m for m in messages if m.id in waiting and not self._is_early(bot, m, mine)]
                states = dialogues.load_states(session, mine)
                now = self.now()
                situate = partial(self._situation, session, bot, now=now)
                acting = Acting(session, bot, mine, heard, states, now, situate, asked, instead)
                turns = acting.act(messages)
                acting.end()
                mark_worked(session, [{"of_seq": m.seq, **_done(heard[m.id], a)} for m, a in turns.acted])
                carried = {m.address for m in messages if (m.address, m.key) in inline}
                start(turns, inline, outbox.in_the_way(session, carried), now)
                worked = numbered(turns, Seqs(session, len(turns.rows)))
                write_messages(session, turns.rows)
                worked.elsewhere = self._held_elsewhere(turns.messages, inline)
                left = waiting.keys() - {m.id for m in turns.messages}
                let_go(worked, mine, (waiting[one] for one in left))
                worked.asking = {key: one for key, one in acting.asking.items() if one is not None}
                save_held(session, mine.values())
        except Exception as error:  # noqa: BLE001  (whatever it is, the message is retried, then parked)
            if len(ids) == 1 and len(messages) < 2:
                return self._failed(ids[0], error, self.now())
        else:
            self.metrics.worked(turns.messages, at, understood - began, perf_counter() - understood)
            for message in turns.messages:
                self._replies.pop(message.id, None)
            worked.done = set(ids) - worked.more
            return worked
        # Whoever is at fault fails alone: conversation by conversation, then message by message.
        worked = Worked()
        for one in ids:
            worked.add(self.work([one], inline, most if len(ids) > 1 else 1))
        return worked

    def _led(self, session: Session, bot: Bot, messages: Sequence[Inbound]) -> list[Inbound]:
        """Those of the messages that a remote dialogue is to answer: none while a person has the floor."""
        if bot.leader is None:
            return []
        return [
            m
            for m in messages
            if get_conversation(session, m.conversation_id).floor == "bot"
            and not (m.is_replayed and parked.is_late(session, m))
        ]

    def _ask(self, bot: Bot, led: Sequence[Inbound], heard: Mapping[UUID, Understanding]) -> None:
        """Ask a remote dialogue, once a message, even if what it says has to be written down again."""
        for message in led:
            if message.id not in self._replies:
                while len(self._replies) >= MOST_REPLIES:
                    self._replies.pop(next(iter(self._replies)))
                self._replies[message.id] = bot.lead(message, heard[message.id])

    def _is_early(self, bot: Bot, message: Inbound, mine: Mapping[UUID, Held]) -> bool:
        """True: the bot has got the floor back meanwhile, and a remote dialogue is still to be asked."""
        if bot.leader is None or message.is_replayed or message.id in self._replies:
            return False
        return mine[message.conversation_id].floor == "bot"

    def _generated(
        self, bot: Bot, messages: Sequence[Inbound], heard: Mapping[UUID, Understanding], asked: Asking
    ) -> Mapping[UUID, Decision]:
        """What a language model answers where the bot gives up; no transaction is open while it thinks.

        Of several messages that wait none: what the bot makes of one depends on those before it. None
        where a remote dialogue leads.
        """
        if self.answering is None or bot.leader or len(messages) != 1:
            return {}
        (message,) = messages
        if message.id in asked.heard:  # An action server was asked meanwhile; the model is asked once.
            return asked.instead
        found = self.answering.find(bot, message, heard[message.id])
        return {message.id: found.decision()} if found else {}

    def _held_elsewhere(self, messages: Sequence[Inbound], inline: Collection[Key]) -> set[Key]:
        channels = {m.address.channel for m in messages}
        asked = {one for one in channels if self.policies.get(one, Policy()).inline_within}
        return {(m.address, m.key) for m in messages if m.address.channel in asked} - set(inline)

    def _situation(
        self,
        session: Session,
        bot: Bot,
        conversation: Held,
        message: Inbound,
        heard: Understanding,
        state: State,
        now: datetime,
    ) -> Situation:
        policy = self.policies.get(conversation.channel, Policy())
        held = timedelta(seconds=policy.inline_within)
        answer_at = message.created_at + held
        return Situation(
            session,
            bot,
            conversation,
            message,
            heard,
            state,
            now,
            answer_at,
            cast(Floor, conversation.floor),
            reply=self._replies.get(message.id),
        )

    def _failed(self, conversation_id: UUID, error: Exception, now: datetime) -> Worked:
        with self.database.writing() as session:
            conversation = hold(session, [conversation_id])[conversation_id]
            waiting = read_waiting(session, [conversation_id], 1)
            if conversation.leased_by != self.name or not waiting:
                return Worked(done={conversation_id})
            (message,) = waiting
            row = get_message(session, message.id)
            row.attempts += 1
            given_up = row.attempts >= TRIES
            conversation.leased_by = None if given_up else _BACKING_OFF
            conversation.leased_until = None if given_up else now + timedelta(seconds=2**row.attempts)
            if given_up:
                trace = "".join(traceback.format_exception(error, limit=-8))
                row.work = "parked"
                step = {
                    "action": None,
                    "by": "error",
                    "name": "parked",
                    "at": now.isoformat(),
                    "trace": trace,
                }
                row.decision = [
                    step | {"handed_over": self._hand_over(session, conversation, message, now)}
                ]
            log.error(
                "turn.parked" if given_up else "turn.failed",
                conversation=str(conversation_id),
                message=str(message.id),
                attempt=row.attempts,
                # Not its message, which may repeat what the customer wrote: that stands in the row.
                error=type(error).__name__,
                at=where_of(error),
            )
            session.add(row)
            save_held(session, [conversation])
        self.metrics.failed()
        worked = Worked(done={conversation_id}, offered={(message.address, message.key): []})
        if given_up:
            worked.queued.add(message.address.channel)
        return worked

    def _hand_over(self, session: Session, conversation: Held, message: Inbound, now: datetime) -> bool:
        """A person gets what could not be answered, and the customer is told, if the words can be found.

        False if the bot did not have the floor.
        """
        if conversation.floor != "bot":
            return False
        conversation.floor, conversation.floor_since = "waiting", now
        conversation.read_seq = max(conversation.read_seq, message.seq - 1)
        heard = self.bot.heard_nothing(message)
        situation = self._situation(session, self.bot, conversation, message, heard, State(), now)
        try:
            rows = handed_over(situation).rows
        except Exception:
            log.exception("words.missing")  # The hand-over itself must stand.
        else:
            outbox.queue(session, rows)
        return True


def _understood(
    bot: Bot, messages: Sequence[Inbound], known: Mapping[UUID, Understanding]
) -> dict[UUID, Understanding]:
    """What these messages mean; what is known of them already is not asked for again."""
    new = [message for message in messages if message.id not in known] if known else messages
    return {**known, **dict(zip((m.id for m in new), bot.understand(new), strict=True))}


def where_of(error: Exception) -> str:
    """File and line of an error, for the log: its message may repeat what a customer wrote."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _done(heard: Understanding, acted: Acted) -> dict[str, Any]:
    """What became of a message that has had its turn."""
    return {"work": None, "understanding": heard.to_json(LIKELIEST, LEAST), "decision": acted.decision}
