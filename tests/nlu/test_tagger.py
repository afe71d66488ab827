"""What a tagger learns from annotated examples: to find what no example has named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.embedded import Embedded
from nlu.entities import EntityRules
from nlu.entity_training import learn_entities
from nlu.model import Model
from nlu.project import read_project
from nlu.tokens import MOST, tokenize
from nlu.train import train
from nlu.training_data import Example, TrainingData
from tests.nlu.talk import asked, taught

DATA = TrainingData(taught())
TYPES = frozenset(DATA.entity_types)


@pytest.fixture(scope="module")
def tagging() -> EntityRules:
    return learn_entities(DATA, TYPES, tagged=True)


def _right(rules: EntityRules, examples: list[Example]) -> float:
    """The share of entities that are found with type, role and place."""
    found = rules.find_many([example.text for example in examples])
    heard = [{(e.entity, e.role, e.start, e.end) for e in each.entities} for each in found]
    told = [{(e.entity, e.role, e.start, e.end) for e in example.entities} for example in examples]
    return sum(len(h & t) for h, t in zip(heard, told, strict=True)) / sum(map(len, told))


def test_a_tagger_finds_what_no_example_names(tagging: EntityRules) -> None:
    rules = EntityRules.learn(DATA, TYPES)
    assert _right(tagging, asked()) > _right(rules, asked()) + 0.2


def test_rules_and_tagger_find_together_what_stands_together(tagging: EntityRules) -> None:
    found = tagging.find("book a flight from Paris to Oslo").entities
    assert [(e.value, e.role, e.extractor) for e in found] == [
        ("Paris", "from", "example"),
        ("Oslo", "to", "tagger"),
    ]


def test_a_batch_finds_what_single_texts_give(tagging: EntityRules) -> None:
    texts = ["", *(example.text for example in [*taught(), *asked()]), "?", "x " * 500]
    assert tagging.find_many(texts) == [tagging.find(text) for text in texts]


def test_rules_alone_serve_where_a_tagger_adds_nothing() -> None:
    named = [(e.entity, e.value) for example in [*taught(), *asked()] for e in example.entities]
    lists = {kind: [value for name, value in named if name == kind] for kind in TYPES}
    listed = TrainingData(taught(), lookups=lists)
    assert learn_entities(listed, TYPES).tagger is None
    assert learn_entities(TrainingData(taught()[:5]), TYPES).tagger is None


def test_a_tagger_is_part_of_the_model(tmp_path: Path) -> None:
    lines = []
    for example in taught():
        text = example.text
        for e in reversed(example.entities):
            role = f', "role": "{e.role}"' if e.role else ""
            text = f'{text[: e.start]}[{e.value}]{{"entity": "{e.entity}"{role}}}{text[e.end :]}'
        lines.append(f"    - {text}\n")
    half = len(lines) // 2
    (tmp_path / "nlu.yml").write_text(
        f"nlu:\n- intent: fly\n  examples: |\n{''.join(lines[:half])}"
        f"- intent: hear\n  examples: |\n{''.join(lines[half:])}"
    )
    (tmp_path / "config.yml").write_text("pipeline:\n- name: CRFEntityExtractor\n")
    trained = train(read_project(tmp_path))
    trained.save(tmp_path / "m.model")
    loaded = Embedded(Model.load(tmp_path / "m.model"))
    texts = [example.text for example in asked()]
    assert any(e.extractor == "tagger" for heard in loaded.understand(texts) for e in heard.entities)
    found = [[(e.start, e.entity) for e in heard.entities] for heard in loaded.understand(texts)]
    assert found == [
        [(e.start, e.entity) for e in each.entities] for each in trained.entities.find_many(texts)
    ]


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=60))
def test_any_text_can_be_tagged(tagging: EntityRules, text: str) -> None:
    for entity in tagging.find(text).entities:
        assert 0 <= entity.start < entity.end <= len(text)


def test_tokens_are_words_runs_of_digits_and_single_characters() -> None:
    tokens = tokenize("don't 买12.5斤茶 한국", [(7, 12, "quantity")], [(12, 13, "tea")])
    assert list(tokens.words) == ["don't", "买", "12", ".", "5", "斤", "茶", "한", "국"]
    assert list(tokens.kinds) == ["", "", "B-quantity", *["I-quantity"] * 3, "", "", ""]
    assert len(tokenize("a " * 5000, [], [])) == MOST


def test_an_entity_does_not_begin_in_its_middle(tagging: EntityRules) -> None:
    tagger = tagging.tagger
    assert tagger is not None
    inside = [number for number, label in enumerate(tagger.labels) if label.startswith("I")]
    assert np.all(tagger.begins[inside] < -100)
    assert np.all(tagger.moves[0, inside] < -100)
