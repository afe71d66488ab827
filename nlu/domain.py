"""What a bot's domain declares: intents, entities, slots, forms, actions, the session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from crm_store.messages import Entity
from nlu.reading import Node, Problems
from nlu.responses import Variation, read_responses

UNSET = "should_not_be_set"  # in rules: `null`, which is something else than not being mentioned
TWO_STAGE = "action_two_stage_fallback"
SLOT_TYPES = ("text", "bool", "categorical", "float", "list", "any")
# Domains that Rasa itself has written name its classes.
_CLASSES = {
    "TextSlot": "text", "BooleanSlot": "bool", "CategoricalSlot": "categorical", "FloatSlot": "float",
    "ListSlot": "list", "AnySlot": "any", "UnfeaturizedSlot": "any",
}  # fmt: skip
MAPPING_TYPES = ("from_entity", "from_intent", "from_trigger_intent", "from_text", "custom")
BUILT_IN_INTENTS = ("restart", "back", "out_of_scope", "session_start", "nlu_fallback")
BUILT_IN_ACTIONS = (
    "action_listen", "action_restart", "action_session_start", "action_default_fallback",
    "action_deactivate_loop", "action_revert_fallback_events", "action_default_ask_affirmation",
    "action_default_ask_rephrase", "action_two_stage_fallback", "action_unlikely_intent",
    "action_back", "action_extract_slots",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MappingCondition:
    """Where a mapping holds: in this form (None: in none), while this slot is asked for."""

    active_loop: str | None
    requested_slot: str | None = None


@dataclass(frozen=True, slots=True)
class SlotMapping:
    """One way in which a slot is filled from what the customer said."""

    type: str
    entity: str = ""
    role: str | None = None
    group: str | None = None
    value: Any = None
    intents: frozenset[str] = frozenset()
    not_intents: frozenset[str] = frozenset()
    conditions: tuple[MappingCondition, ...] = ()
    action: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing that a dialogue remembers."""

    name: str
    type: str = "text"
    initial_value: Any = None
    influences: bool = True
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 1.0
    mappings: tuple[SlotMapping, ...] = ()
    only_from: frozenset[str] | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        """Keep which entities alone can fill it, or None: most messages hold none of them."""
        told = [mapping for mapping in self.mappings if mapping.type != "custom"]
        if all(mapping.type == "from_entity" for mapping in told):
            object.__setattr__(self, "only_from", frozenset(mapping.entity for mapping in told))

    def features(self, value: Any) -> list[float]:
        """The value as rules and stories compare it; empty where it is unset or of no influence."""
        if not self.influences or self.type == "any":
            return []
        if self.type == "list":
            return [1.0] if value else []
        if value is None:
            return []
        if self.type == "bool":
            truth = _truth(value)
            return [] if truth is None else [1.0, float(truth)]
        if self.type == "float":
            return self._scaled(value)
        if self.type == "categorical":
            return list(_one_hot(self.values, str(value).lower()))
        return [1.0]

    def compared(self, value: Any) -> list[float] | str:
        """The same in rules, where a slot may have to be unset.

        A list is never unset there: Rasa keeps the sign for it as the list's only item.
        """
        if value == UNSET and self.influences and self.type not in {"any", "list"}:
            return UNSET
        return self.features(value)

    def _scaled(self, value: Any) -> list[float]:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return []
        span = abs(self.high - self.low) or 1.0
        return [1.0, (min(max(number, self.low), self.high) - self.low) / span]


@dataclass(frozen=True, slots=True)
class Form:
    """Slots that are asked for one after the other."""

    name: str
    required_slots: tuple[str, ...] = ()
    ignored_intents: frozenset[str] = frozenset()


