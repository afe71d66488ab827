"""Thresholds that training chooses: answers are as often right as was wanted, on texts never seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crm_store.messages import Answer, Understanding
from nlu.base import State
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.evaluate import evaluate
from nlu.limit_choosing import Asked, _lowest, with_retrieval
from nlu.limits import FEWEST, Limits
from nlu.meaning import Reader
from nlu.model import Model
from nlu.pipeline import Thresholds
from nlu.policies import Policies
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.train import train
from nlu.training_data import Example
from tests.nlu.planted import Planted

USUAL = Thresholds()


def _taught(examples: Sequence[Example], wanted: float) -> Model:
    project = Project(thresholds=Thresholds(wanted=wanted))
    project.nlu.examples = [*examples]
    return train(project)


def _asked(model: Model, examples: Sequence[Example], limits: Limits) -> dict[str, float]:
    reader = Reader({"faq"}, model.retriever.entries, USUAL, limits)
    rows = [{"text": example.text, "intent": example.intent} for example in examples]
    return evaluate(Embedded(model), rows, reader)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("wanted", [0.9, 0.95])
def test_answers_to_the_held_out_half_are_right_as_often_as_wanted(wanted: float, seed: int) -> None:
    talk = Planted(24, seed)
    model = _taught(talk.examples(20), wanted)
    asked = [*talk.examples(20), *talk.strange(50)]
    found = _asked(model, asked, model.limits)
    assert model.limits.reached["intents"].holds
    assert model.limits.reached["entries"].holds
    assert found["answered_right"] >= wanted
    assert found["answered"] > 0.2
    # By the defaults more is answered, and more of it wrongly.
    assert _asked(model, asked, Limits())["answered_right"] < found["answered_right"]


def test_more_certainty_costs_answers() -> None:
    talk = Planted(24, 5)
    taught = talk.examples(20)
    lax, strict = _taught(taught, 0.7).limits, _taught(taught, 0.95).limits
    assert lax.intent is not None
    assert strict.intent is not None
    assert lax.intent < strict.intent
    assert lax.reached["intents"].answered > strict.reached["intents"].answered


def test_entries_that_are_told_apart_by_likeness_keep_to_what_is_wanted_too() -> None:
    talk = Planted(420, 7, unclear=0.1, only_entries=True)
    model = _taught(talk.examples(4), 0.9)
    assert len(model.classifier.labels) == 1
    assert model.limits.reached["entries"].holds
    found = _asked(model, [*talk.examples(2), *talk.strange(80)], model.limits)
    assert found["answered_right"] >= 0.9
    assert found["answered"] > 0.2


def test_of_few_examples_nothing_is_chosen_and_the_defaults_count(model: Model) -> None:
    limits = _taught(Planted(6).examples(10), 0.9).limits
    assert (limits.intent, limits.faq, limits.reached) == (None, None, {})
    assert 0 < limits.texts["intents"] < FEWEST
    assert limits.over(USUAL) == USUAL


def test_a_threshold_of_the_project_is_kept(tmp_path: Path) -> None:
    own = _project(tmp_path, "threshold: 0.2")
    assert own.thresholds.own
    own.nlu.examples = Planted(24).examples(10)
    limits = train(own).limits
    assert limits == Limits()
    chosen = Limits(0.9, intent=0.8, faq=0.7, faq_agreed=0.7, none=0.2)
    assert chosen.over(own.thresholds) == own.thresholds
    assert chosen.over(USUAL).intent == 0.8


def test_what_is_wanted_stands_in_the_project(tmp_path: Path) -> None:
    project = _project(tmp_path, "wanted_precision: 0.97")
    assert (project.thresholds.wanted, project.thresholds.own) == (0.97, False)
    assert project.fingerprint() != replace(project, thresholds=USUAL).fingerprint()
    for wrong, said in (
        ("wanted_precision: 1", "between 0.5 and 0.99"),
        ("wanted_precision: 0.9\n  threshold: 0.3", "either wanted_precision or thresholds"),
    ):
        with pytest.raises(ProjectErrors, match=said):
            _project(tmp_path, wrong)


def _project(folder: Path, line: str) -> Project:
    (folder / "config.yml").write_text(
        f"pipeline:\n- name: FallbackClassifier\n  {line}\n", encoding="utf-8"
    )
    return read_project(folder)


def test_a_model_keeps_what_was_chosen(tmp_path: Path) -> None:
    model = _taught(Planted(24).examples(10), 0.9)
    model.save(tmp_path / "a.model")
    assert Model.load(tmp_path / "a.model").limits == model.limits
    assert model.limits.reached


def test_the_lowest_score_is_taken_that_surely_holds() -> None:
    scores = np.linspace(1, 0, 1000).astype(np.float32)
    right = np.arange(1000) < 800
    found = _lowest(scores, right, 0.9)
    assert found is not None
    share = right[scores >= found].mean()
    assert 0.9 <= share < 0.93
    assert _lowest(scores[:9], np.ones(9, bool), 0.95) is None
    assert _lowest(scores, np.zeros(1000, bool), 0.5) is None
    # Equal scores stand or fall together.
    assert _lowest(np.full(200, 0.5, np.float32), np.arange(200) < 150, 0.9) is None


def test_retrieval_alone_answers_later_than_where_the_classifier_agrees() -> None:
    scores = np.linspace(1, 0, 400).astype(np.float32)
    asked = Asked(scores, scores > 0.35, np.ones(400, bool), scores > 0.2)
    limits = with_retrieval(Limits(0.9), asked)
    assert limits.faq_agreed is not None
    assert limits.faq == max(limits.faq_agreed, USUAL.faq)


def _heard(first: float, second: float, third: float = 0.0, engine: str = "embedded") -> Understanding:
    ranking = (("greet", first), ("thanks", second), ("ask_person", third))
    return Understanding("hm", "greet", first, ranking, engine=engine)


def test_what_may_be_one_of_two_is_asked_back_and_what_is_none_is_not(shop: Project) -> None:
    limits = Limits(0.9, intent=0.8, faq=0.7, faq_agreed=0.7, none=0.2)
    reader, policies = Reader({"faq"}, (), USUAL, limits), Policies(shop)

    def offered(heard: Understanding) -> list[str]:
        assert not reader.read(heard).intent
        return [choice["name"] for choice in reader.choices(heard, policies)]

    assert offered(_heard(0.75, 0.5)) == ["greet", "thanks"]
    assert offered(_heard(0.75, 0.5, 0.2)) == ["greet", "thanks"]
    assert offered(_heard(0.4, 0.35, 0.3)) == ["greet", "thanks", "ask_person"]
    assert offered(_heard(0.19, 0.15)) == []
    assert reader.read(_heard(0.85, 0.3)).intent == "greet"
    # Another engine's confidences were not looked at.
    assert reader.read(_heard(0.75, 0.3, engine="rasa")).intent == "greet"


def test_the_dialogue_asks_back_by_what_was_chosen_and_then_hands_over(
    shop: Project, embedded: Embedded
) -> None:
    project = replace(shop, thresholds=USUAL)
    dialogue = RuleDialogue(project, chosen=Limits(0.9, intent=0.9, faq=0.9, faq_agreed=0.9, none=0.1))
    heard = replace(_heard(0.75, 0.5), answers=(Answer("faq/care", 0.6),))
    state = dialogue.hear(State(), heard)
    decision = dialogue.decide(state, heard)
    assert decision.by == "ask_back"
    assert [choice["name"] for choice in decision.arguments["choices"]] == ["greet", "faq/care", "thanks"]
    state = dialogue.hear(dialogue.after(state, decision, {}), heard)
    assert dialogue.decide(state, heard).by == "hand_over"
    sure = RuleDialogue(project)
    assert sure.decide(sure.hear(State(), heard), heard).action == "utter_greet"
