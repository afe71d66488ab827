"""What the classifier is made of: n-grams, marks, plain characters and the regression itself."""

from __future__ import annotations

import numpy as np
import pytest

from crm_store.hanzi import SIMPLIFIED
from crm_store.wording import key, normalise
from nlu import logistic
from nlu.annotations import read_annotations
from nlu.classify import Classifier
from nlu.embedded import Embedded
from nlu.entities import EntityRules, Found
from nlu.features import Floats, Rows, Vocabulary, bag, features
from nlu.marks import mark
from nlu.spans import fold
from nlu.training_data import Example, TrainingData

RULES = EntityRules.learn(
    TrainingData(
        lookups={"city": ["Berlin", "北京"], "flower": ["rose"]},
        regexes={"order": [r"[Tt]\d{8}"], "polite": ["please"]},
    ),
    {"order", "flower"},
)


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("电话13812345678，谢谢", "电话 ⟨phone⟩ ,谢谢"),
        ("write to Li@example.com!", "write to ⟨email⟩ !"),
        ("where is T20251103?", "where is ⟨order⟩ ?"),
        ("三百块以内", "⟨money⟩ 以内"),
        ("see you tomorrow", "see you tomorrow"),
        ("88", "88"),
        ("number 1234567", "number ⟨number⟩"),
        ("a ROSE to berlin", "a rose to berlin ⟪city⟫ ⟪flower⟫"),
        ("rose, rose", "rose, rose ⟪flower⟫"),
        ("hello", "hello"),
        ('/leave_phone{"phone": "13900000000"}', ""),
        ("", ""),
    ],
)
def test_finds_are_written_into_the_text(text: str, marked: str) -> None:
    found = RULES.find(text)
    hints = tuple(sorted(found.hints, key=lambda hint: hint.entity))
    assert mark(text, Found(found.entities, found.others, hints)) == marked


def test_a_list_that_is_no_entity_is_only_a_hint() -> None:
    found = RULES.find("please send a rose to Berlin")
    assert [entity.entity for entity in found.entities] == ["flower"]
    assert sorted(hint.entity for hint in found.hints) == ["city", "flower", "polite"]


def test_what_a_pattern_finds_is_not_learnt_as_a_word() -> None:
    data = TrainingData(regexes={"name": [r"(?<=call me )\w+"]})
    for line in ("call me [Max](name)", "[Sue](name) here"):
        text, entities = read_annotations(line)
        data.examples.append(Example(text, "tell_name", entities))
    rules = EntityRules.learn(data, {"name"})
    assert [e.value for e in rules.find("Max and Sue").entities] == ["Sue"]
    assert [e.value for e in rules.find("call me Bo").entities] == ["Bo"]


def test_marks_survive_a_long_text() -> None:
    assert mark("x " * 2000 + "rose", RULES.find("rose")).endswith("⟪flower⟫")


def test_scripts_give_their_own_ngrams() -> None:
    assert {"1茶", "2茶叶", "3茶叶店", "s茶店"} <= set(features("茶叶店"))
    assert {"wopen", "g op", "gpen ", "pare you"} <= set(features("when r u open"))
    assert features("⟨phone⟩ ⟪city⟫") == ["m⟨phone⟩", "h⟪city⟫"]
    assert features("🙂") == ["y🙂"]
    assert features("") == []
    assert features("t") == ["lt"]


def test_traditional_characters_read_as_simplified_ones() -> None:
    assert normalise("龍井怎麼泡，幾分鐘") == "龙井怎么泡,几分钟"
    assert key("可以開發票嗎？") == key("可以开发票吗")
    assert len(fold("貴店在哪裡")) == len("貴店在哪裡")
    assert not set(SIMPLIFIED) & set(SIMPLIFIED.values())


def test_unknown_words_shorten_a_row() -> None:
    vocabulary = Vocabulary.learn([bag("open door"), bag("green tea")])
    lengths = [
        float(np.sum(vocabulary.rows([bag(text)]).weights ** 2)) for text in ("tea", "tea xyz", "xyz")
    ]
    assert lengths[0] == pytest.approx(1, abs=1e-5)
    assert 0 < lengths[1] < 0.9
    assert lengths[2] == 0


def test_rows_of_many_are_the_rows_of_each() -> None:
    bags = [bag("open open door"), bag(""), bag("茶")]
    vocabulary = Vocabulary.learn(bags)
    together = vocabulary.rows(bags)
    for number, words in enumerate(bags):
        alone = vocabulary.rows([words])
        part = slice(together.bounds[number], together.bounds[number + 1])
        assert together.ids[part].tolist() == alone.ids.tolist()
        assert together.weights[part].tolist() == pytest.approx(alone.weights.tolist())
    assert len(vocabulary.rows([])) == 0


def _gradient(rows: Rows, targets: list[int], weights: Floats, strength: float) -> Floats:
    dense = np.zeros((len(rows), len(weights)), np.float32)
    for number in range(len(rows)):
        part = slice(rows.bounds[number], rows.bounds[number + 1])
        dense[number, rows.ids[part]] = rows.weights[part]
    dense[:, -1] = np.sqrt(0.1)
    # The bias comes as score; as a weight it belongs to the constant n-gram of that size.
    inner = weights.copy()
    inner[-1] /= np.sqrt(0.1)
    chances = np.exp(dense @ inner)
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(targets)), targets] -= 1
    found: Floats = dense.T @ chances + inner / strength
    return found


@pytest.mark.parametrize("dense", [3000, 2])
def test_the_regression_stops_where_the_slope_is_nought(
    dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logistic, "_DENSE", dense)
    texts = ["open now", "are you open", "green tea", "black tea", "bye", "good bye now"]
    targets = [0, 0, 1, 1, 2, 2]
    vocabulary = Vocabulary.learn([bag(text) for text in texts])
    rows = vocabulary.rows([bag(text) for text in texts])
    weights = logistic.fit(rows, np.array(targets), len(vocabulary), 3, 15.0)
    assert np.abs(_gradient(rows, targets, weights, 15.0)).max() < 0.01
    scores = np.array(
        [
            weights[rows.ids[a:b]].T @ rows.weights[a:b]
            for a, b in zip(rows.bounds, rows.bounds[1:], strict=False)
        ]
    )
    assert (scores + weights[-1]).argmax(axis=1).tolist() == targets


def test_many_unlikely_entries_do_not_outweigh_one_intent() -> None:
    labels = ("faq/a", "faq/b", "faq/c", "greet")
    nothing = np.zeros((1, 4), np.float32)
    classifier = Classifier(("faq", "greet"), labels, np.array([0, 3], np.int32), nothing, nothing[0])
    ranking = classifier.rank(np.array([[0.2, 0.2, 0.2, 0.4]], np.float32))[0]
    assert [name for name, _ in ranking] == ["greet", "faq"]
    assert [chance for _, chance in ranking] == pytest.approx([0.4, 0.2])


def test_an_annotated_phrase_keeps_its_case(embedded: Embedded) -> None:
    found = embedded.understand(["ship from BERLIN to rome"])[0].entities
    assert [entity.value for entity in found] == ["BERLIN", "rome"]
