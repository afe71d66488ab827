"""Entities: the project's own, found inside unsegmented text, and those that any customer mentions."""

from __future__ import annotations

import json
from datetime import date
from time import process_time
from typing import Any

import pytest

from nlu.embedded import Embedded
from nlu.entities import EntityRules
from nlu.numerals import read_number
from nlu.system_entities import find_system_entities
from nlu.training_data import TrainingData

SUNDAY = date(2026, 11, 22)


def _found(embedded: Embedded, text: str) -> list[tuple[str, str, Any]]:
    entities = embedded.understand([text])[0].entities
    return [(text[e.start : e.end], e.entity, e.value) for e in entities]


def test_a_listed_word_is_found_inside_chinese(embedded: Embedded) -> None:
    assert _found(embedded, "我想要郁金香三束") == [("郁金香", "flower", "郁金香")]


def test_alphabetic_words_are_found_whole_or_not_at_all(embedded: Embedded) -> None:
    assert _found(embedded, "one rose, please") == [("rose", "flower", "玫瑰")]
    assert _found(embedded, "prose and tulips") == []
    assert _found(embedded, "买ROSE吗") == [("ROSE", "flower", "玫瑰")]
    assert _found(embedded, "ｒｏｓｅ") == [("ｒｏｓｅ", "flower", "玫瑰")]


def test_the_word_before_tells_the_role(embedded: Embedded) -> None:
    entities = embedded.understand(["从北京送到杭州"])[0].entities
    assert [(e.value, e.role) for e in entities] == [("北京", "from"), ("杭州", "to")]


def test_patterns_count_where_an_entity_has_their_name(embedded: Embedded) -> None:
    assert _found(embedded, "我要XL码的") == [("XL码", "size", "XL码")]


def test_a_declared_system_type_is_the_projects_and_others_are_the_systems(embedded: Embedded) -> None:
    heard = embedded.understand(["电话13812345678，明天打给我"])[0]
    assert [(e.entity, e.value) for e in heard.entities] == [("phone", "13812345678")]
    assert [(e.entity, e.value) for e in heard.system_entities] == [("date", "2026-11-23")]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("请打138 1234 5678找我", "phone", "13812345678"),
        ("＋８６１３８１２３４５６７８", "phone", "13812345678"),
        ("ring +49 30 1234567 now", "phone", "+49301234567"),
        ("제 번호는 010-1234-5678이에요", "phone", "01012345678"),
        ("(212) 555-0123", "phone", "2125550123"),
        ("010-12345678", "phone", "01012345678"),
        ("邮箱Li.Ming@example.com谢谢", "email", "li.ming@example.com"),
        ("看https://example.com/a?b=1。", "url", "https://example.com/a?b=1"),
        ("¥1,200.50", "money", {"amount": 1200.5, "currency": "CNY"}),
        ("三百块钱以内", "money", {"amount": 300, "currency": "CNY"}),
        ("under 20 dollars", "money", {"amount": 20, "currency": "USD"}),
        ("3만원", "money", {"amount": 30000, "currency": "KRW"}),
        ("我们三十五个人", "number", 35),
        ("我们5个人", "number", 5),
        ("后天来", "date", "2026-11-24"),
        ("下周三下午", "date", "2026-11-25"),
        ("3月5日", "date", "2027-03-05"),
        ("十二月二十五号", "date", "2026-12-25"),
        ("2026-11-30", "date", "2026-11-30"),
        ("three of us tomorrow", "date", "2026-11-23"),
        ("next Monday?", "date", "2026-11-23"),
        ("December 24th", "date", "2026-12-24"),
        ("내일 갈게요", "date", "2026-11-23"),
        ("两周后", "date", "2026-12-06"),
    ],
)
def test_system_entities_have_values(text: str, kind: str, value: Any) -> None:
    found = {e.entity: e.value for e in find_system_entities(text, SUNDAY)}
    assert found.get(kind) == value


@pytest.mark.parametrize("text", ["一下", "等一下下", "万一呢", "", "12345678901234567890123"])
def test_what_only_looks_like_a_find_is_none(text: str) -> None:
    assert find_system_entities(text, SUNDAY) == ()


def test_without_a_reference_day_a_date_keeps_its_words() -> None:
    assert [e.value for e in find_system_entities("Tomorrow")] == ["tomorrow"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("一万二", 12000),
        ("两百五", 250),
        ("三千零五", 3005),
        ("十", 10),
        ("二〇二六", 2026),
        ("一亿三千万", 130_000_000),
        ("三万亿", 3_000_000_000_000),
        ("3.5万", 35000),
        ("1,200", 1200),
        ("x", None),
        ("", None),
    ],
)
def test_numerals_are_read(text: str, number: float | None) -> None:
    assert read_number(text) == number


def test_a_hundred_thousand_words_are_found_inside_any_text_at_once() -> None:
    names = [f"{chr(0x4E00 + n % 3000)}{chr(0x4E00 + n // 3000)}茶{n % 7}" for n in range(100_000)]
    rules = EntityRules.learn(TrainingData(lookups={"tea": names, "other": names[:10]}), {"tea"})
    begun = process_time()
    loaded = EntityRules.from_json(json.loads(json.dumps(rules.to_json())), {})
    assert process_time() - begun < 3
    begun = process_time()
    for name in names[::500]:
        found = loaded.find(f"我想要{name}两盒")
        assert [(e.entity, e.value, e.extractor) for e in found.entities] == [("tea", name, "lookup")]
    assert process_time() - begun < 1
    assert [hint.entity for hint in loaded.find(names[3]).hints] == ["tea", "other"]
    assert loaded.to_json() == rules.to_json()
