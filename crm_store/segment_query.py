"""Descriptions of customers: JSON conditions, checked with clear errors, compiled to one SQL query.

`{"all": […]}` and `{"any": […]}` nest; `{"not": …}` turns a condition round; an empty description fits
everybody. The rarest tag that all must carry drives the query, so that a million customers are no
matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, not_, or_, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from crm_store.conversations import Conversation
from crm_store.customers import Attribute, Customer, CustomerTag
from crm_store.events import Event
from crm_store.identities import Identity
from crm_store.messages import ParleyError

DEEPEST = 6
MOST_CONDITIONS = 60
MOST_DAYS = 3650
RARE_ENOUGH = 20_000  # of two tags that are both more frequent than this, either may drive

Given = Mapping[str, Any]
Check = Callable[[Any], str]  # what was expected, in words; "" if it holds


class InvalidSegment(ParleyError):
    """The description of a segment is wrong."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path or 'definition'}: expected {expected}")
        self.path = path
        self.expected = expected


def check_definition(definition: Any) -> None:
    """InvalidSegment with the path of the first faulty condition, and what was expected there."""
    if definition == {}:
        return
    if _check(definition, "", 1) > MOST_CONDITIONS:
        raise InvalidSegment("", f"at most {MOST_CONDITIONS} conditions")


def customers_in(session: Session, definition: Given, now: datetime) -> SelectOfScalar[UUID]:
    """The ids of the customers whom a checked description fits, as a query that can be narrowed."""
    conditions, joined = _conditions(definition), None
    tags = [given["tag"] for given in conditions if set(given) == {"tag"}]
    if tags:
        rarest = min(tags, key=lambda tag: _frequency(session, tag)) if len(tags) > 1 else tags[0]
        conditions = [given for given in conditions if given != {"tag": rarest}]
        joined = rarest
    where = [_sql(given, now) for given in conditions]
    living = (col(Customer.erased_at).is_(None), *where)
    if joined is None:
        return select(Customer.id).where(*living)
    # The tag's own ids are selected: in their order its index is read, and need not be sorted.
    query = select(CustomerTag.customer_id).join(Customer, col(CustomerTag.customer_id) == col(Customer.id))
    return query.where(col(CustomerTag.tag) == joined, *living)


def count_customers(session: Session, definition: Given, now: datetime) -> int:
    """How many customers a checked description fits."""
    found = customers_in(session, definition, now).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0


def sample_customers(session: Session, definition: Given, limit: int, now: datetime) -> Sequence[Customer]:
    """A few of the customers whom a checked description fits."""
    ids = session.scalars(customers_in(session, definition, now).limit(limit)).all()
    return session.exec(select(Customer).where(col(Customer.id).in_(ids)).order_by(col(Customer.id))).all()


def _conditions(definition: Given) -> list[Given]:
    """The conditions that must all hold."""
    if not definition:
        return []
    return list(definition["all"]) if set(definition) == {"all"} else [definition]


def _frequency(session: Session, tag: str) -> int:
    some = select(CustomerTag.tag).where(col(CustomerTag.tag) == tag).limit(RARE_ENOUGH).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


@dataclass(frozen=True, slots=True)
class Condition:
    """One kind of condition: its fields with what each must be, and its SQL."""

    fields: Mapping[str, Check]
    sql: Callable[[Given, datetime], ColumnElement[bool]]
    one_of: Mapping[str, Check] = field(default_factory=dict)  # exactly one of these as well
    optional: Mapping[str, Check] = field(default_factory=dict)


def _check(given: Any, path: str, depth: int) -> int:
    """How many conditions it has in it."""
    if depth > DEEPEST:
        raise InvalidSegment(path, f"conditions at most {DEEPEST} deep")
    if not isinstance(given, dict):
        raise InvalidSegment(path, "a condition, as an object")
    for name in ("all", "any"):
        if name in given:
            return _check_list(given, name, path, depth)
    if "not" in given:
        _check_keys(given, {"not"}, path)
        return 1 + _check(given["not"], f"{path}.not".lstrip("."), depth + 1)
    kind = next((name for name in CONDITIONS if name in given), None)
    if kind is None:
        raise InvalidSegment(path, f"one of all, any, not, {', '.join(CONDITIONS)}")
    _check_fields(given, CONDITIONS[kind], path)
    return 1


