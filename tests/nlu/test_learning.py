"""What the classifier is made of: n-grams, marks, plain characters and the regression itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from crm_store.hanzi import SIMPLIFIED
from crm_store.wording import key, normalise
from nlu import concepts, logistic
from nlu.annotations import read_annotations
from nlu.calibrate import Held, certainty, sharpness
from nlu.classify import Certainty, Classifier, log_share, packed
from nlu.concepts import concepts_of, stem
from nlu.embedded import Embedded
from nlu.entities import EntityRules, Found
from nlu.features import Floats, Rows, Vocabulary, features
from nlu.folds import folds
from nlu.kinship import Kinship
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
    assert features("⟨phone⟩ ⟪city⟫") == ["m⟨phone⟩", "h⟪city⟫", "b^⟨phone⟩", "b⟨phone⟩$"]
    assert features("🙂") == ["y🙂"]
    assert features("") == []
    assert features("t") == ["lt"]


def test_what_a_text_begins_and_ends_with_counts_once_more() -> None:
    borders = [
        [name for name in features(text) if name[0] == "b"] for text in ("how r u? ⟪city⟫", "去 tea店")
    ]
    assert borders == [["b^how", "byou$"], ["b^去", "b^去", "b店$", "b店$"]]


@pytest.mark.parametrize("text", ["how r u?", "怎么退款 ok 谢谢", "call ⟨phone⟩ ⟪city⟫", "?", "x", ""])
def test_a_row_holds_the_ngrams_of_its_text(text: str) -> None:
    vocabulary = Vocabulary.learn([text, "how do you do", "怎么办"], ["asked", "other", "third"])
    names = vocabulary.names
    assert sorted(names[number] for number in vocabulary.rows([text]).ids) == sorted(features(text))


def test_words_give_their_concepts_whatever_their_language() -> None:
    assert concepts_of("cancelling") == concepts_of("cancelled")
    for said in ("refunds", "我要退款", "환불"):
        assert "crefund" in features(said), said
    assert "copen" not in features("永远开心")


def test_a_word_stands_under_a_concept_once() -> None:
    listed: Counter[tuple[str, str]] = Counter()
    for line in Path(concepts.__file__).with_name("concepts.txt").read_text("utf-8").splitlines():
        name, colon, words = line.partition(": ")
        assert colon or not line or line.startswith("#"), line
        if not line.startswith("#"):
            listed.update((name, word) for word in words.split())
    assert [pair for pair, times in listed.items() if times > 1] == []


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


TEAS = ("green tea", "green tea xyz", "xyz")


def test_unknown_words_shorten_a_row() -> None:
    vocabulary = Vocabulary.learn(["open door", "green tea"], ["door", "tea"])
    lengths = [float(np.sum(vocabulary.rows([text]).weights ** 2)) for text in TEAS]
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


TALK = ["open now", "are you open", "green tea", "black tea", "bye", "good bye now"]
TARGETS = [0, 0, 1, 1, 2, 2]


def _rows_of_talk() -> tuple[Rows, int]:
    vocabulary = Vocabulary.learn(TALK, [str(target) for target in TARGETS])
    return vocabulary.rows(TALK), len(vocabulary)


def _kinship(rows: Rows, width: int) -> Kinship:
    return Kinship.of(csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), width)))


def test_the_regression_over_many_stops_where_the_slope_is_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic, "_DENSE", 2)
    rows, width = _rows_of_talk()
    weights = logistic.fit(rows, np.array(TARGETS), width, 3, 15.0)
    assert np.abs(_gradient(rows, TARGETS, weights, 15.0)).max() < 0.01
    assert logistic.scores_of(rows, weights).argmax(axis=1).tolist() == TARGETS


def test_the_regression_over_few_stops_where_the_slope_is_nought() -> None:
    rows, width = _rows_of_talk()
    scores = logistic.scores_of(rows, logistic.fit(rows, np.array(TARGETS), width, 3, 15.0))
    assert scores.argmax(axis=1).tolist() == TARGETS
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    # There the pull of the weights is the push of what is not told right yet.
    shares = 15.0 * (np.eye(3, dtype=np.float32)[TARGETS] - chances)
    found = _kinship(rows, width).both @ shares + 0.1 * shares.sum(axis=0)
    assert found == pytest.approx(scores, abs=0.05)


def test_weights_score_as_the_kinship_that_they_were_learned_by() -> None:
    rows, width = _rows_of_talk()
    kinship = _kinship(rows, width)
    shares = np.random.default_rng(0).normal(size=(len(TALK), 3)).astype(np.float32)
    weights, start = kinship.weights(shares)
    scores = logistic.scores_of(rows, np.vstack([weights, start]))
    assert scores == pytest.approx(kinship.both @ shares, abs=1e-4)
    assert kinship.both.trace() == pytest.approx(len(TALK), rel=1e-3)


def test_who_share_no_word_are_akin_by_one_between_them() -> None:
    texts = ["甴曱", "曱甪", "甪甾", *"亍彳孑孓巛冂凵勹匚卩"]
    vocabulary = Vocabulary.learn(texts, texts)
    kinship = _kinship(vocabulary.rows(texts), len(vocabulary))
    assert kinship.both[0, 2] > kinship.both[0, 3]
    assert kinship.own[0, 2] == pytest.approx(kinship.own[0, 3], abs=0.1)


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
