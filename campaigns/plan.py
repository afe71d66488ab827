"""The dry run: how many a campaign would reach now and how many not, and why. Nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, select

from campaigns.base import Ids, find_trigger
from campaigns.reach import LeftOut, Reached, Wanted, reach
from crm_store.campaigns import Campaign
from crm_store.messages import Content
from crm_store.send_rules import Rules

CHUNK = 1000
SAMPLES = 5
LONGEST = 10.0  # seconds; then the plan tells of those whom it has looked at


@dataclass(slots=True)
class Plan:
    """What would become of whom. `checked` of `audience` people were looked at."""

    audience: int
    checked: int = 0
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)  # by channel and language
    left_out: Counter[str] = field(default_factory=Counter)  # by reason
    missing: Counter[str] = field(default_factory=Counter)  # by variable
    later: int = 0  # of those reached: who are in their quiet hours now
    talking: int = 0  # of those reached: with whom one of us talks now
    latest: datetime | None = None  # when the last of these quiet hours end
    samples: list[Reached] = field(default_factory=list)
    left_out_samples: dict[str, list[LeftOut]] = field(default_factory=dict)

    @property
    def reaches(self) -> int:
        """How many people get it."""
        return sum(self.reached.values())

    def previews(self) -> dict[tuple[str, str], Content]:
        """For each channel and language, what one of those reached there would get."""
        return {(one.address.channel, one.language): one.content for one in reversed(self.samples)}

    def take(self, outcome: Reached | LeftOut) -> None:
        """Count one person."""
        self.checked += 1
        if isinstance(outcome, LeftOut):
            self.left_out[outcome.reason] += 1
            self.missing.update(outcome.missing)
            few = self.left_out_samples.setdefault(outcome.reason, [])
            few += [outcome] if len(few) < SAMPLES else []
            return
        place = (outcome.address.channel, outcome.language)
        self.reached[place] += 1
        self.talking += outcome.talking
        if outcome.later:
            self.later += 1
            self.latest = max(outcome.later, self.latest or outcome.later)
        if self.reached[place] == 1 or len(self.samples) < SAMPLES:
            self.samples.append(outcome)


def plan(
    session: Session,
    campaign: Campaign,
    rules: Rules,
    now: datetime,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Plan:
    """The dry run of a campaign as if it began now, in pieces of bounded size."""
    people = find_trigger(campaign.trigger).whom(session, campaign.params, now)
    wanted = Wanted.of(session, campaign, rules)
    found = Plan(audience=count(session, people))
    began = clock()
    for ids in _pieces(session, people):
        for outcome in reach(session, ids, wanted, now):
            found.take(outcome)
        session.expunge_all()  # what was looked at is not kept
        if clock() - began > LONGEST:
            break
    return found


def count(session: Session, people: Ids) -> int:
    """How many people a query finds."""
    return session.scalar(select(func.count()).select_from(people.subquery())) or 0


def piece(session: Session, people: Ids, after: UUID | None, limit: int) -> Sequence[UUID]:
    """The next people behind one, in the order of their ids."""
    (key,) = people.selected_columns
    query = people.order_by(key).limit(limit)
    return session.exec(query.where(key > after) if after else query).all()


def _pieces(session: Session, people: Ids) -> Iterator[Sequence[UUID]]:
    after: UUID | None = None
    while ids := piece(session, people, after, CHUNK):
        yield ids
        after = ids[-1]
