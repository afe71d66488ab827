"""File a request to be called back, once the contact form has the number and the name."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from actions.heard import learn
from actions.leave_phone import normalise_phone
from actions.opening_hours import opening_times, said_opening
from actions.tell_name import learn_name
from crm_store import customers
from crm_store.masking import mask_phone
from crm_store.messages import Content

TAG = "wants_callback"


@action("action_callback_noted")
def callback_noted(turn: Turn) -> Iterable[Content]:
    """Keep number and name, tag the customer, hand over, and say when the call will come."""
    number = normalise_phone(str(turn.slots.get("phone") or ""))
    if number is None:
        turn.set_slot("phone", None)
        return turn.say("utter_phone_unusable")
    if customers.find_value(turn.session, turn.customer_id, "phone") != number:
        learn(turn, "phone", number, shown=mask_phone(number))
    turn.set_slot("phone", number)
    name = learn_name(turn, str(turn.slots.get("name") or "")) or _friend(turn)
    customers.add_tag(turn.session, turn.customer_id, TAG, source="message", now=turn.now)
    turn.note("tag", TAG, True)
    turn.ask_for_person()
    return _promise(turn, name, mask_phone(number))


def _promise(turn: Turn, name: str, masked: str) -> list[Content]:
    times = opening_times(turn)
    opens_at = times.next_opening(turn.now)
    if opens_at is None or times.find_open(turn.now):
        return turn.say("utter_callback_noted", name=name, masked=masked)
    opening = said_opening(turn, times, opens_at)
    return turn.say("utter_callback_noted_closed", name=name, masked=masked, **opening)


def _friend(turn: Turn) -> str:
    # Somebody who gave a smiley for a name is still called something.
    label = turn.say("utter_label/friend")
    return label[0].text if label else ""
