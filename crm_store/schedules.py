"""Schedules: when a campaign begins. APScheduler reads cron; what is due stands in a row, not in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from crm_store.messages import ParleyError

KINDS = ("now", "at", "cron")
_A_MOMENT = timedelta(microseconds=1)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")

BAD_KIND = "a schedule is now, at a time, or cron"
BAD_TIME = "the time of a schedule must be a date and a time with its zone"
BAD_CRON = "the times are five fields as in cron: minute, hour, day, month, day of the week"
BAD_ZONE = "there is no such time zone"
NEVER = "these times never come"
REASONS = (BAD_KIND, BAD_TIME, BAD_CRON, BAD_ZONE, NEVER)


class InvalidSchedule(ParleyError):
    """The schedule is wrong."""


def check_schedule(schedule: Mapping[str, Any]) -> None:
    """InvalidSchedule with the reason in words."""
    match schedule.get("kind"):
        case "now":
            return
        case "at":
            _at(schedule)
        case "cron":
            if _cron(schedule).next(datetime.now(UTC)) is None:
                raise InvalidSchedule(NEVER)
        case _:
            raise InvalidSchedule(BAD_KIND)


def first_time(schedule: Mapping[str, Any], now: datetime) -> datetime | None:
    """When a campaign that is launched now begins."""
    match schedule["kind"]:
        case "cron":
            return _cron(schedule).next(now)
        case "at":
            return _at(schedule)
    return now


def next_time(schedule: Mapping[str, Any], now: datetime) -> datetime | None:
    """When it begins again; None if it does not. Times that were missed are not made up for."""
    return _cron(schedule).next(now) if schedule["kind"] == "cron" else None


def upcoming(schedule: Mapping[str, Any], now: datetime, count: int = 3) -> list[datetime]:
    """The next times at which it begins."""
    if schedule["kind"] != "cron":
        first = first_time(schedule, now)
        return [first] if first else []
    cron, found, at = _cron(schedule), list[datetime](), now
    while len(found) < count and (at_next := cron.next(at)):
        found.append(at := at_next)
    return found


def _at(schedule: Mapping[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(str(schedule["at"]))
    except (KeyError, ValueError):
        raise InvalidSchedule(BAD_TIME) from None
    if at.tzinfo is None:
        raise InvalidSchedule(BAD_TIME)
    return at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Cron:
    """Times on the clocks of a zone. APScheduler is asked as if they never changed: else it loses a day."""

    times: CronTrigger
    zone: ZoneInfo

    def next(self, after: datetime) -> datetime | None:
        """The next time strictly behind `after`. An hour that clocks repeat counts once.

        A time that clocks leave out is as much later as they are put forward.
        """
        shown = after.astimezone(self.zone).replace(tzinfo=UTC, fold=0)
        while (found := self.times.get_next_fire_time(None, shown + _A_MOMENT)) is not None:
            moment: datetime = found.replace(tzinfo=self.zone).astimezone(UTC)
            if moment > after:
                return moment
            shown = found
        return None


def _cron(schedule: Mapping[str, Any]) -> _Cron:
    try:
        zone = ZoneInfo(str(schedule["timezone"]))
    except (KeyError, ValueError, OSError):
        raise InvalidSchedule(BAD_ZONE) from None
    fields = str(schedule.get("cron", "")).split()
    if len(fields) != 5:
        raise InvalidSchedule(BAD_CRON)
    # APScheduler counts days of the week from Monday, cron from Sunday: names leave no doubt.
    fields[4] = re.sub(r"(?<![/\w])[0-7]", lambda digit: _DAYS[int(digit.group())], fields[4].lower())
    try:
        return _Cron(CronTrigger.from_crontab(" ".join(fields), timezone=UTC), zone)
    except ValueError:
        raise InvalidSchedule(BAD_CRON) from None
