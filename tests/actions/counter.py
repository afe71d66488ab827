"""Where actions are tried: one customer, one database, the words of the demo shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlmodel import Session

from actions.base import Turn, load_actions
from crm_store import customers
from crm_store.db import new_id
from crm_store.messages import Content, Entity, Understanding
from nlu.matter import read_matter
from nlu.moments import find_moment
from nlu.project import Project, read_project
from parley.training import WORDS

HOUSE = read_project(WORDS)
NOON = datetime(2025, 11, 19, 4, 0, tzinfo=UTC)  # A Wednesday, 12:00 in Hangzhou.
SETTINGS = {
    "timezone": "Asia/Shanghai",
    "opening_hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "10:00-21:30"),
}


@dataclass(frozen=True, slots=True)
class Counter:
    """Where turns are taken: one customer, one database, the words of the demo shop."""

    project: Project
    session: Session
    customer_id: UUID

    def turn(
        self,
        text: str = "",
        *,
        entities: Mapping[str, str] | None = None,
        system: Mapping[str, str] | None = None,
        slots: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        settings: Mapping[str, Any] = SETTINGS,
        language: str = "zh",
        now: datetime = NOON,
        confidence: float = 1.0,
    ) -> Turn:
        """A turn on this text in which these entities were heard."""

        def say(name: str, values: Mapping[str, Any]) -> list[Content]:
            slots = {"language": language, **values}
            return self.project.respond(name, slots) or HOUSE.respond(name, slots)

        heard = Understanding(
            text, confidence=confidence, entities=_entities(entities), system_entities=_entities(system)
        )
        return Turn(
            session=self.session, now=now, customer_id=self.customer_id, conversation_id=new_id(),
            message_id=new_id(), text=text, understanding=heard,
            slots={"language": language, **(slots or {})}, language=language, say_response=say,
            arguments=arguments or {}, settings=settings, read_moment=find_moment,
            read_matter=read_matter,
        )  # fmt: skip

    def run(self, name: str, turn: Turn) -> list[Content]:
        """What the action of that name says in that turn."""
        return list(load_actions()[name](turn))

    def attributes(self) -> dict[str, Any]:
        """What the record holds of the customer."""
        return {
            name: fact.value for name, fact in customers.attributes(self.session, self.customer_id).items()
        }


def _entities(values: Mapping[str, str] | None) -> tuple[Entity, ...]:
    return tuple(Entity(name, value, 0, 0) for name, value in (values or {}).items())
