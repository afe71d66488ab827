"""Slots filled from what the customer said, as their mappings say."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Understanding
from nlu.base import State
from nlu.domain import Domain, Slot, SlotMapping

VALIDATION = "action_validate_slot_mappings"


@dataclass(frozen=True, slots=True)
class Hearing:
    """One message as the mappings see it. `intent` is "nlu_fallback" where it was not understood."""

    heard: Understanding
    intent: str
    as_text: bool = True  # False: the words are an answer's exact phrasing and fill no slot


def fill_slots(domain: Domain, state: State, hearing: Hearing) -> dict[str, Any]:
    """The slots that the message sets, by name: of each slot's mappings the first that yields a value."""
    said = {entity.entity for entity in hearing.heard.entities}
    found: dict[str, Any] = {}
    for name, slot in domain.slots.items():
        if slot.only_from is not None and said.isdisjoint(slot.only_from):
            continue
        filled = _filled(slot, domain, state, hearing, said)
        if filled:
            found[name] = filled[1]
    return found


def _filled(
    slot: Slot, domain: Domain, state: State, hearing: Hearing, said: Set[str]
) -> tuple[int, Any] | None:
    """The number of the mapping that yields a value, and the value."""
    for number, mapping in enumerate(slot.mappings):
        if mapping.type == "custom" or (mapping.entity and mapping.entity not in said):
            continue
        if not applies(mapping, slot, domain, state, hearing.intent):
            continue
        values = _values(mapping, hearing, state)
        if not values:
            continue
        value = values if slot.type == "list" else values[-1]
        if value is not None or state.slots.get(slot.name) is not None:
            return number, value
    return None


def asks_actions(domain: Domain) -> bool:
    """Whether any action is ever asked what a message sets."""
    mappings = (mapping for slot in domain.slots.values() for mapping in slot.mappings)
    return VALIDATION in domain.actions or any(mapping.action for mapping in mappings)


def asking_actions(
    domain: Domain, state: State, hearing: Hearing, filled: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The project's own actions that are asked, in this order, what a message sets or whether it may.

    With each those of `filled` that count all the same: their slots come later in the domain, or their
    mapping behind that of the action.
    """
    asked: dict[str, dict[str, Any]] = {}
    said = {entity.entity for entity in hearing.heard.entities}
    order = list(domain.slots)
    for place, slot in enumerate(domain.slots.values()):
        own = _filled(slot, domain, state, hearing, said) if any(m.action for m in slot.mappings) else None
        for mapping in slot.mappings[: own[0]] if own else slot.mappings:
            action = mapping.action
            if action and action not in asked and applies(mapping, slot, domain, state, hearing.intent):
                asked[action] = {name: filled[name] for name in order[place:] if name in filled}
    if VALIDATION in domain.actions:
        asked[VALIDATION] = {}
    return asked


def applies(mapping: SlotMapping, slot: Slot, domain: Domain, state: State, intent: str) -> bool:
    """Whether a mapping holds for this intent in this form, whatever it would yield."""
    if mapping.intents:
        if intent not in mapping.intents:
            return False
    elif intent in mapping.not_intents or intent in _ignored(mapping, domain, state.active_loop):
        return False
    if mapping.conditions and mapping.type != "from_trigger_intent" and not _holds(mapping, slot, state):
        return False
    return _is_known(mapping, domain) and not _is_ambiguous(mapping, slot, domain, state)


def _is_known(mapping: SlotMapping, domain: Domain) -> bool:
    """False: it speaks of an entity or intent that nobody declared; then it never holds."""
    if mapping.type == "from_entity":
        return mapping.entity in domain.entities
    if mapping.type == "from_intent":
        return all(domain.knows(intent) for intent in mapping.intents)
    return True


def _ignored(mapping: SlotMapping, domain: Domain, loop: str | None) -> frozenset[str]:
    """The intents that the form takes for no answer, as far as the mapping belongs to it."""
    form = domain.forms.get(loop) if loop else None
    if form is None:
        return frozenset()
    belongs = not mapping.conditions or any(one.active_loop == loop for one in mapping.conditions)
    return form.ignored_intents if belongs else frozenset()


def _holds(mapping: SlotMapping, slot: Slot, state: State) -> bool:
    if state.loop_rejected and state.requested_slot == slot.name:
        return False
    return any(
        condition.active_loop == state.active_loop
        and (condition.active_loop is None or condition.requested_slot in {None, state.requested_slot})
        for condition in mapping.conditions
    )


def _is_ambiguous(mapping: SlotMapping, slot: Slot, domain: Domain, state: State) -> bool:
    """True: in this form another slot is filled in the same way, and that is not the one asked for."""
    form = domain.forms.get(state.active_loop) if state.active_loop else None
    if form is None or mapping.type != "from_entity" or state.requested_slot == slot.name:
        return False
    if slot.name not in form.required_slots:
        return False
    required = (domain.slots[name] for name in form.required_slots if name in domain.slots)
    return sum(other == mapping for one in required for other in one.mappings) > 1


def _values(mapping: SlotMapping, hearing: Hearing, state: State) -> list[Any]:
    match mapping.type:
        case "from_entity":
            wanted = (mapping.entity, mapping.role, mapping.group)
            found = hearing.heard.entities
            return [one.value for one in found if (one.entity, one.role, one.group) == wanted]
        case "from_intent":
            return [mapping.value] if hearing.intent else []
        case "from_trigger_intent":
            loops = {condition.active_loop for condition in mapping.conditions}
            inside = state.active_loop is not None and (not loops or state.active_loop in loops)
            return [mapping.value] if inside else []
        case "from_text":
            text = hearing.heard.text.strip()
            return [text] if text and hearing.as_text and hearing.heard.engine != "payload" else []
    return []
