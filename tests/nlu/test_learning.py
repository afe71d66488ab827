"""What the classifier is made of: n-grams, marks, plain characters and the regression itself."""

from __future__ import annotations

import numpy as np
import pytest

from crm_store.hanzi import SIMPLIFIED
from crm_store.wording import key, normalise
from nlu import logistic
from nlu.annotations import read_annotations
from nlu.calibrate import Held, certainty, sharpness
from nlu.classify import Certainty, Classifier, log_share, packed
from nlu.concepts import concepts_of, stem
from nlu.embedded import Embedded
from nlu.entities import EntityRules, Found
from nlu.features import Floats, Rows, Vocabulary, features
from nlu.folds import folds
from nlu.logistic import count
from nlu.marks import mark
from nlu.retrieve import Retriever
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


def test_words_give_their_concepts_whatever_their_language() -> None:
    assert concepts_of("cancelling") == concepts_of("cancelled")
    for said in ("refunds", "我要退款", "환불"):
        assert "crefund" in features(said), said
    assert "copen" not in features("永远开心")


@pytest.mark.parametrize(
    ("word", "same"), [("copies", "copy"), ("stopped", "stopping"), ("passes", "pass"), ("cat", "cats")]
)
def test_forms_of_a_word_share_a_stem(word: str, same: str) -> None:
    assert stem(word) == stem(same)
    assert stem("bus") == "bus"


def test_plain_counts_favour_what_a_label_alone_has() -> None:
    vocabulary = Vocabulary.learn(["open now", "tea now"], ["door", "tea"])
    rows = vocabulary.rows(["open now", "tea now"])
    weights = count(rows, np.array([0, 1]), len(vocabulary), 2)
    by_name = dict(zip(vocabulary.names, weights, strict=False))
    assert by_name["wopen"][0] > 0 > by_name["wopen"][1]
    assert abs(by_name["wnow"]).max() < by_name["wopen"][0] / 4


def test_packed_weights_are_what_they_were_but_for_a_hundredth() -> None:
    weights = np.random.default_rng(0).normal(0, 2, (50, 9)).astype(np.float32)
    weights[7] = 0
    numbers, scales = packed(weights)
    assert numbers * scales[:, None] == pytest.approx(weights, abs=float(np.abs(weights).max()) / 127)
    assert not numbers[7].any()


def _held(seed: int, *, strange: bool) -> Held:
    """Scores of three labels; those of strange texts are low, of others two in three are right."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 0.5, (300, 3)).astype(np.float32)
    truth = np.full(300, -1)
    if not strange:
        truth = random.integers(0, 3, 300)
        scores[np.arange(200), truth[:200]] += 3
    return Held(scores, truth, np.arange(3))


def test_confidence_tells_how_often_an_answer_is_right_and_how_strange_a_text_is() -> None:
    held = [_held(1, strange=False), _held(2, strange=True)]
    sharp = sharpness(held)
    sure = certainty(held, sharp)
    asked = [_held(3, strange=False), _held(4, strange=True)]
    found = []
    for some in asked:
        top = some.scores.max(axis=1, keepdims=True) * sharp
        found.append(sure.of(top, log_share(np.exp(some.scores * sharp - top))).mean())
    right = [float(np.mean(some.scores.argmax(axis=1) == some.truth)) for some in asked]
    assert np.mean(found) == pytest.approx(np.mean(right), abs=0.06)
    assert found[0] > found[1] + 0.25


def test_folds_ask_for_labels_that_they_were_not_taught() -> None:
    targets = np.repeat(np.arange(15), 8)
    for learned, asked in folds(targets):
        assert not set(learned) & set(asked)
        strange = set(targets) - set(targets[learned])
        assert 1 <= len(strange) <= 2
        assert strange & set(targets[asked])
    assert [len(set(np.array([0, 1, 1, 0, 1, 0])[a])) for a, _ in folds(np.array([0, 1, 1, 0, 1, 0]))]
    assert list(folds(np.array([0, 0, 0]))) == []


def test_traditional_characters_read_as_simplified_ones() -> None:
    assert normalise("龍井怎麼泡，幾分鐘") == "龙井怎么泡,几分钟"
    assert key("可以開發票嗎？") == key("可以开发票吗")
    assert len(fold("貴店在哪裡")) == len("貴店在哪裡")
    assert not set(SIMPLIFIED) & set(SIMPLIFIED.values())


def test_unknown_words_shorten_a_row() -> None:
    vocabulary = Vocabulary.learn(["open door", "green tea"], ["door", "tea"])
    lengths = [float(np.sum(vocabulary.rows([text]).weights ** 2)) for text in ("tea", "tea xyz", "xyz")]
    assert lengths[0] == pytest.approx(1, abs=1e-5)
    assert 0 < lengths[1] < 0.9
    assert lengths[2] == 0


def test_rows_of_many_are_the_rows_of_each() -> None:
    texts = ["open open door", "", "茶"]
    vocabulary = Vocabulary.learn(texts, ["a", "b", "c"])
    together = vocabulary.rows([*texts, "quay xyz"])
    for number, text in enumerate(texts):
        alone = vocabulary.rows([text])
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
    vocabulary = Vocabulary.learn(texts, [str(target) for target in targets])
    rows = vocabulary.rows(texts)
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
    classifier = Classifier(
        ("faq", "greet"), labels, np.array([0, 3], np.int32), *packed(nothing), nothing[0], Certainty()
    )
    ranking = classifier.rank(np.array([[0.2, 0.2, 0.2, 0.4]], np.float32))[0]
    assert [name for name, _ in ranking] == ["greet", "faq"]
    assert [chance for _, chance in ranking] == pytest.approx([0.4, 0.2])


def test_an_annotated_phrase_keeps_its_case(embedded: Embedded) -> None:
    found = embedded.understand(["ship from BERLIN to rome"])[0].entities
    assert [entity.value for entity in found] == ["BERLIN", "rome"]


@pytest.mark.parametrize("phrasings", [1, 2])
def test_the_nearest_of_very_many_entries_come_first(phrasings: int) -> None:
    words = [f"word{number}" for number in range(1200)]
    entries = {f"faq/{word}": [f"{word} {word[::-1]} {i}" for i in range(phrasings)] for word in words}
    texts = [text for some in entries.values() for text in some]
    vocabulary = Vocabulary.learn(texts, [name for name, some in entries.items() for _ in some])
    retriever = Retriever.learn(entries, {text: text for text in texts}, vocabulary)
    asked = ["word7 7drow", "word1100 drow", "nothing"]
    found = retriever.answers(asked, vocabulary.rows(asked))
    assert [answers[0].entry for answers in found[:2]] == ["faq/word7", "faq/word1100"]
    for answers in found:
        assert [a.score for a in answers] == sorted([a.score for a in answers], reverse=True)
        assert len(answers) <= 5
