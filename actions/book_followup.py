"""Remind a customer of something at the time they name: a follow-up to themselves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from actions.base import Turn, action
from actions.said_moment import label, said_day, said_moment
from crm_store import due_followups, followups
from crm_store.conversations import get_conversation
from crm_store.messages import Content, Refused

FURTHEST = timedelta(days=366)


@action("action_ask_reminder_time")
def ask_reminder_time(turn: Turn) -> Iterable[Content]:
    """Ask when; what it is about, and a day that was named, are kept meanwhile."""
    moment = turn.find_moment(turn.text)
    first = turn.slots.get("reminder_what") is None
    if first:
        turn.set_slot("reminder_what", turn.read_matter(turn.text, moment))
    if moment and moment.day and not moment.at:
        turn.set_slot("reminder_day", moment.day.isoformat())
        return turn.say("utter_ask_reminder_clock", day=said_day(turn, moment.day))
    return turn.say("utter_ask_reminder_time" if first else "utter_reminder_time_unclear")


@action("action_book_followup")
def book_followup(turn: Turn) -> Iterable[Content]:
    """Plan the reminder and say when it will come, or why it will not."""
    day, kept = turn.slots.get("reminder_day"), turn.slots.get("reminder_what")
    _forget(turn)
    moment = turn.find_moment(turn.text)
    if day and moment and moment.day is None and moment.at:
        moment = turn.find_moment(f"{day} {turn.text}")
    if moment is None or moment.at is None:
        return turn.say("utter_reminder_time_unclear")
    when = said_moment(turn, moment.at)
    if moment.at <= turn.now:
        return turn.say("utter_reminder_past", when=when)
    if moment.at > turn.now + FURTHEST:
        return turn.say("utter_reminder_too_far")
    what = kept if kept is not None else turn.read_matter(turn.text, moment)
    return _plan(turn, moment.at, when, str(what) or label(turn, "something"))


def _plan(turn: Turn, at: datetime, when: str, what: str) -> list[Content]:
    conversation = get_conversation(turn.session, turn.conversation_id)
    said = turn.say("utter_reminder", what=what)
    try:
        planned = followups.plan(
            turn.session,
            customer_id=turn.customer_id,
            address=conversation.address,
            text=said[0].text if said else what,
            due_at=at,
            planned_by=followups.BY_CUSTOMER,
            source_id=turn.message_id,
            now=turn.now,
        )
    except Refused:
        return turn.say("utter_reminder_too_many")
    turn.note("followup", str(planned.id), at.isoformat())
    expected = due_followups.foresee(turn.session, conversation.address, at)
    name = "utter_reminder_for_agent" if expected else "utter_reminder_booked"
    return turn.say(name, when=when, what=what, id=planned.id.hex[-12:])


def _forget(turn: Turn) -> None:
    for name in ("reminder_time", "reminder_day", "reminder_what"):
        turn.set_slots[name] = None
