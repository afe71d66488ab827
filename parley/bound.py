"""Slots that are the customer's record: what is known fills them, what fills them is known.

`State.recorded` is what the record last held of each. So a change on either side is told from the
other's: an agent's edit reaches the dialogue with the next message, a slot that was filled reaches the
record in the commit of its turn, with the message as its source. A slot that is emptied forgets nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions.base import SURE, Change
from crm_store import consents, customers
from crm_store.masking import mask
from nlu.base import State
from nlu.bound_slots import Bound, as_slot
from parley.facts import Fact, kept
from parley.situation import Situation

_NAME: Fact = ("attribute", "name")
Known = Mapping[Fact, Any]


class Record:
    """The record during one turn."""

    def __init__(self, situation: Situation, facts: dict[Fact, Any]) -> None:
        """`facts` as `read_facts` found them; kept up to date."""
        self._situation = situation
        self._facts = facts
        self._bound = situation.bot.bound
        self._slots = situation.bot.project.domain.slots
        self._changes: list[Change] = []

    def know(self, state: State) -> State:
        """The state with what has changed on the record since it was last looked at."""
        filled: dict[str, Any] = {}
        recorded: dict[str, Any] = {}
        for slot, one in self._bound.items():
            value = as_slot(self._facts.get(one.fact), self._slots[slot])
            before, have = state.recorded.get(slot), state.slots.get(slot)
            if one.kind == "tag" and value is None and before is False:
                value = False  # Who said no is not asked again.
            if value is not None:
                recorded[slot] = value
            changed = value != before and value != have
            if changed and (value is not None or have == before):
                filled[slot] = value
        if filled:
            state = self._situation.bot.dialogue.know(state, filled)
        return state if state.recorded == recorded else state.but(recorded=recorded)

    def learn(self, state: State) -> State:
        """Write down what slots were filled with; what nobody could use empties the slot again."""
        for slot, one in self._bound.items():
            value = state.slots.get(slot)
            if value is None or value == state.recorded.get(slot):
                continue
            usable = self._usable(one, value)
            if usable is None and one.fact == _NAME:
                continue  # Whoever gives a smiley for a name is asked no second time.
            if usable != value:
                state = self._situation.bot.dialogue.know(state, {slot: usable})
            if usable is not None:
                self._write(one, usable)
                state = state.but(recorded={**state.recorded, slot: usable})
        return state

    def take_changes(self) -> list[Change]:
        """What was changed since this was last asked, for the explanation."""
        changes, self._changes = self._changes, []
        return changes

    def _now(self, kind: str, name: str, before: Any) -> Any:
        session, customer_id = self._situation.session, self._situation.conversation.customer_id
        if kind == "tag":
            return name in customers.tags(session, customer_id)
        if kind == "consent":
            return consents.find_consent(session, customer_id, name)
        learnt = customers.find_learnt(session, customer_id, name)
        return learnt["value"] if learnt else before

    def _usable(self, one: Bound, value: Any) -> Any:
        if one.kind == "tag" or one.kind == "consent":
            told = as_slot(value, self._slots[one.slot])
            unsure = one.kind == "consent" and told and self._situation.heard.confidence < SURE
            return told if isinstance(told, bool) and not unsure else None
        return as_slot(value, self._slots[one.slot]) if one.kind == "custom" else kept(one.name, value)

    def _write(self, one: Bound, value: Any) -> None:
        situation = self._situation
        session, customer_id, now = situation.session, situation.conversation.customer_id, situation.now
        message_id = situation.message.id
        kind, name = one.fact
        before, self._facts[one.fact] = self._facts.get(one.fact), value
        if self._now(kind, name, before) == value:
            return  # The action that has filled the slot has written it down itself.
        if kind == "tag" and value:
            customers.add_tag(session, customer_id, name, source="message", now=now)
        elif kind == "tag":
            customers.remove_tag(session, customer_id, name)
        elif kind == "consent":
            change = consents.grant if value else consents.withdraw
            change(session, customer_id, name, source_id=message_id, now=now)
        else:
            customers.set_attribute(
                session, customer_id, name, value, source="message", source_id=message_id, now=now
            )
        if one.fact == _NAME:
            customers.set_display_name(session, customer_id, str(value), now)
        self._changes.append(Change(kind, name, mask(name, value) if kind == "attribute" else value))
