"""When the shop is open: today's hours, whether it is open now, and when it opens again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from actions.base import Turn, action
from crm_store.messages import Content

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-4]):([0-5]\d)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of open doors, in UTC."""

    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class OpeningTimes:
    """A week of opening hours in a time zone: `{"mon": "10:00-21:30", "tue": "10:00-12:00, 14:00-18:00"}`.

    Days are told by their first three letters; a day that is missing or empty is closed. A span that
    ends before it starts goes on past midnight; 24:00 is the end of a day.
    """

    week: Mapping[str, str]
    zone: ZoneInfo

    def spans(self, day: date) -> Iterator[Span]:
        """The spans that begin on a day; ValueError names one that cannot be read."""
        for written in re.split(r"[,;]", self.week.get(WEEKDAYS[day.weekday()], "")):
            if written.strip():
                yield self._span(day, written.strip())

    def find_open(self, now: datetime) -> Span | None:
        """The span that `now` falls in. Yesterday's may reach past midnight."""
        today = self.day(now)
        near = (span for day in (today - timedelta(days=1), today) for span in self.spans(day))
        return next((span for span in near if span.opens_at <= now < span.closes_at), None)

    def next_opening(self, now: datetime) -> datetime | None:
        """When the doors open next, within a week; None if they never do."""
        today = self.day(now)
        coming = (span.opens_at for days in range(8) for span in self.spans(today + timedelta(days=days)))
        return min((opens_at for opens_at in coming if opens_at > now), default=None)

    def day(self, moment: datetime) -> date:
        """The date of a moment where the shop is."""
        return moment.astimezone(self.zone).date()

    def clock(self, moment: datetime) -> str:
        """The time of a moment where the shop is, as 10:00."""
        return f"{moment.astimezone(self.zone):%H:%M}"

    def hours(self, span: Span) -> str:
        """A span as 10:00–21:30."""
        return f"{self.clock(span.opens_at)}–{self.clock(span.closes_at)}"

    def _span(self, day: date, written: str) -> Span:
        found = _SPAN.match(written)
        if not found:
            raise ValueError(f"expected opening hours such as 10:00-21:30, got {written!r}")
        hour, minute, last_hour, last_minute = map(int, found.groups())
        past_midnight = (last_hour, last_minute) <= (hour, minute)
        last_day = day + timedelta(days=int(past_midnight))
        return Span(self._at(day, hour, minute), self._at(last_day, last_hour, last_minute))

    def _at(self, day: date, hour: int, minute: int) -> datetime:
        # The clock on the wall counts, also on the two days a year that have 23 or 25 hours.
        local_day = day + timedelta(days=hour // 24)
        return datetime.combine(local_day, time(hour % 24, minute), self.zone).astimezone(UTC)


@action("action_opening_hours")
def opening_hours(turn: Turn) -> Iterable[Content]:
    """Tell whether the shop is open now, until when, or when it opens again."""
    times = opening_times(turn)
    span = times.find_open(turn.now)
    if span:
        return turn.say("utter_open_now", hours=times.hours(span))
    opens_at = times.next_opening(turn.now)
    if opens_at:
        next_span = times.find_open(opens_at)
        hours = times.hours(next_span) if next_span else times.clock(opens_at)
        return turn.say("utter_closed_now", hours=hours, **said_opening(turn, times, opens_at))
    turn.ask_for_person()
    return turn.say("utter_hours_unknown")


def opening_times(turn: Turn) -> OpeningTimes:
    """The shop's hours from the settings `opening_hours` and `timezone` (UTC if there is none)."""
    week: Mapping[str, Any] = turn.settings.get("opening_hours") or {}
    short = {str(day)[:3].lower(): str(hours or "") for day, hours in week.items()}
    return OpeningTimes(short, ZoneInfo(turn.settings.get("timezone") or "UTC"))


def said_opening(turn: Turn, times: OpeningTimes, opens_at: datetime) -> dict[str, str]:
    """`{day}` and `{opens}` of an opening in the customer's language: tomorrow, 10:00."""
    day = times.day(opens_at)
    days_ahead = (day - times.day(turn.now)).days
    name = {0: "today", 1: "tomorrow"}.get(days_ahead, WEEKDAYS[day.weekday()])
    label = turn.say(f"utter_label/{name}")
    return {"day": label[0].text if label else "", "opens": times.clock(opens_at)}