@dataclass(slots=True)
class Domain:
    """All of a project's domain sections together."""

    intents: list[str] = field(default_factory=list)
    unused_entities: dict[str, frozenset[str]] = field(default_factory=dict)  # by intent
    used_entities: dict[str, frozenset[str]] = field(default_factory=dict)  # by intent; absent: all
    entities: list[str] = field(default_factory=list)
    entity_parts: dict[str, set[str]] = field(default_factory=dict)  # by entity: its roles and groups
    silent_entities: set[str] = field(default_factory=set)  # of no influence on the dialogue
    slots: dict[str, Slot] = field(default_factory=dict)
    responses: dict[str, list[Variation]] = field(default_factory=dict)
    forms: dict[str, Form] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    send_domain: set[str] = field(default_factory=set)  # actions that want to be told the domain
    places: dict[str, tuple[str, int]] = field(default_factory=dict)  # of actions: file and line
    session_expiration_minutes: float = 60.0
    carry_over_slots: bool = True

    @property
    def known_intents(self) -> set[str]:
        """Declared intents and those that are built in."""
        return {*self.intents, *BUILT_IN_INTENTS}

    def knows(self, intent: str) -> bool:
        """Whether an intent is declared or built in."""
        return intent in self.intents or intent in BUILT_IN_INTENTS

    @property
    def loops(self) -> set[str]:
        """Actions that go on over several messages."""
        return {*self.forms, TWO_STAGE}

    @property
    def action_names(self) -> set[str]:
        """Everything that can be a next action: actions, forms, responses, and what is built in."""
        return {*self.actions, *self.forms, *self.responses, *BUILT_IN_ACTIONS}

    def seen_entities(self, intent: str, entities: Iterable[Entity]) -> list[str]:
        """What rules and stories see of a message's entities: `city`, `city#from`."""
        names: set[str] = set()
        known = self.knows(intent)
        for entity in entities:
            if known and not self._influences(intent, entity.entity):
                continue
            # Where an intent names what it ignores, a silent entity's parts are seen all the same.
            if not (known and entity.entity in self.silent_entities and intent not in self.used_entities):
                names.add(entity.entity)
            parts = self.entity_parts.get(entity.entity, ())
            for part in (entity.role, entity.group):
                if part is not None and (not known or part in parts):
                    names.add(f"{entity.entity}#{part}")
        return sorted(names)

    def _influences(self, intent: str, entity: str) -> bool:
        if entity in self.unused_entities.get(intent, self.silent_entities):
            return False
        used = self.used_entities.get(intent)
        return entity in self.entities if used is None else entity in used

    def initial_slots(self) -> dict[str, Any]:
        """The slots that are set from the start."""
        return {n: s.initial_value for n, s in self.slots.items() if s.initial_value is not None}

    def initial_features(self) -> dict[str, Any]:
        """The same as rules and stories see them."""
        found = (
            (n, s.features(s.initial_value)) for n, s in self.slots.items() if s.initial_value is not None
        )
        return {name: features for name, features in found if features}


def read_domain(fields: dict[str, Node], domain: Domain, problems: Problems) -> None:
    """Add the domain keys of one file: lists unite, mappings merge, the later file wins."""
    for key in ("intents", "entities", "actions"):
        _name_twins(problems.sequence(fields.get(key), key), key, problems)
    for item in problems.sequence(fields.get("intents"), "intents"):
        _read_intent(item, domain, problems)
    for item in problems.sequence(fields.get("entities"), "entities"):
        _read_entity(item, domain, problems)
    for name, item in problems.mapping(fields.get("slots"), "slots").items():
        domain.slots[name] = _read_slot(name, item, problems)
    for name, item in problems.mapping(fields.get("forms"), "forms").items():
        domain.forms[name] = _read_form(name, item, problems)
    for item in problems.sequence(fields.get("actions"), "actions"):
        name, settings = _name(item, "an action", problems)
        domain.actions.append(name)
        if problems.truth(settings.get("send_domain"), "send_domain", default=False):
            domain.send_domain.add(name)
        domain.places.setdefault(name, (item.file, item.line))
    read_responses(fields.get("responses"), domain.responses, problems)
    session = problems.mapping(fields.get("session_config"), "session_config")
    domain.session_expiration_minutes = problems.number(
        session.get("session_expiration_time"), "session_expiration_time", domain.session_expiration_minutes
    )
    domain.carry_over_slots = problems.truth(
        session.get("carry_over_slots_to_new_session"),
        "carry_over_slots_to_new_session",
        domain.carry_over_slots,
    )


def _name_twins(items: Iterable[Node], key: str, problems: Problems) -> None:
    """In one list no name stands twice; lists of several files may share names."""
    seen: set[str] = set()
    for item in items:
        value = next(iter(item.value), "") if isinstance(item.value, dict) else item.value
        if isinstance(value, str) and value in seen:
            problems.add(item, f"expected {value!r} to stand only once under {key}")
        seen.add(str(value))


def _name(item: Node, what: str, problems: Problems) -> tuple[str, dict[str, Node]]:
    """A name, or a mapping of one name to its settings."""
    if isinstance(item.value, dict) and len(item.value) == 1:
        name, settings = next(iter(item.value.items()))
        return name, problems.mapping(settings, name)
    return problems.text(item, what).strip(), {}


def _read_intent(item: Node, domain: Domain, problems: Problems) -> None:
    name, settings = _name(item, "an intent", problems)
    if name and name not in domain.intents:
        domain.intents.append(name)
    use = settings.get("use_entities")
    if use is not None and use.value is not True:
        domain.used_entities[name] = frozenset(problems.texts(use, "use_entities") if use.value else ())
    ignored = problems.texts(settings.get("ignore_entities"), "ignore_entities")
    if "ignore_entities" in settings:
        domain.unused_entities[name] = frozenset(ignored)


