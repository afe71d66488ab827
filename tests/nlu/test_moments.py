"""Moments as customers write them, in three languages."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from nlu.moments import find_moment
from nlu.system_entities import find_system_entities

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 14, 20, tzinfo=SHANGHAI)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("明天十点提醒我喝药", "11-26 10:00"),
        ("明天上午10点提醒我", "11-26 10:00"),
        ("提醒我明早八点半起床", "11-26 08:30"),
        ("下周三下午两点半提醒我", "12-02 14:30"),
        ("后天晚上8点", "11-27 20:00"),
        ("今晚九点叫我", "11-25 21:00"),
        ("明晚12点", "11-27 00:00"),
        ("明天中午", "11-26 12:00"),
        ("明天中午一点", "11-26 13:00"),
        ("明天三点", "11-26 15:00"),
        ("凌晨三点", "11-26 03:00"),
        ("十点", "11-25 22:00"),
        ("上午十点", "11-26 10:00"),
        ("三点一刻", "11-25 15:15"),
        ("15:45", "11-25 15:45"),
        ("9:30提醒我", "11-25 21:30"),
        ("09:30提醒我", "11-26 09:30"),
        ("12月3日 18:00", "12-03 18:00"),
        ("半小时后", "11-25 14:50"),
        ("半个小时后提醒我", "11-25 14:50"),
        ("两个小时后", "11-25 16:20"),
        ("一个半小时后", "11-25 15:50"),
        ("20分钟后", "11-25 14:40"),
        ("一刻钟后", "11-25 14:35"),
        ("remind me tomorrow at ten", "11-26 10:00"),
        ("remind me tomorrow at 10 to call mum", "11-26 10:00"),
        ("remind me at 10am tomorrow", "11-26 10:00"),
        ("in two hours", "11-25 16:20"),
        ("in half an hour", "11-25 14:50"),
        ("in an hour please", "11-25 15:20"),
        ("in 45 minutes", "11-25 15:05"),
        ("next monday at 3 pm", "11-30 15:00"),
        ("half past nine tonight", "11-25 21:30"),
        ("quarter to six", "11-25 17:45"),
        ("on Friday at 7 in the evening", "11-27 19:00"),
        ("tomorrow at noon", "11-26 12:00"),
        ("at 5 p.m.", "11-25 17:00"),
        ("eight o'clock tomorrow morning", "11-26 08:00"),
        ("내일 10시에 알려줘", "11-26 10:00"),
        ("내일 오후 3시 반에", "11-26 15:30"),
        ("내일 오전 열시", "11-26 10:00"),
        ("두 시간 뒤에", "11-25 16:20"),
        ("30분 후", "11-25 14:50"),
        ("昨天十点", "11-24 10:00"),
    ],
)
def test_a_moment_is_what_the_words_mean(text: str, at: str) -> None:
    moment = find_moment(text, NOW)
    assert moment is not None
    assert moment.at is not None
    assert f"{moment.at:%m-%d %H:%M}" == at
    assert moment.at.tzinfo is SHANGHAI


@pytest.mark.parametrize(("text", "day"), [("明天提醒我", 26), ("remind me on Friday", 27), ("모레", 27)])
def test_a_day_alone_is_no_moment_yet(text: str, day: int) -> None:
    moment = find_moment(text, NOW)
    assert moment is not None
    assert moment.at is None
    assert moment.day is not None
    assert moment.day.day == day


@pytest.mark.parametrize(
    "text",
    [
        "提醒我喝药",
        "remind me to buy tea",
        "什么时候",
        "有点贵",
        "look at this",
        "at 50 percent",
        "알려줘",
        "",
    ],
)
def test_what_names_no_time_is_none(text: str) -> None:
    assert find_moment(text, NOW) is None


@pytest.mark.parametrize(
    ("text", "found"), [("明天十点提醒我", "十点"), ("in two hours", "in two hours"), ("내일 10시", "10시")]
)
def test_a_time_is_an_entity(text: str, found: str) -> None:
    assert found in [e.value for e in find_system_entities(text) if e.entity == "time"]


def test_where_it_is_said_is_told() -> None:
    text = "明天十点提醒我喝药"
    moment = find_moment(text, NOW)
    assert moment is not None
    assert {text[start:end] for start, end in moment.places} == {"十点", "明天"}
