"""Actions of a project that run elsewhere: on an action server, outside of any transaction.

A turn that comes to such an action ends there, as if it had never begun, and is taken again from the start
once the server has answered. So what the turn writes is still written together, and the server is asked
the same question under the same key however often the turn is tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from actions.base import Change
from crm_store.history import Message, list_newest
from crm_store.messages import Content, ParleyError, Understanding
from nlu.action_server import Call, Ran
from nlu.base import Decision, State
from nlu.moves import Event
from nlu.rasa_domain import domain_json
from nlu.rasa_events import read_events
from nlu.rasa_responses import contents_of
from nlu.rasa_tracker import Told, tracker_json
from nlu.rasa_written import (
    RasaEvent,
    action_event,
    bot_event,
    done_events,
    slot_events,
    user_event,
)
from parley.situation import Situation

log = structlog.get_logger()

MOST_BEFORE = 50  # messages before the one that is answered, of which a server is told


class Awaited(ParleyError):
    """The turn waits for an action server."""

    def __init__(self, call: Call | None) -> None:
        """`call`: None where nobody may be asked now."""
        super().__init__()
        self.call = call


@dataclass(slots=True)
class Asking:
    """A turn that waits for an action server, and what was learnt for it so far."""

    conversation_id: UUID
    call: Call
    heard: dict[UUID, Understanding]  # by message
    answers: dict[str, Ran] = field(default_factory=dict)  # by the key of the call
    instead: dict[UUID, Decision] = field(default_factory=dict)  # what a language model answers, by message


@dataclass(slots=True)
class Done:
    """What an action that ran elsewhere has brought."""

    contents: list[Content]
    events: list[Event]
    changes: list[Change]
    rejected: bool = False
    person: bool = False  # it wants the bot to be silent: a person has to come


class Notes:
    """What a turn does, in Rasa's words, for the action servers that it may ask."""

    def __init__(self, state: State, at: float) -> None:
        self.at = at
        self.events: list[RasaEvent] = slot_events(
            {name: state.slots.get(name) for name in state.filled}, at
        )
        self.calls = 0

    def add(self, decision: Decision, slots: Mapping[str, Any], contents: Sequence[Content]) -> None:
        """An action of the house was run."""
        self.events += done_events(decision, slot_events(slots, self.at), self.at)
        self.events += [bot_event(content, self.at) for content in contents]

    def add_remote(self, decision: Decision, ran: Ran, contents: Sequence[Content]) -> None:
        """An action was run elsewhere."""
        self.events += [bot_event(content, self.at) for content in contents]
        if ran.rejected:
            self.events.append(
                {"event": "action_execution_rejected", "timestamp": self.at, "name": decision.action}
            )
            return
        self.events += done_events(decision, (dict(event) for event in ran.events), self.at)


def run(situation: Situation, state: State, decision: Decision, notes: Notes, language: str) -> Done:
    """Run an action on the server, or raise `Awaited` if that has still to be asked."""
    if situation.told is None:
        raise Awaited(None)
    key = f"{situation.message.id}/{notes.calls}/{decision.action}"
    notes.calls += 1
    ran = situation.told.get(key)
    if ran is None:
        raise Awaited(_call(situation, state, decision, notes, key))
    done = _read(situation, state, ran, language)
    if any(event["event"] == "reminder" for event in ran.events):
        log.warning("reminder.ignored", action=decision.action, message=str(situation.message.id))
    notes.add_remote(decision, ran, done.contents)
    return done


def _call(situation: Situation, state: State, decision: Decision, notes: Notes, key: str) -> Call:
    bot, conversation = situation.bot, situation.conversation
    told = Told(str(conversation.address), conversation.channel, notes.at, _before(situation), notes.events)
    domain = bot.project.domain
    selective = bot.server is not None and bot.server.endpoint.selective_domain
    wanted = not selective or decision.action in domain.send_domain
    return Call(
        action=decision.action,
        key=key,
        sender_id=told.sender_id,
        tracker=tracker_json(domain, state, situation.heard, decision, told),
        domain=domain_json(domain) if wanted else None,
    )


def _read(situation: Situation, state: State, ran: Ran, language: str) -> Done:
    events = read_events(ran.events)
    slots = {event[1]: event[2] for event in events if event[0] == "slot"}
    values = {**state.slots, **slots, "language": language}

    def say(name: str, more: Mapping[str, Any]) -> Sequence[Content]:
        return situation.bot.say(name, {**values, **more}, situation.conversation.channel)

    return Done(
        contents=[one for response in ran.responses for one in contents_of(response, say)],
        events=[event for event in events if event[0] not in ("pause", "resume")],
        changes=[Change("slot", name, value) for name, value in slots.items()],
        rejected=ran.rejected,
        person=any(event[0] == "pause" for event in events),
    )


def _before(situation: Situation) -> list[RasaEvent]:
    """What was said and done in the conversation before this message."""
    message = situation.message
    rows = list_newest(situation.session, situation.conversation.id, before=message.seq, limit=MOST_BEFORE)
    return [event for row in rows for event in _events_of(row)]


def _events_of(row: Message) -> list[RasaEvent]:
    at = row.created_at.timestamp()
    if row.direction == "out":
        return [bot_event(row.said, at)]
    events = [action_event("action_listen", at)]
    events.append(user_event(row.understanding or {"text": row.text}, row.channel, at))
    for step in row.decision or ():
        if not step.get("action"):
            continue
        events.append(action_event(step["action"], at))
        changes = step.get("changes", ())
        events += slot_events({c["name"]: c["value"] for c in changes if c["what"] == "slot"}, at)
    return events
