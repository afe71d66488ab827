"""From a customer's message to the customer's record: what was said, and keeping it with its source."""

from __future__ import annotations

from actions.base import Turn
from crm_store import customers


def find_heard(turn: Turn, entity: str) -> str | None:
    """The last value of an entity in this message, as a text; None if there is none."""
    heard = (*turn.understanding.system_entities, *turn.understanding.entities)
    values = [found.value for found in heard if found.entity == entity and found.value is not None]
    return str(values[-1]).strip() or None if values else None


def learn(turn: Turn, name: str, value: str, *, shown: str = "") -> None:
    """Put a fact on the customer's record, with this message as its source.

    `shown` takes the value's place in the explanation, which should not repeat a phone number.
    """
    customers.set_attribute(
        turn.session,
        turn.customer_id,
        name,
        value,
        source="message",
        source_id=turn.message_id,
        now=turn.now,
    )
    turn.note("attribute", name, shown or value)