def _read_entity(item: Node, domain: Domain, problems: Problems) -> None:
    name, settings = _name(item, "an entity", problems)
    if name and name not in domain.entities:
        domain.entities.append(name)
    for key in ("roles", "groups"):
        domain.entity_parts.setdefault(name, set()).update(problems.texts(settings.get(key), key))
    if not problems.truth(settings.get("influence_conversation"), "influence_conversation", default=True):
        domain.silent_entities.add(name)


def _read_form(name: str, item: Node, problems: Problems) -> Form:
    fields = problems.mapping(item, name)
    asked = fields.get("required_slots")
    if asked is not None and isinstance(asked.value, dict):  # Rasa 2
        required = [*asked.value]
    elif asked is None and fields and all(isinstance(node.value, list) for node in fields.values()):
        required = [key for key in fields if key != "ignored_intents"]
    else:
        required = problems.texts(asked, "required_slots")
    ignored = problems.texts(fields.get("ignored_intents"), "ignored_intents")
    if "required_slots" not in fields and not required:
        problems.add(item, f"expected required_slots in the form {name}")
    return Form(name, tuple(required), frozenset(ignored))


def _read_slot(name: str, item: Node, problems: Problems) -> Slot:
    fields = problems.mapping(item, name)
    kind = _slot_type(fields.get("type"), problems)
    initial = fields.get("initial_value")
    values = problems.texts(fields.get("values"), "values")
    if kind == "categorical" and not values:
        problems.add(item, f"expected values in the categorical slot {name}")
    mappings = problems.sequence(fields.get("mappings"), "mappings")
    return Slot(
        name=name,
        type=kind,
        initial_value=None if initial is None else initial.plain(),
        influences=problems.truth(fields.get("influence_conversation"), "influence_conversation", True),
        values=tuple(values),
        low=problems.number(fields.get("min_value"), "min_value", 0.0),
        high=problems.number(fields.get("max_value"), "max_value", 1.0),
        mappings=tuple(read_mapping(mapping, problems) for mapping in mappings),
    )


def _slot_type(node: Node | None, problems: Problems) -> str:
    written = problems.text(node, "type") or "text"
    folder, _, last = written.rpartition(".")
    if folder.startswith("rasa."):
        written = _CLASSES.get(last, written)
    if written in SLOT_TYPES or node is None:
        return written
    if written != "unfeaturized" and not folder:
        problems.add(node, f"expected one of {', '.join(SLOT_TYPES)}, got {written!r}")
    elif folder:
        problems.warn(node, f"{written} is read as any: rules and stories do not see such a slot")
    return "any"


def read_mapping(item: Node, problems: Problems) -> SlotMapping:
    """One way to fill a slot."""
    fields = problems.mapping(item, "a mapping")
    kind = problems.text(fields.get("type"), "type")
    if kind not in MAPPING_TYPES:
        problems.add(item, f"expected a mapping type of {', '.join(MAPPING_TYPES)}, got {kind!r}")
    entity = problems.text(fields.get("entity"), "entity")
    if kind == "from_entity" and not entity:
        problems.add(item, "expected entity: in a from_entity mapping")
    value = fields.get("value")
    if kind in {"from_intent", "from_trigger_intent"} and value is None:
        problems.add(item, f"expected value: in a {kind} mapping")
    conditions = problems.sequence(fields.get("conditions"), "conditions")
    return SlotMapping(
        type=kind,
        entity=entity,
        role=problems.text(fields.get("role"), "role") or None,
        group=problems.text(fields.get("group"), "group") or None,
        value=None if value is None else value.plain(),
        intents=frozenset(problems.texts(fields.get("intent"), "intent")),
        not_intents=frozenset(problems.texts(fields.get("not_intent"), "not_intent")),
        conditions=tuple(_read_condition(condition, problems) for condition in conditions),
        action=problems.text(fields.get("action"), "action"),
    )


def _read_condition(item: Node, problems: Problems) -> MappingCondition:
    fields = problems.mapping(item, "a condition")
    loop = problems.text(fields.get("active_loop"), "active_loop") or None
    return MappingCondition(loop, problems.text(fields.get("requested_slot"), "requested_slot") or None)


@lru_cache(4096)
def _one_hot(values: tuple[str, ...], said: str) -> tuple[float, ...]:
    """Which of the values it is; the last place stands for any other."""
    found = [float(said == value.lower()) for value in values]
    return (*found, float(not any(found)))


def _truth(value: Any) -> bool | None:
    if isinstance(value, str):
        if value.isdecimal():
            return float(value) == 1.0
        return {"true": True, "false": False}.get(value.strip().lower())
    return bool(value == 1.0) if isinstance(value, bool | int | float) else None


def unknown_names(names: Iterable[str], known: Iterable[str]) -> list[str]:
    """The names that are not known, each once, in order."""
    have = set(known)
    return [name for name in dict.fromkeys(names) if name and name not in have]
