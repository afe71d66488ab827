"""What an action is: a plain function that updates the record and yields Content. One file per action.

An action knows the customer, not the channel. Its words are responses of the domain: `turn.say(name)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import Session

from crm_store import customers
from crm_store.messages import Content, Floor, Moment, Understanding

SURE = 0.8
Say = Callable[[str, Mapping[str, Any]], list[Content]]
ReadMoment = Callable[[str, datetime], Moment | None]
ReadMatter = Callable[[str, Moment | None], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that a turn changed on the record, for the explanation."""

    what: str  # "attribute", "tag", "consent", "floor", "slot"
    name: str
    value: Any


@dataclass(slots=True)
class Turn:
    """One message of one customer, being answered: all that an action may know and do."""

    session: Session
    now: datetime
    customer_id: UUID
    conversation_id: UUID
    message_id: UUID
    text: str
    understanding: Understanding
    slots: dict[str, Any]
    language: str  # "zh", "en": in which responses are said
    say_response: Say
    arguments: Mapping[str, Any] = field(default_factory=dict)  # Decision.arguments
    settings: Mapping[str, Any] = field(default_factory=dict)  # the bot's own: timezone, opening hours
    read_moment: ReadMoment = lambda _text, _now: None  # what a text says of a time, seen from a now
    read_matter: ReadMatter = lambda text, _moment: text  # the rest of it: what to be reminded of
    set_slots: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    floor: Floor | None = None  # asked for by the action: "waiting" hands over

    def say(self, response: str, **values: Any) -> list[Content]:
        """A response of the domain in the customer's language, `{slots}` and `values` filled in."""
        return self.say_response(response, {**self.slots, **self.set_slots, **values})

    @property
    def is_sure(self) -> bool:
        """Whether it was understood well enough to change what the customer allows us."""
        return self.understanding.confidence >= SURE

    def zone(self) -> ZoneInfo:
        """Where the customer is: their attribute `timezone`, else where the company is."""
        zone = customers.find_zone(self.session, self.customer_id)
        return zone or ZoneInfo(str(self.settings.get("timezone") or "UTC"))

    def find_moment(self, text: str) -> Moment | None:
        """What the text says of a time, on the customer's clock; None if nothing."""
        return self.read_moment(text, self.now.astimezone(self.zone()))

    def set_slot(self, name: str, value: Any) -> None:
        """Set a slot of the dialogue."""
        self.set_slots[name] = value
        self.changes.append(Change("slot", name, value))

    def note(self, what: str, name: str, value: Any) -> None:
        """Keep what an action changed on the record, for the explanation."""
        self.changes.append(Change(what, name, value))

    def ask_for_person(self) -> None:
        """Give the floor away: the conversation waits for an agent."""
        self.floor = "waiting"
        self.note("floor", "floor", "waiting")


Action = Callable[[Turn], Iterable[Content]]
_actions: dict[str, Action] = {}
_always: set[str] = set()


def action(name: str, *, always: bool = False) -> Callable[[Action], Action]:
    """Register a function as the domain's action of that name.

    `always`: it is done also while a person has the floor, in silence, for what it changes.
    """

    def register(function: Action) -> Action:
        _actions[name] = function
        if always:
            _always.add(name)
        return function

    return register


def load_actions() -> dict[str, Action]:
    """All actions by name: every file in this folder is read, there is no list to extend."""
    package = import_module("actions")
    for module in iter_modules(package.__path__):
        import_module(f"actions.{module.name}")
    return dict(_actions)


def always_done() -> frozenset[str]:
    """The actions that are done whoever has the floor, once they are loaded."""
    return frozenset(_always)
