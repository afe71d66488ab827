"""The house's own words: in each language it speaks, without gaps, and known to whoever says them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import actions
from parley.keywords import ACTIONS, read_keyword
from tests.actions.counter import HOUSE

HAN = re.compile("[\u3400-\u9fff]")
RESPONSES = HOUSE.domain.responses


@pytest.mark.parametrize("name", RESPONSES)
def test_every_word_is_said_in_chinese_in_english_and_to_everybody_else(name: str) -> None:
    variations = RESPONSES[name]
    languages = [dict(variation.conditions).get("language") for variation in variations]
    assert {"zh", "en", None} <= set(languages) <= {"zh", "en", "ko", None}
    for variation, language in zip(variations, languages, strict=True):
        assert variation.text.strip()
        assert bool(HAN.search(variation.text)) == (language == "zh" and bool(HAN.search(variation.text)))


@pytest.mark.parametrize("name", RESPONSES)
def test_all_languages_fill_in_the_same_values(name: str) -> None:
    said = [set(re.findall(r"\{(\w+)\}", variation.text)) for variation in RESPONSES[name]]
    if "label/at_" not in name and "label/day_" not in name:
        assert all(values == said[0] for values in said)


def test_every_button_leads_to_something_that_the_house_does_or_a_project_knows() -> None:
    payloads = {b.payload.partition("{")[0] for vs in RESPONSES.values() for v in vs for b in v.buttons}
    known = {"/help", "/cancel_reminder"}  # what a project may know; the house does the others itself
    assert {p for p in payloads - known if read_keyword("", p) is None} == set()


def test_no_word_is_there_that_nobody_says() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in Path(actions.__file__).parent.glob("*.py"))
    computed = re.compile(r"utter_label/(weekday|month|at|day)_")
    silent = [
        name
        for name in RESPONSES
        if not computed.match(name)
        and f'"{name}"' not in code
        and f'"{name.partition("/")[2]}"' not in code
    ]
    assert silent == []


def test_every_keyword_of_the_house_has_its_action() -> None:
    from actions.base import load_actions

    assert set(ACTIONS.values()) <= set(load_actions())
