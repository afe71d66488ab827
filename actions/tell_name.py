"""Learn what a customer wants to be called."""

from __future__ import annotations

from collections.abc import Iterable

from actions.base import Turn, action
from actions.heard import find_heard, learn
from crm_store import customers
from crm_store.messages import Content

LONGEST = 40  # characters


def normalise_name(said: str) -> str | None:
    """A name without what stands around it; None if it can be none."""
    name = " ".join(said.split()).strip(" ,.!?，。！？、~～")
    return name if any(letter.isalpha() for letter in name) and len(name) <= LONGEST else None


def learn_name(turn: Turn, said: str | None) -> str | None:
    """Put a name on the record; None if what was said can be no name."""
    name = normalise_name(said or "")
    if name is None:
        return None
    learn(turn, "name", name)
    customers.set_display_name(turn.session, turn.customer_id, name, turn.now)
    turn.set_slot("name", name)
    return name


@action("action_tell_name")
def tell_name(turn: Turn) -> Iterable[Content]:
    """Keep the name and use it at once; ask for it if none was heard."""
    name = learn_name(turn, find_heard(turn, "name"))
    if name is None:
        return turn.say("utter_ask_name")
    return turn.say("utter_name_saved", name=name)
