"""What a trigger is: a function that says whom a campaign means, as a query. One file per trigger.

A query, not a list of people: so that a million of them are counted, sampled and worked off in pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

import campaigns
from crm_store.messages import NotFound, ParleyError

Ids = SelectOfScalar[UUID]


class Params(BaseModel):
    """What a marketer tells a trigger. Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Given = TypeVar("Given", bound=Params)


class InvalidParams(ParleyError):
    """What a campaign says of the people it means is wrong."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A way to say whom a campaign means."""

    name: str
    params: type[Params]
    people: Callable[[Session, Any, datetime], Ids]

    def check(self, params: Mapping[str, Any]) -> Params:
        """The params, read. InvalidParams with the place of the first fault and what was expected."""
        try:
            return self.params.model_validate(params)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, fault["loc"]))
            said = str(fault["msg"]).removeprefix("Value error, ")
            raise InvalidParams(f"{where}: {said}" if where else said) from None

    def whom(self, session: Session, params: Mapping[str, Any], now: datetime) -> Ids:
        """The ids of the customers whom a campaign means."""
        return self.people(session, self.check(params), now)


_triggers: dict[str, Trigger] = {}


def trigger(
    name: str, params: type[Given]
) -> Callable[[Callable[[Session, Given, datetime], Ids]], Callable[[Session, Given, datetime], Ids]]:
    """Register a function as the trigger of that name. Its docstring says whom it means."""

    def register(
        function: Callable[[Session, Given, datetime], Ids],
    ) -> Callable[[Session, Given, datetime], Ids]:
        _triggers[name] = Trigger(name, params, function)
        return function

    return register


def load_triggers() -> Mapping[str, Trigger]:
    """All triggers by name: every file of this folder is read."""
    for module in iter_modules(campaigns.__path__):
        import_module(f"campaigns.{module.name}")
    return _triggers


def find_trigger(name: str) -> Trigger:
    """The trigger of this name; NotFound if no file has it."""
    found = load_triggers().get(name)
    if found is None:
        raise NotFound(f"there is no trigger {name}")
    return found
