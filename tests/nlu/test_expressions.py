"""A table of what customers write, in three languages: what is found in it, and with which value.

Every line of `expressions.jsonl` names a text, a kind, and the value of the only find of that kind; null:
there is none. The table was written before the code that it judges.
"""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_store.messages import Understanding
from nlu.moments import find_moment
from nlu.system_entities import EXTRACTOR, NAMES, TYPES, find_system_entities, seen_from

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 25, 14, 20, tzinfo=SHANGHAI)  # a Wednesday
LINES = (Path(__file__).parent / "expressions.jsonl").read_text(encoding="utf-8").splitlines()
TABLE: list[dict[str, Any]] = [json.loads(line) for line in LINES]


def _local(value: Any) -> Any:
    """A value without the offset of Shanghai, as the table has it."""
    if isinstance(value, dict):
        return {name: _local(part) for name, part in value.items()}
    return value.removesuffix("+08:00") if isinstance(value, str) else value


def _is_right(line: dict[str, Any]) -> bool:
    found = [_local(e.value) for e in find_system_entities(line["text"], NOW) if e.entity == line["kind"]]
    return found == ([] if line["value"] is None else [line["value"]])


def test_the_table_holds_all_kinds_in_three_languages() -> None:
    assert len(TABLE) >= 500
    assert {line["kind"] for line in TABLE} == {*TYPES, *NAMES}
    assert sum("가" <= c <= "힣" for line in TABLE for c in line["text"][:1]) >= 60


def test_the_table_is_right() -> None:
    wrong = [f"{line['text']} ({line['kind']})" for line in TABLE if not _is_right(line)]
    assert len(wrong) <= 0.03 * len(TABLE), wrong


def test_a_time_is_told_where_the_customer_is() -> None:
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))
    found = find_system_entities("tomorrow at 9", berlin)
    assert [(e.entity, e.value) for e in found] == [("time", "2026-11-26T09:00+01:00")]


def test_an_understanding_is_seen_from_another_clock() -> None:
    text = "call me tomorrow at 9 or at 12:15"
    heard = Understanding(text, system_entities=find_system_entities(text, NOW))
    york = seen_from(heard, NOW.astimezone(ZoneInfo("America/New_York")))
    assert [e.value for e in heard.system_entities] == ["2026-11-26T09:00+08:00", "2026-11-26T12:15+08:00"]
    assert [e.value for e in york.system_entities] == ["2026-11-26T09:00-05:00", "2026-11-25T12:15-05:00"]


PIECES = st.sampled_from(
    [
        *{line["text"] for line in TABLE},
        "0" * 30,
        "1-",
        "一",
        "十",
        "点",
        ":",
        " ",
        "月",
        "to",
        "~",
        "에",
        "号",
        ".",
    ]
)
NOISE = st.one_of(st.text(max_size=40), PIECES, st.text("0123456789-.:/年月日点半一二三", max_size=30))


@settings(deadline=None, max_examples=300)
@given(st.lists(NOISE, max_size=12), st.sampled_from([None, NOW.date(), NOW]))
def test_rubbish_is_coped_with_and_places_are_true(pieces: list[str], now: Any) -> None:
    text = "".join(pieces)
    found = find_system_entities(text, now)
    assert all(before.end <= behind.start for before, behind in pairwise(found))
    for entity in found:
        assert 0 <= entity.start < entity.end <= len(text)
        assert entity.extractor == EXTRACTOR
        assert json.dumps(entity.value)
    find_moment(text, NOW)


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "一",
        "1 ",
        "12:30 ",
        "明天",
        "3点到",
        "a@",
        "www.",
        "0-",
        "(1)",
        "十月",
        "mon ",
        "🙂",
        "北京市",
        "1.1.",
        "at 9 ",
    ],
)
def test_ten_thousand_characters_take_no_time(piece: str) -> None:
    text = (piece * 10_000)[:10_000]
    begun = process_time()
    find_system_entities(text, NOW)
    assert process_time() - begun < 2
