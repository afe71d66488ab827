"""A dialogue in the shape in which Rasa hands it to an action server: its tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Understanding
from nlu import forms
from nlu.base import LISTEN, REQUESTED, Decision, State
from nlu.domain import Domain
from nlu.moves import Event
from nlu.rasa_written import WRITTEN, RasaEvent, action_event, slot_events, user_event, written
from nlu.slot_filling import VALIDATION


@dataclass(frozen=True, slots=True)
class Told:
    """Where and when a dialogue is held, and what has happened in it before the action."""

    sender_id: str
    channel: str
    at: float  # seconds since 1970
    before: Sequence[RasaEvent]  # up to the message that is answered
    since: Sequence[RasaEvent]  # what the turn has done so far


def tracker_json(
    domain: Domain, state: State, heard: Understanding, decision: Decision, told: Told
) -> dict[str, Any]:
    """Rasa's tracker as the action of a decision finds it."""
    run = decision.arguments.get("run")
    slots = dict.fromkeys(domain.slots) | {REQUESTED: None} | state.slots
    brought: list[Event] = run["events"] if run else []
    slots |= {event[1]: event[2] for event in brought if event[0] == "slot"}
    loop = run["form"] if run else state.active_loop
    user = heard_event(heard, state, told)
    events = [*told.before, action_event(LISTEN, told.at), user]
    events += told.since
    latest = state.moves[-1]["action"] if state.moves else LISTEN
    if run and decision.action == f"validate_{run['form']}":
        latest = run["form"]
        events += _in_form(domain, state, run, slots, told.at)
    elif run:
        events += [written(event, told.at) for event in brought if event[0] in WRITTEN]
    elif decision.action == VALIDATION:
        events += slot_events({name: state.slots.get(name) for name in state.filled}, told.at)
    return {
        "sender_id": told.sender_id,
        "slots": slots,
        "latest_message": user["parse_data"],
        "latest_event_time": told.at,
        "followup_action": state.followup or None,
        "paused": state.paused,
        "events": events,
        "latest_input_channel": told.channel,
        "active_loop": _loop(loop, state),
        "latest_action": {"action_name": latest},
        "latest_action_name": latest,
    }


def heard_event(heard: Understanding, state: State, told: Told) -> RasaEvent:
    """What the customer says now; its intent is the one that the dialogue goes by."""
    parsed = heard.to_json()
    intent = str(state.user.get("intent") or parsed["intent"]["name"] or "")
    parsed["intent"] = {"name": intent or None, "confidence": parsed["intent"]["confidence"]}
    return user_event(parsed, told.channel, told.at)


def _in_form(
    domain: Domain, state: State, run: forms.Run, slots: Mapping[str, Any], at: float
) -> list[RasaEvent]:
    """What a form has done before its validation. Slots to be validated come last, and nothing behind."""
    form = domain.forms[run["form"]]
    required = {*form.required_slots, run["asked"]}
    if run["stage"] == "opened":
        named = [name for name in form.required_slots if slots.get(name) is not None]
    else:
        since = [event[1] for event in run["events"] if event[0] == "slot"]
        named = [name for name in dict.fromkeys([*state.filled, *since]) if name in required]
    opened = [written(event, at) for event in run["events"] if event[0] == "loop"]
    asked = slot_events({REQUESTED: run["asked"]}, at)
    return [
        *opened,
        *asked,
        action_event(form.name, at),
        *slot_events({n: slots.get(n) for n in named}, at),
    ]


def _loop(name: str | None, state: State) -> dict[str, Any]:
    if not name:
        return {}
    rejected = state.loop_rejected and name == state.active_loop
    return {"name": name, "is_interrupted": False, "rejected": rejected, "trigger_message": None}
