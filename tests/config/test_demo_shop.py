"""The demo shop: every word in both languages, every intent answered, every label there."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from crm_store.language import guess_language
from crm_store.messages import Content
from nlu.embedded import Embedded
from nlu.project import Project, read_project
from nlu.responses import Variation
from nlu.steps import Heard
from nlu.story_tests import run_test_stories
from tests.demo_bot import demo_model

SHOP = Path(__file__).parents[2] / "config" / "bot"
HAN = re.compile("[\u3400-\u9fff]")
HALF_WIDTH_AFTER_HAN = re.compile("[\u3400-\u9fff][,.!?:;]|[,!?;:][\u3400-\u9fff]")
VALUES = {
    "name": "Anna", "masked": "a***@example.com", "order_number": "T20250318", "hours": "10:00–21:30",
    "day": "", "opens": "10:00",
}  # fmt: skip
COMMON = ("opening_hours", "address", "parking", "pets", "delivery_area", "delivery_cost", "delivery_time",
          "abroad", "payment_methods", "return")  # fmt: skip


@pytest.fixture(scope="module")
def shop() -> Project:
    return read_project(SHOP)


def _ordinary(project: Project) -> set[str]:
    return {name for name in project.domain.intents if name != "faq" and not name.startswith("platform_")}


def _words(contents: list[Content]) -> list[str]:
    return [word for c in contents for word in (c.text, *(button.title for button in c.buttons))]


def _rendered(variation: Variation) -> list[Content]:
    return variation.contents({**VALUES, "language": "zh"})


def _said_in(project: Project, language: str) -> dict[str, list[str]]:
    return {
        f"{name} {place}": _words(_rendered(variation))
        for name, variations in project.domain.responses.items()
        for place, variation in enumerate(variations)
        if ("language", language) in variation.conditions
    }


def test_the_shop_is_large_enough_to_be_one(shop: Project) -> None:
    assert len(shop.nlu.entries) >= 44
    assert len(_ordinary(shop)) >= 18
    assert len(shop.tests) >= 20


def test_every_response_is_said_in_both_languages_and_to_everybody_else(shop: Project) -> None:
    for name, variations in shop.domain.responses.items():
        others = [v for v in variations if not v.conditions]
        assert len(others) == 1, name
        assert _rendered(others[0])[0].text, name
        spoken: dict[frozenset[tuple[str, str]], set[str]] = {}
        for variation in (v for v in variations if v.conditions):
            situation = dict(variation.conditions)
            language = situation.pop("language")
            spoken.setdefault(frozenset(situation.items()), set()).add(language)
        assert spoken, name
        assert set(map(frozenset, spoken.values())) == {frozenset({"zh", "en"})}, name


def test_chinese_is_chinese(shop: Project) -> None:
    said = _said_in(shop, "zh")
    assert [name for name, words in said.items() if not all(HAN.search(word) for word in words)] == []


def test_chinese_is_set_with_chinese_punctuation(shop: Project) -> None:
    said = _said_in(shop, "zh")
    assert {n: w for n, w in said.items() if any(map(HALF_WIDTH_AFTER_HAN.search, w))} == {}


def test_english_holds_no_chinese(shop: Project) -> None:
    said = _said_in(shop, "en")
    assert {n: w for n, w in said.items() if not all(w) or any(map(HAN.search, w))} == {}


def test_no_response_leaves_a_gap(shop: Project) -> None:
    for name, variations in shop.domain.responses.items():
        for variation in variations:
            for word in _words(_rendered(variation)):
                assert word.strip(), name
                assert not re.search(r"[{}]", word), f"{name}: {word}"


def test_every_button_leads_somewhere(shop: Project) -> None:
    phrasings = {text for texts in shop.nlu.entries.values() for text in texts}
    for name, variations in shop.domain.responses.items():
        for button in itertools.chain.from_iterable(_rendered(v)[0].buttons for v in variations):
            intent = re.match(r"/(\w+)", button.payload)
            assert intent[1] in shop.intents if intent else button.payload in phrasings, (name, button)


def test_every_intent_has_a_rule(shop: Project) -> None:
    ruled = {step.intent for rule in shop.rules for step in rule.steps if isinstance(step, Heard)}
    assert set(shop.domain.intents) - ruled == set()


def test_every_entry_has_an_answer_and_phrasings_in_both_languages(shop: Project) -> None:
    assert set(shop.entry_responses()) == set(shop.nlu.entries)
    for entry, phrasings in shop.nlu.entries.items():
        written = Counter("zh" if HAN.search(text) else guess_language(text) for text in phrasings)
        assert written["zh"] >= 5, entry
        assert written["en"] >= 4, entry


@pytest.mark.parametrize("key", COMMON)
def test_the_most_common_questions_are_understood_in_korean_too(shop: Project, key: str) -> None:
    assert "ko" in map(guess_language, shop.nlu.entries[f"faq/{key}"])


def test_every_ordinary_intent_has_a_dozen_examples_in_both_languages(shop: Project) -> None:
    for intent in _ordinary(shop):
        texts = [example.text for example in shop.nlu.examples if example.intent == intent]
        assert sum(bool(HAN.search(text)) for text in texts) >= 12, intent
        assert sum(not HAN.search(text) for text in texts) >= 12, intent


def test_no_phrasing_belongs_to_two_meanings(shop: Project) -> None:
    owners: dict[str, set[str]] = {}
    for example in shop.nlu.examples:
        owners.setdefault(example.text.casefold().rstrip("?？"), set()).add(example.intent)
    assert {text: names for text, names in owners.items() if len(names) > 1} == {}


def test_whatever_may_be_offered_has_a_label(shop: Project) -> None:
    offered = {*_ordinary(shop), *shop.nlu.entries, "none_of_these"}
    assert {name for name in offered if f"utter_label/{name}" not in shop.domain.responses} == set()


def test_every_annotated_entity_is_declared(shop: Project) -> None:
    assert shop.nlu.entity_types <= set(shop.domain.entities)


def test_products_are_told_apart_by_the_words_for_them(shop: Project) -> None:
    values = set(shop.domain.slots["product"].values)
    assert {shop.nlu.synonyms[word] for word in shop.nlu.lookups["product"]} == values
    about = shop.domain.responses["utter_about_product"]
    told = {value for v in about for slot, value in v.conditions if slot == "product"}
    assert told == values


def test_opening_times_are_the_same_everywhere(shop: Project) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SHOP.rglob("*.yml"))
    assert set(re.findall(r"\b(?:09|10|11):00\s*[–-]\s*2\d:\d\d", text)) == {"10:00–21:30"}


def test_the_files_are_plain_yaml_with_known_keys() -> None:
    domain = {"intents", "entities", "slots", "forms", "actions", "responses", "session_config"}
    config = {"recipe", "assistant_id", "language", "pipeline", "policies"}
    keys = {"version", "nlu", "rules", "stories"} | domain | config
    for path in SHOP.rglob("*.yml"):
        known = {"record"} if path.name == "record.yml" else keys
        assert set(yaml.safe_load(path.read_text(encoding="utf-8"))) <= known, path.name


def test_the_shops_own_stories_hold(shop: Project) -> None:
    assert run_test_stories(shop)["failures"] == []


def test_the_stories_hold_when_their_texts_are_understood_too(shop: Project) -> None:
    assert run_test_stories(shop, interpreter=Embedded(demo_model()))["failures"] == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("我叫马冬梅", "马冬梅"),
        ("你可以叫我老高就行", "老高"),
        ("我叫阿珍，想问问", "阿珍"),
        ("My name is Zelda Smith", "Zelda Smith"),
        ("my name is Wren and I want tea", "Wren"),
        ("제 이름은 지훈입니다", "지훈"),
        ("call me back please", None),
        ("我叫什么名字", None),
        ("那周日呢", None),
    ],
)
def test_names_that_no_example_holds_are_found(shop: Project, text: str, name: str | None) -> None:
    patterns = shop.nlu.regexes["name"]
    found = [hit[0] for pattern in patterns if (hit := re.search(pattern, text, re.IGNORECASE))]
    assert found[:1] == ([name] if name else [])
