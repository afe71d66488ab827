"""Slots filled from what the customer said, as their mappings say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Understanding
from nlu.base import State
from nlu.domain import Domain, Form, Slot, SlotMapping


@dataclass(frozen=True, slots=True)
class Hearing:
    """One message as the mappings see it. `intent` is empty where the message was not understood."""

    heard: Understanding
    intent: str
    as_text: bool = True  # False: the words are an answer's exact phrasing and fill no slot


def fill_slots(domain: Domain, state: State, hearing: Hearing) -> dict[str, Any]:
    """The slots that the message sets, by name: of each slot's mappings the first that yields a value."""
    form = domain.forms.get(state.active_loop or "")
    found: dict[str, Any] = {}
    for name, slot in domain.slots.items():
        for mapping in slot.mappings:
            if not _applies(mapping, slot, form, domain, state, hearing.intent):
                continue
            value = _value(mapping, slot, hearing, in_form=form is not None)
            if value is not None:
                found[name] = value
                break
    return found


def _applies(
    mapping: SlotMapping, slot: Slot, form: Form | None, domain: Domain, state: State, intent: str
) -> bool:
    ignored = form.ignored_intents if form and slot.name in form.required_slots else frozenset()
    if mapping.intents and intent not in mapping.intents:
        return False
    if intent in mapping.not_intents or intent in ignored:
        return False
    if mapping.conditions and not any(
        condition.active_loop == state.active_loop
        and condition.requested_slot in {None, state.requested_slot}
        and not (state.loop_rejected and condition.requested_slot)
        for condition in mapping.conditions
    ):
        return False
    other = form is not None and slot.name in form.required_slots and slot.name != state.requested_slot
    if other and form and mapping.type == "from_entity":
        return _is_unique(mapping, slot.name, form.required_slots, domain)
    return True


def _is_unique(mapping: SlotMapping, name: str, required: Sequence[str], domain: Domain) -> bool:
    """True: no other required slot of the form is filled from the same entity, role and group."""
    wanted = (mapping.entity, mapping.role, mapping.group)
    return not any(
        (other.entity, other.role, other.group) == wanted
        for slot in required
        if slot != name and slot in domain.slots
        for other in domain.slots[slot].mappings
        if other.type == "from_entity"
    )


def _value(mapping: SlotMapping, slot: Slot, hearing: Hearing, *, in_form: bool) -> Any:
    match mapping.type:
        case "from_entity":
            return _from_entity(mapping, slot, hearing.heard)
        case "from_intent":
            return mapping.value if hearing.intent else None
        case "from_trigger_intent":
            return mapping.value if in_form and hearing.intent in mapping.intents else None
        case "from_text":
            text = hearing.heard.text.strip()
            return text if text and hearing.as_text and hearing.heard.engine != "payload" else None
    return None


def _from_entity(mapping: SlotMapping, slot: Slot, heard: Understanding) -> Any:
    values = [
        entity.value
        for entity in heard.entities
        if (entity.entity, entity.role, entity.group) == (mapping.entity, mapping.role, mapping.group)
    ]
    if not values:
        return None
    return values if slot.type == "list" else values[-1]
