"""Call a reminder off that the customer asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from actions.base import Turn, action
from actions.heard import find_heard
from actions.said_moment import said_moment
from crm_store import followups
from crm_store.followups import FollowUp
from crm_store.messages import Button, Content, Refused

MOST_CHOICES = 5


@action("action_cancel_followup")
def cancel_followup(turn: Turn) -> Iterable[Content]:
    """Cancel the one that was named by its button, or the only one; else ask which."""
    waiting = followups.planned_for(turn.session, turn.customer_id)
    named = find_heard(turn, "reminder")
    if named:
        waiting = [row for row in waiting if row.id.hex.endswith(named)]
    if not waiting:
        return turn.say("utter_no_reminder")
    if len(waiting) > 1:
        return _ask_which(turn, waiting)
    try:
        followups.cancel(turn.session, waiting[0].id, followups.CALLED_OFF, turn.now)
    except Refused:
        return turn.say("utter_no_reminder")  # It is being sent in this very moment.
    turn.note("followup", str(waiting[0].id), "cancelled")
    return turn.say("utter_reminder_cancelled", when=said_moment(turn, waiting[0].due_at))


def _ask_which(turn: Turn, waiting: Sequence[FollowUp]) -> list[Content]:
    question = turn.say("utter_which_reminder")
    buttons = tuple(
        Button(said_moment(turn, row.due_at), f'/cancel_reminder{{"reminder":"{row.id.hex[-12:]}"}}')
        for row in waiting[:MOST_CHOICES]
    )
    return [replace(each, buttons=buttons) for each in question[-1:]]
