"""Domains in the format of Rasa 2, read as `rasa data migrate` would write them for Rasa 3."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nlu.domain import Domain, MappingCondition, SlotMapping, read_mapping
from nlu.reading import Node, Problems

ADVICE = (
    "this is the format of Rasa 2, read as `rasa data migrate` would write it; better let that rewrite it"
)
Fields = Mapping[str, Node]


def is_old(fields: Fields, problems: Problems) -> bool:
    """Whether a file's domain is in the format of Rasa 2: it says so, or its forms hold mappings."""
    if problems.text(fields.get("version"), "version").startswith("2"):
        return bool({"slots", "forms"} & set(fields))
    forms = problems.mapping(fields.get("forms"), "forms").values()
    return any(isinstance(slots_of(form).value, dict) for form in forms if isinstance(form.value, dict))


def slots_of(form: Node) -> Node:
    """What a form says of its slots: under `required_slots`, or in old files right under its name."""
    fields: dict[str, Node] = form.value if isinstance(form.value, dict) else {}
    if "required_slots" in fields:
        return fields["required_slots"]
    bare = {name: node for name, node in fields.items() if name != "ignored_intents"}
    return replace(form, value=bare or None)


def migrate(files: Iterable[Fields], domain: Domain, problems: Problems) -> None:
    """Give slots the mappings that old forms hold, and those that old slots have by their name."""
    for fields in files:
        where = fields.get("forms") or fields["slots"]
        problems.warn(where, ADVICE)
        for name, form in problems.mapping(fields.get("forms"), "forms").items():
            slots = slots_of(form)
            if isinstance(slots.value, dict):
                for slot, node in slots.value.items():
                    read = [read_mapping(item, problems) for item in problems.sequence(node, slot)]
                    _add_inside(domain, slot, read, name)
        for name, slot in problems.mapping(fields.get("slots"), "slots").items():
            settings = problems.mapping(slot, name)
            fills = problems.truth(settings.get("auto_fill"), "auto_fill", default=True)
            if fills and name in domain.entities:
                _add(domain, name, SlotMapping("from_entity", entity=name))


def _add_inside(domain: Domain, name: str, mappings: list[SlotMapping], form: str) -> None:
    """What forms say alike becomes one mapping that holds in each of them."""
    slot = domain.slots.get(name)
    if slot is None:
        return
    new = list(mappings)
    found: list[SlotMapping] = []
    for mapping in slot.mappings:
        bare = replace(mapping, conditions=())
        if bare in new:
            new.remove(bare)
            mapping = replace(mapping, conditions=(*mapping.conditions, _inside(form, mapping, name)))
        found.append(mapping)
    found += [replace(mapping, conditions=(_inside(form, mapping, name),)) for mapping in new]
    domain.slots[name] = replace(slot, mappings=tuple(found))


def _inside(form: str, mapping: SlotMapping, slot: str) -> MappingCondition:
    """In this form; where it may be anything that is said, only while the slot is asked for."""
    named = mapping.type in {"from_entity", "from_trigger_intent"}
    return MappingCondition(form, None if named else slot)


def _add(domain: Domain, name: str, mapping: SlotMapping) -> None:
    slot = domain.slots.get(name)
    if slot and mapping not in slot.mappings:
        domain.slots[name] = replace(slot, mappings=(*slot.mappings, mapping))
