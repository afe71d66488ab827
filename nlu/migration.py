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
                    inside = (MappingCondition(name),)
                    _add(domain, slot, [replace(mapping, conditions=inside) for mapping in read])
        for name, slot in problems.mapping(fields.get("slots"), "slots").items():
            settings = problems.mapping(slot, name)
            fills = problems.truth(settings.get("auto_fill"), "auto_fill", default=True)
            if fills and name in domain.entities:
                _add(domain, name, [SlotMapping("from_entity", entity=name)])


def _add(domain: Domain, name: str, mappings: list[SlotMapping]) -> None:
    slot = domain.slots.get(name)
    if slot:
        new = [mapping for mapping in mappings if mapping not in slot.mappings]
        domain.slots[name] = replace(slot, mappings=(*slot.mappings, *new))
