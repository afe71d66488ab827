"""Give the conversation to a person, and say when that person will be there."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from actions.opening_hours import opening_times, said_opening
from crm_store.messages import Content


@action("action_handover")
def handover(turn: Turn) -> Iterable[Content]:
    """Ask for a person; outside the opening hours say when the shop opens again."""
    turn.ask_for_person()
    times = opening_times(turn)
    opens_at = times.next_opening(turn.now)
    if opens_at is None or times.find_open(turn.now):
        return turn.say("utter_handover_coming")
    return turn.say("utter_handover_closed", **said_opening(turn, times, opens_at))
