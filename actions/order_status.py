"""Look into an order: the shop has no order system here, so a person does."""

from __future__ import annotations

import re
from collections.abc import Iterable

from actions.base import Turn, action
from actions.handover import handover
from actions.heard import find_heard, learn
from crm_store.messages import Content

_ORDER_NUMBER = re.compile(r"(?<![A-Za-z0-9])T\d{8}(?!\d)", re.IGNORECASE | re.ASCII)


@action("action_order_status")
def order_status(turn: Turn) -> Iterable[Content]:
    """Note which order was asked for and hand over; ask for the number if there is none."""
    said = find_heard(turn, "order_number") or turn.text
    found = _ORDER_NUMBER.search(said) or _ORDER_NUMBER.search(str(turn.slots.get("order_number") or ""))
    if not found:
        return turn.say("utter_ask_order_number")
    number = found[0].upper()
    learn(turn, "last_order_asked", number)
    turn.set_slot("order_number", number)
    return [*turn.say("utter_order_noted", order_number=number), *handover(turn)]
