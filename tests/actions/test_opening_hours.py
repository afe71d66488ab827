"""Opening hours: around midnight, around the change of the clocks, on closed days."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from actions.opening_hours import WEEKDAYS, OpeningTimes
from tests.actions.counter import SETTINGS, Counter

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def daily(hours: str, zone: ZoneInfo = SHANGHAI) -> OpeningTimes:
    return OpeningTimes(dict.fromkeys(WEEKDAYS, hours), zone)


def at(local: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(local).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2025-11-19T09:59:59", False),
        ("2025-11-19T10:00", True),
        ("2025-11-19T21:29:59", True),
        ("2025-11-19T21:30", False),
        ("2025-11-19T00:00", False),
    ],
)
def test_the_doors_open_on_the_minute_and_close_on_the_minute(local: str, is_open: bool) -> None:
    assert bool(daily("10:00-21:30").find_open(at(local))) is is_open


@pytest.mark.parametrize(
    ("local", "is_open"),
    [
        ("2025-11-19T23:59:59", True),
        ("2025-11-20T00:00", True),
        ("2025-11-20T01:59", True),
        ("2025-11-20T02:00", False),
        ("2025-11-19T17:59", False),
    ],
)
def test_a_span_may_go_on_past_midnight(local: str, is_open: bool) -> None:
    late = OpeningTimes({"wed": "18:00-02:00"}, SHANGHAI)
    assert bool(late.find_open(at(local))) is is_open


def test_a_day_may_end_at_midnight_or_never() -> None:
    assert daily("10:00-24:00").find_open(at("2025-11-19T23:59"))
    assert not daily("10:00-24:00").find_open(at("2025-11-20T00:00"))
    assert daily("00:00-24:00").find_open(at("2025-11-20T00:00"))


def test_a_lunch_break_is_closed_and_the_afternoon_is_next() -> None:
    times = daily("10:00-12:00, 14:00-18:00")
    lunch = at("2025-11-19T13:00")
    assert times.find_open(lunch) is None
    assert times.next_opening(lunch) == at("2025-11-19T14:00")


def test_closed_days_are_passed_over() -> None:
    times = OpeningTimes({"fri": "10:00-21:30", "mon": "", "tue": "10:00-21:30"}, SHANGHAI)
    assert times.next_opening(at("2025-11-21T22:00")) == at("2025-11-25T10:00")


def test_the_only_day_of_the_week_comes_again() -> None:
    times = OpeningTimes({"wed": "10:00-12:00"}, SHANGHAI)
    assert times.next_opening(at("2025-11-19T13:00")) == at("2025-11-26T10:00")


def test_a_shop_without_hours_never_opens() -> None:
    assert OpeningTimes({}, SHANGHAI).next_opening(at("2025-11-19T13:00")) is None


@pytest.mark.parametrize(
    ("day", "opens_utc"),
    [("2025-03-29", 9), ("2025-03-30", 8), ("2025-10-25", 8), ("2025-10-26", 9)],
)
def test_the_clock_on_the_wall_counts_when_clocks_change(day: str, opens_utc: int) -> None:
    times = daily("10:00-18:00", BERLIN)
    opens_at = times.next_opening(at(f"{day}T00:30", BERLIN))
    assert opens_at == datetime.fromisoformat(f"{day}T{opens_utc:02}:00").replace(tzinfo=UTC)


def test_a_night_in_which_the_clocks_go_back_is_an_hour_longer() -> None:
    span = OpeningTimes({"sat": "20:00-04:00"}, BERLIN).find_open(at("2025-10-26T01:00", BERLIN))
    assert span is not None
    assert (span.closes_at - span.opens_at).total_seconds() == 9 * 3600


@pytest.mark.parametrize("hours", ["ten to nine", "10-21", "25:00-26:00", "10:61-12:00", "10:00"])
def test_hours_that_cannot_be_read_are_named(hours: str) -> None:
    with pytest.raises(ValueError, match="expected opening hours such as 10:00-21:30"):
        daily(hours).find_open(at("2025-11-19T13:00"))


def test_open_says_so_with_todays_hours(counter: Counter) -> None:
    said = counter.run("action_opening_hours", counter.turn(now=at("2025-11-19T12:00")))
    assert said[0].text == "开着呢！今天营业 10:00–21:30，过来坐坐吧。"


@pytest.mark.parametrize(
    ("local", "language", "words"),
    [
        ("2025-11-19T08:00", "zh", "今天再开，时间是 10:00"),
        ("2025-11-19T23:30", "zh", "明天再开，时间是 10:00"),
        ("2025-11-20T00:10", "zh", "今天再开，时间是 10:00"),
        ("2025-11-19T08:00", "en", "today: 10:00"),
        ("2025-11-19T23:30", "en", "tomorrow: 10:00"),
    ],
)
def test_closed_says_when_it_opens_again(counter: Counter, local: str, language: str, words: str) -> None:
    said = counter.run("action_opening_hours", counter.turn(now=at(local), language=language))
    assert words in said[0].text


@pytest.mark.parametrize(
    ("language", "words"), [("zh", "周二再开，时间是 10:00"), ("en", "on Tuesday: 10:00")]
)
def test_an_opening_after_tomorrow_is_named_by_its_day(counter: Counter, language: str, words: str) -> None:
    settings = {"timezone": "Asia/Shanghai", "opening_hours": {"Tuesday": "10:00-21:30"}}
    turn = counter.turn(now=at("2025-11-21T22:00"), settings=settings, language=language)
    assert words in counter.run("action_opening_hours", turn)[0].text


def test_without_hours_a_person_is_asked(counter: Counter) -> None:
    turn = counter.turn(settings={})
    assert counter.run("action_opening_hours", turn)
    assert turn.floor == "waiting"


def test_in_the_hours_a_person_is_coming(counter: Counter) -> None:
    turn = counter.turn("转人工")
    said = counter.run("action_handover", turn)
    assert turn.floor == "waiting"
    assert "几分钟" in said[0].text


def test_at_night_the_customer_hears_when_somebody_is_back(counter: Counter) -> None:
    turn = counter.turn("a human please", now=at("2025-11-19T23:30"), language="en")
    said = counter.run("action_handover", turn)
    assert turn.floor == "waiting"
    assert "We open tomorrow at 10:00" in said[0].text


def test_without_hours_a_person_is_simply_coming(counter: Counter) -> None:
    settings = {**SETTINGS, "opening_hours": {}}
    said = counter.run("action_handover", counter.turn("转人工", settings=settings))
    assert "几分钟" in said[0].text
