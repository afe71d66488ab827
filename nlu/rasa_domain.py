"""A domain in the shape in which Rasa hands it to an action server."""

from __future__ import annotations

from typing import Any

from nlu.domain import Domain, Form, MappingCondition, Slot, SlotMapping
from nlu.responses import Variation


def domain_json(domain: Domain) -> dict[str, Any]:
    """The domain as Rasa would write it."""
    return {
        "version": "3.1",
        "intents": list(domain.intents),
        "entities": list(domain.entities),
        "slots": {name: _slot(slot) for name, slot in domain.slots.items()},
        "responses": {
            name: [_variation(one) for one in variations] for name, variations in domain.responses.items()
        },
        "forms": {name: _form(form) for name, form in domain.forms.items()},
        "actions": list(domain.actions),
        "session_config": {
            "session_expiration_time": domain.session_expiration_minutes,
            "carry_over_slots_to_new_session": domain.carry_over_slots,
        },
    }


def _slot(slot: Slot) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": slot.type,
        "influence_conversation": slot.influences,
        "mappings": [_mapping(one) for one in slot.mappings],
    }
    if slot.initial_value is not None:
        found["initial_value"] = slot.initial_value
    if slot.values:
        found["values"] = list(slot.values)
    if slot.type == "float":
        found |= {"min_value": slot.low, "max_value": slot.high}
    return found


def _mapping(mapping: SlotMapping) -> dict[str, Any]:
    found = {
        "type": mapping.type,
        "entity": mapping.entity,
        "role": mapping.role,
        "group": mapping.group,
        "value": mapping.value,
        "intent": sorted(mapping.intents),
        "not_intent": sorted(mapping.not_intents),
        "conditions": [_condition(one) for one in mapping.conditions],
        "action": mapping.action,
    }
    return {key: value for key, value in found.items() if value not in (None, "", [])}


def _condition(condition: MappingCondition) -> dict[str, Any]:
    asked = {"requested_slot": condition.requested_slot} if condition.requested_slot else {}
    return {"active_loop": condition.active_loop, **asked}


def _form(form: Form) -> dict[str, Any]:
    ignored = {"ignored_intents": sorted(form.ignored_intents)} if form.ignored_intents else {}
    return {"required_slots": list(form.required_slots), **ignored}


def _variation(variation: Variation) -> dict[str, Any]:
    found = variation.to_json()
    conditions = found.pop("conditions", ())
    if conditions:
        found["condition"] = [{"type": "slot", "name": name, "value": value} for name, value in conditions]
    return found
