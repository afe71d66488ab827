"""Schedules: cron as cron says it, in its time zone, once in an hour that clocks repeat."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_store.schedules import InvalidSchedule, check_schedule, first_time, next_time, upcoming

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # a Monday


def cron(times: str, zone: str = "Asia/Shanghai") -> dict[str, Any]:
    return {"kind": "cron", "cron": times, "timezone": zone}


def test_days_of_the_week_are_counted_as_cron_does() -> None:
    for sunday in ("0 10 * * 0", "0 10 * * 7", "0 10 * * sun"):
        assert first_time(cron(sunday), NOW) == datetime(2026, 3, 8, 2, 0, tzinfo=UTC)
    assert first_time(cron("0 10 * * 1-5"), NOW) == datetime(2026, 3, 3, 2, 0, tzinfo=UTC)


def test_the_next_times_are_told() -> None:
    assert [at.day for at in upcoming(cron("0 10 * * 3"), NOW)] == [4, 11, 18]
    assert upcoming({"kind": "now"}, NOW) == [NOW]


def test_what_is_not_repeated_has_no_next_time() -> None:
    at = {"kind": "at", "at": "2026-03-05T10:00:00+08:00"}
    assert first_time(at, NOW) == datetime(2026, 3, 5, 2, 0, tzinfo=UTC)
    assert next_time(at, NOW) is None
    assert next_time({"kind": "now"}, NOW) is None


@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"kind": "sometimes"},
        {"kind": "at"},
        {"kind": "at", "at": "tomorrow"},
        {"kind": "at", "at": "2026-03-05T10:00:00"},
        cron("10 10"),
        cron("61 10 * * *"),
        cron("0 10 * * *", "Mars/Olympus"),
        cron("0 10 31 2 *"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule: dict[str, Any]) -> None:
    with pytest.raises(InvalidSchedule):
        check_schedule(schedule)


def test_the_day_after_clocks_are_put_forward_is_not_left_out() -> None:
    daily, at = cron("0 0 * * *", "Europe/Berlin"), datetime(2027, 3, 27, 12, tzinfo=UTC)
    days = [found.astimezone(ZoneInfo("Europe/Berlin")).day for found in upcoming(daily, at)]
    assert days == [28, 29, 30]


def test_a_time_that_clocks_leave_out_comes_as_much_later() -> None:
    night, at = cron("30 2 * * *", "Europe/Berlin"), datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert next_time(night, at) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)


@given(start=st.integers(0, 365 * 3), hour=st.integers(0, 23), minute=st.sampled_from([0, 30]))
def test_a_daily_time_comes_once_on_every_day_also_when_clocks_change(
    start: int, hour: int, minute: int
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    schedule = cron(f"{minute} {hour} * * *", "Europe/Berlin")
    at, days = NOW + timedelta(days=start), []
    for _ in range(5):
        found = next_time(schedule, at)
        assert found
        assert found > at
        days.append(found.astimezone(zone).date())
        at = found
    assert days == [days[0] + timedelta(days=n) for n in range(5)]
