"""What the form of a campaign says while it is written: whom it means, how it looks, when it goes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from console import drawing
from console.campaign_forms import Written
from console.visits import Visit
from crm_store import customers, segment_query
from crm_store.campaign_texts import NAME, Text, read_texts
from crm_store.customers import Customer
from crm_store.messages import Content, ParleyError, Policy
from crm_store.schedules import check_schedule, upcoming

NAMED = 3


@dataclass(frozen=True, slots=True)
class Bubble:
    """A message as a channel draws it for one person. `listed`: buttons that it can only write out."""

    channel: str
    language: str
    content: Content
    listed: bool
    parts: int = 1  # messages that it takes


@dataclass(frozen=True, slots=True)
class Look:
    """What the form says now. The errors are words."""

    count: int | None = None
    names: Sequence[str] = ()
    segment_error: str = ""
    bubbles: Sequence[Bubble] = ()
    text_error: str = ""
    times: Sequence[datetime] = ()
    time_error: str = ""
    zone: str = ""
    variables: Sequence[str] = field(default_factory=tuple)


def look_at(session: Session, visit: Visit, written: Written) -> Look:
    """Look at what is written."""
    said: dict[str, Any] = {"zone": written.when.timezone or visit.host.timezone}
    person: Customer | None = None
    try:
        definition = written.rows.definition()
        segment_query.check_definition(definition)
        said["count"] = segment_query.count_customers(session, definition, visit.now)
        people = segment_query.sample_customers(session, definition, NAMED, visit.now)
        person = next((one for one in people if one.display_name), None)
        said["names"] = [one.display_name for one in people if one.display_name]
    except (ParleyError, ValueError) as error:
        said["segment_error"] = str(error)
    try:
        values = _values(session, person)
        said["bubbles"] = _bubbles(visit, written, read_texts(written.texts), values)
    except ParleyError as error:
        said["text_error"] = drawing.reason_in(visit.language, str(error))
    try:
        schedule = written.when.schedule(visit.host.timezone)
        check_schedule(schedule)
        zone = ZoneInfo(said["zone"])
        said["times"] = [at.astimezone(zone) for at in upcoming(schedule, visit.now)]
    except (ParleyError, ValueError, KeyError, OSError) as error:
        said["time_error"] = drawing.reason_in(visit.language, str(error))
    return Look(**said)


def _values(session: Session, person: Customer | None) -> dict[str, Any]:
    if person is None:
        return {}
    facts = {name: fact.value for name, fact in customers.attributes(session, person.id).items()}
    return {**facts, NAME: person.display_name}


def _bubbles(visit: Visit, written: Written, texts: Sequence[Text], values: dict[str, Any]) -> list[Bubble]:
    used = written.channels or [name for name, policy in visit.host.policies.items() if policy.push]
    return [
        _bubble(channel, visit.host.policies[channel], text, values)
        for text in texts
        if text.text
        for channel in used
        if channel in visit.host.policies
    ]


def _bubble(channel: str, policy: Policy, text: Text, values: dict[str, Any]) -> Bubble:
    # A variable that is not known of this person stands for itself.
    shown = Text(text.language, text.shown(), text.buttons)
    content = shown.fill(values)
    drawn = "buttons" in policy.draws and len(content.buttons) <= (policy.max_buttons or 99)
    parts = -(-len(content.text) // policy.text_limit) if policy.text_limit else 1
    return Bubble(channel, text.language, content, bool(content.buttons) and not drawn, max(parts, 1))
