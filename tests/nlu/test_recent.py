"""Texts that come again are not read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm_store.messages import Understanding
from nlu.recent import LONGEST, Recent

MONDAY = date(2026, 11, 23)


class Engine:
    """Says what it was asked, with the day."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.day = MONDAY

    def read(self, texts: Sequence[str]) -> list[Understanding]:
        self.asked += texts
        return [Understanding(text, intent=str(self.day)) for text in texts]


@given(st.lists(st.tuples(st.lists(st.sampled_from("甲乙丙丁"), max_size=5), st.integers(0, 1)), max_size=20))
def test_it_is_what_the_engine_would_say_on_that_day(asked: list[tuple[list[str], int]]) -> None:
    recent, engine = Recent(most=2), Engine()
    for texts, later in asked:
        engine.day += timedelta(days=later)
        found = recent.understand(texts, engine.day, engine.read)
        assert [(one.text, one.intent) for one in found] == [(text, str(engine.day)) for text in texts]


def test_what_comes_a_third_time_is_not_asked_again() -> None:
    recent, engine = Recent(), Engine()
    for _ in range(4):
        recent.understand(["你好", "几点开门"], MONDAY, engine.read)
    assert engine.asked == ["你好", "几点开门"] * 2


def test_another_day_is_asked_anew() -> None:
    recent, engine = Recent(), Engine()
    for _ in range(3):
        recent.understand(["明天呢"], MONDAY, engine.read)
    engine.day = MONDAY + timedelta(days=1)
    (found,) = recent.understand(["明天呢"], engine.day, engine.read)
    assert found.intent == "2026-11-24"


def test_what_came_once_is_not_kept() -> None:
    recent, engine = Recent(), Engine()
    recent.understand(["我的电话是13800138000"], MONDAY, engine.read)
    assert recent._kept[1] == {}  # nothing in memory that says it


def test_no_more_is_kept_than_it_may() -> None:
    recent, engine = Recent(most=3), Engine()
    for text in [*"甲甲乙乙丙丙丁丁", "长" * (LONGEST + 1), "长" * (LONGEST + 1)]:
        recent.understand([text], MONDAY, engine.read)
    assert list(recent._kept[1]) == list("乙丙丁")
    assert len(recent._once) == 3


def test_an_engine_that_fails_leaves_nothing_behind() -> None:
    def fail(_: Sequence[str]) -> list[Understanding]:
        raise RuntimeError

    recent, engine = Recent(), Engine()
    for _ in range(2):
        try:
            recent.understand(["你好"], MONDAY, fail)
        except RuntimeError:
            engine.asked.append("failed")
    (found,) = recent.understand(["你好"], MONDAY, engine.read)
    assert engine.asked == ["failed", "failed", "你好"]
    assert found.text == "你好"
