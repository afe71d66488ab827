"""Texts that come again are not read again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_store.messages import Understanding
from nlu.embedded import Embedded
from nlu.model import Model
from nlu.recent import LONGEST, Recent

MONDAY = date(2026, 11, 23)


class Engine:
    """Says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def read(self, texts: Sequence[str]) -> list[Understanding]:
        self.asked += texts
        return [Understanding(text) for text in texts]


@given(st.lists(st.lists(st.sampled_from("甲乙丙丁"), max_size=5), max_size=20))
def test_each_text_gets_its_own(asked: list[list[str]]) -> None:
    recent, engine = Recent(most=2), Engine()
    for texts in asked:
        assert [one.text for one in recent.understand(texts, engine.read)] == texts


def test_what_comes_a_third_time_is_not_asked_again() -> None:
    recent, engine = Recent(), Engine()
    for _ in range(4):
        recent.understand(["你好", "几点开门"], engine.read)
    assert engine.asked == ["你好", "几点开门"] * 2


def test_what_speaks_of_a_time_is_read_at_its_time(model: Model) -> None:
    now = [MONDAY]
    engine = Embedded(model, lambda: now[0], Recent())
    found = []
    for _ in range(4):
        (heard,) = engine.understand(["明天几点开门"])
        found += [entity.value for entity in heard.system_entities if entity.entity == "date"]
        now[0] += timedelta(days=1)
    assert found == ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27"]


def test_what_came_once_is_not_kept() -> None:
    recent, engine = Recent(), Engine()
    recent.understand(["我的电话是13800138000"], engine.read)
    assert recent._kept == {}  # nothing in memory that says it


def test_no_more_is_kept_than_it_may() -> None:
    recent, engine = Recent(most=3), Engine()
    for text in [*"甲甲乙乙丙丙丁丁", "长" * (LONGEST + 1), "长" * (LONGEST + 1)]:
        recent.understand([text], engine.read)
    assert list(recent._kept) == list("乙丙丁")
    assert len(recent._once) == 3


def test_an_engine_that_fails_leaves_nothing_behind() -> None:
    def fail(_: Sequence[str]) -> list[Understanding]:
        raise RuntimeError

    recent, engine = Recent(), Engine()
    for _ in range(2):
        with pytest.raises(RuntimeError):
            recent.understand(["你好"], fail)
    recent.understand(["你好"], engine.read)
    assert engine.asked == ["你好"]