def _check_list(given: Given, name: str, path: str, depth: int) -> int:
    _check_keys(given, {name}, path)
    path = f"{path}.{name}".lstrip(".")
    if not isinstance(given[name], list):
        raise InvalidSegment(path, "a list of conditions")
    if name == "any" and not given[name]:
        raise InvalidSegment(path, "at least one condition")
    return 1 + sum(_check(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(given[name]))


def _check_keys(given: Given, allowed: set[str], path: str) -> None:
    for name in given:
        if name not in allowed:
            raise InvalidSegment(f"{path}.{name}".lstrip("."), f"only {', '.join(sorted(allowed))} here")


def _check_fields(given: Given, condition: Condition, path: str) -> None:
    checks = {**condition.fields, **condition.one_of, **condition.optional}
    _check_keys(given, set(checks), path)
    for name in condition.fields:
        if name not in given:
            raise InvalidSegment(path, f"also {name}")
    if condition.one_of and len(set(given) & set(condition.one_of)) != 1:
        raise InvalidSegment(path, f"one of {', '.join(condition.one_of)}")
    for name, value in given.items():
        if expected := checks[name](value):
            raise InvalidSegment(f"{path}.{name}".lstrip("."), expected)


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and 0 < len(value) <= 200 else "a text of 1 to 200 characters"


def _plain(value: Any) -> str:
    return "" if isinstance(value, str | int | float | bool) else "a text, a number, true or false"


def _days(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if whole and 1 <= value <= MOST_DAYS else f"a number of days from 1 to {MOST_DAYS}"


def _times(value: Any) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return "" if whole and 1 <= value <= 1000 else "a number from 1 to 1000"


def _yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _sql(given: Given, now: datetime) -> ColumnElement[bool]:
    if "all" in given:
        return and_(true(), *(_sql(item, now) for item in given["all"]))
    if "any" in given:
        return or_(*(_sql(item, now) for item in given["any"]))
    if "not" in given:
        return not_(_sql(given["not"], now)) if given["not"] else ~true()
    kind = next(name for name in CONDITIONS if name in given)
    return CONDITIONS[kind].sql(given, now)


def _tagged(given: Given, _: datetime) -> ColumnElement[bool]:
    other = aliased(CustomerTag)  # than the one that may drive the query
    return exists().where(col(other.tag) == given["tag"], col(other.customer_id) == col(Customer.id))


def _attribute(given: Given, _: datetime) -> ColumnElement[bool]:
    own = (col(Attribute.customer_id) == col(Customer.id), col(Attribute.name) == given["attribute"])
    if "known" in given:
        known = exists().where(*own, col(Attribute.value).is_not(None))
        return known if given["known"] else ~known
    if "contains" in given:
        # The value stands in the database as JSON; within it, texts are written as JSON writes them.
        part = json.dumps(given["contains"], ensure_ascii=False)[1:-1].lower()
        written = func.lower(cast(col(Attribute.value), Text))
        return exists().where(*own, written.contains(part, autoescape=True))
    return exists().where(*own, or_(*(col(Attribute.value) == value for value in _same(given["is"]))))


def _same(value: Any) -> list[Any]:
    """A number that was typed in a page is a text, and the same number from a program is not."""
    if isinstance(value, str):
        try:
            return [value, json.loads(value)] if value.strip("-0123456789.") == "" else [value]
        except ValueError:
            return [value]
    return [value] if isinstance(value, bool) else [value, str(value)]


def _on_channel(given: Given, _: datetime) -> ColumnElement[bool]:
    own = (col(Identity.customer_id) == col(Customer.id), col(Identity.channel) == given["channel"])
    return exists().where(*own)


def _speaks(given: Given, _: datetime) -> ColumnElement[bool]:
    language = func.lower(col(Customer.language))
    wanted = given["language"].lower()
    return or_(language == wanted, language.startswith(f"{wanted}-", autoescape=True))


def _wrote(days: int, now: datetime) -> ColumnElement[bool]:
    since = now - timedelta(days=days)
    wrote = select(Conversation.customer_id).where(col(Conversation.heard_at) >= since)
    return col(Customer.id).in_(wrote)


def _happened(given: Given, now: datetime) -> ColumnElement[bool]:
    query = select(Event.customer_id).where(col(Event.name) == given["event"])
    if "within_days" in given:
        query = query.where(col(Event.at) >= now - timedelta(days=given["within_days"]))
    query = query.group_by(col(Event.customer_id))
    return col(Customer.id).in_(query.having(func.count() >= given.get("at_least", 1)))


CONDITIONS: Mapping[str, Condition] = {
    "tag": Condition({"tag": _text}, _tagged),
    "attribute": Condition(
        {"attribute": _text}, _attribute, {"is": _plain, "contains": _text, "known": _yes_or_no}
    ),
    "channel": Condition({"channel": _text}, _on_channel),
    "language": Condition({"language": _text}, _speaks),
    "written_within_days": Condition(
        {"written_within_days": _days}, lambda given, now: _wrote(given["written_within_days"], now)
    ),
    "not_written_within_days": Condition(
        {"not_written_within_days": _days},
        lambda given, now: ~_wrote(given["not_written_within_days"], now),
    ),
    "event": Condition({"event": _text}, _happened, {}, {"within_days": _days, "at_least": _times}),
    "created_within_days": Condition(
        {"created_within_days": _days},
        lambda given, now: col(Customer.created_at) >= now - timedelta(days=given["created_within_days"]),
    ),
}
