"""Stand-ins: the same form, the same for the same, and nothing of what was there."""

from __future__ import annotations

import time

import pytest

from crm_store.stand_ins import StandIns


def learnt(**known: str) -> StandIns:
    stand_ins = StandIns()
    for kind, said in known.items():
        stand_ins.learn(kind, said)
    return stand_ins


def test_a_name_becomes_one_of_the_same_script_everywhere() -> None:
    stand_ins = learnt(name="小林", person="Ann Miller")
    assert stand_ins.replace("我叫小林。小林来了") == "我叫李华。李华来了"
    assert stand_ins.replace("I am ANN MILLER") == "I am Robin Example"


def test_a_given_name_alone_is_replaced_too() -> None:
    stand_ins = learnt(name="Mina Park", person="王小明")
    assert (
        stand_ins.replace("Hi Mina, dear Ms Mina Park: the car park")
        == "Hi Alex, dear Ms Alex Example: the car park"
    )
    assert stand_ins.replace("小明您好，王小明先生") == "王芳您好，王芳先生"


def test_a_korean_given_name_is_replaced_too() -> None:
    assert learnt(name="박민준").replace("박민준입니다. 민준 씨?") == "김민수입니다. 민수 씨?"


@pytest.mark.parametrize("name", ["李华", "김민수", "Alex"])
def test_whoever_is_called_like_a_stand_in_gets_another_one(name: str) -> None:
    assert name not in learnt(name=name).replace(f"{name}, {name}")


def test_a_long_run_of_letters_is_looked_through_once() -> None:
    began = time.process_time()
    assert StandIns().replace("a" * 40_000) == "a" * 40_000
    assert time.process_time() - began < 1  # From every place in it: eight seconds.


def test_a_short_latin_name_is_not_found_inside_of_words() -> None:
    assert learnt(name="Ann").replace("Ann is annoyed, cannot") == "Alex is annoyed, cannot"


@pytest.mark.parametrize(
    ("said", "stands"),
    [
        ("13912345678", "13900000001"),
        ("139 1234 5678", "139 0000 0001"),
        ("+44 7700 900123", "+44 7700 000001"),
        ("call 010-8888-9999 now", "call 010-0000-0001 now"),
        ("6222 0212 3456 7890 123", "6222 0212 3450 0000 001"),
        ("mail xiao.lin+tea@gmail.com!", "mail person1@example.com!"),
        ("on 2026-11-26 at 10:30, T20250401", "on 2026-11-26 at 10:30, T20250401"),
    ],
)  # fmt: skip
def test_numbers_and_addresses_are_replaced_also_where_nobody_named_them(said: str, stands: str) -> None:
    assert StandIns().replace(said) == stands


def test_one_number_written_in_two_ways_has_one_stand_in() -> None:
    stand_ins = learnt(phone="139 1234 5678")
    assert stand_ins.replace_all({"phone": "+8613912345678", "n": 1, "l": ["139 1234 5678"]}) == {
        "phone": "+8613900000001", "n": 1, "l": ["139 0000 0001"],
    }  # fmt: skip


def test_places_tell_where_it_was() -> None:
    stand_ins = learnt(name="小林", address="文三路1号")
    assert stand_ins.places("小林住文三路1号") == [(0, 2, "李华"), (3, 8, "示例市示例区示例路1号")]
    assert stand_ins.places("") == []


def test_what_says_nothing_of_a_person_is_left() -> None:
    stand_ins = learnt(taste="fresh", name="x")
    assert stand_ins.replace("fresh x") == "fresh x"
