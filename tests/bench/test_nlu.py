"""How understanding is scored, and a whole run on a set of two intents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.nlu.__main__ import main
from bench.nlu.datasets import Dataset, Row, as_faq, read_datasets
from bench.nlu.examples import as_yaml
from bench.nlu.scores import answered, auroc, calibration_error, entity_f1, score
from nlu.project import read_project


def _answer(intent: str, confidence: float, *entries: str) -> Row:
    return {"intent": intent, "confidence": confidence, "entities": [], "answers": list(entries)}


def _row(text: str, intent: str) -> Row:
    return {"text": text, "intent": intent, "entities": []}


@pytest.mark.parametrize(
    ("known", "foreign", "area"),
    [([0.9, 0.8], [0.1], 1.0), ([0.1], [0.9], 0.0), ([0.5], [0.5], 0.5), ([0.9, 0.2], [0.5, 0.1], 0.75)],
)
def test_the_area_is_how_often_the_known_is_surer(
    known: list[float], foreign: list[float], area: float
) -> None:
    assert auroc(known, foreign) == area


def test_as_many_count_as_answered_as_keep_wrong_ones_rare() -> None:
    answers = [_answer("a", 1 - i / 100) for i in range(50)]
    assert answered(answers, [i != 40 for i in range(50)]) == 1.0
    assert answered(answers, [i < 10 for i in range(50)]) == 0.2
    assert answered(answers, [False] * 50) == 0.0


def test_confidence_is_held_against_the_share_of_right_answers() -> None:
    answers = [_answer("a", 0.75)] * 4
    assert calibration_error(answers, [True, True, True, False]) == 0.0
    assert calibration_error(answers, [False] * 4) == 0.75


def test_an_entity_counts_by_place_and_type_and_only_if_the_set_annotates_its_type() -> None:
    gold = {"start": 0, "end": 4, "entity": "flower", "value": "rose"}
    answer = {**_answer("a", 1.0), "entities": [gold, {"start": 5, "end": 6, "entity": "number"}]}
    assert entity_f1([{"text": "rose 5", "entities": [gold]}], [answer]) == 1.0
    assert entity_f1([{"text": "rose 5", "entities": [gold]}], [_answer("a", 1.0)]) == 0.0


def test_a_set_is_scored_by_what_it_asks() -> None:
    plain = Dataset("s", [], [_row("x", "a"), _row("y", "b")], [_row("z", "oos")])
    found = score(plain, [_answer("a", 0.9), _answer("a", 0.6), _answer("a", 0.2)])
    assert (found["accuracy"], found["auroc"], found["strange_answered_at_80"]) == (0.5, 1.0, 0.0)
    answers = [_answer("faq", 0.9, "faq/a"), _answer("faq", 0.9, "faq/c", "faq/b")]
    assert score(as_faq(plain), answers) == {"first": 0.5, "in_three": 1.0}


def test_examples_are_written_as_a_project_reads_them(tmp_path: Path) -> None:
    entity = {"start": 6, "end": 10, "entity": "flower"}
    rows = [{**_row("buy a rose: now", "order"), "entities": [entity]}, _row('say "hi" 🙂', "greet")]
    (tmp_path / "nlu.yml").write_text(as_yaml(rows))
    examples = read_project(tmp_path).nlu.examples
    assert [(example.text, example.intent) for example in examples] == [
        ("buy a rose: now", "order"), ('say "hi" 🙂', "greet"),
    ]  # fmt: skip
    assert [found.entity for found in examples[0].entities] == ["flower"]


def test_a_folder_of_sets_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [_row(f"{word} {i}", word) for word in ("open", "refund") for i in ("please", "now", "today")]
    for name, some in (("train10", rows), ("test", rows[:2]), ("oos_test", [_row("qqq", "oos")])):
        (tmp_path / "tiny").mkdir(exist_ok=True)
        text = "".join(json.dumps(row) + "\n" for row in some)
        (tmp_path / "tiny" / f"{name}.jsonl").write_text(text)
    assert [dataset.name for dataset in read_datasets(tmp_path)] == ["tiny", "tiny, as FAQ"]
    monkeypatch.setenv("DATA", str(tmp_path))
    assert main(["--engines", "parley", "--json", str(tmp_path / "found.json")]) == 0
    intents, faq = json.loads((tmp_path / "found.json").read_text())
    assert (intents["accuracy"], intents["auroc"], faq["first"]) == (1.0, 1.0, 1.0)
    assert "| tiny | Parley | 1.000 |" in capsys.readouterr().out
    monkeypatch.delenv("DATA")
    with pytest.raises(SystemExit):
        main([])
