"""Test stories: run as written, and failing where the bot does something else."""

from __future__ import annotations

from pathlib import Path

from nlu.embedded import Embedded
from nlu.project import Project
from nlu.story_tests import run_test_stories


def test_the_stories_of_the_project_hold(shop: Project) -> None:
    assert run_test_stories(shop) == {"stories": 3, "passed": 3, "failures": []}


def test_the_first_turn_that_differs_is_named(shop: Project, tmp_path: Path) -> None:
    (tmp_path / "test_wrong.yml").write_text(
        "stories:\n"
        "- story: wrong\n  steps:\n  - intent: greet\n  - action: utter_greet\n"
        "  - intent: thanks\n  - action: utter_greet\n"
        "- story: too short\n  steps:\n  - intent: thanks\n  - action: utter_thanks\n"
    )
    assert run_test_stories(shop, [tmp_path]) == {
        "stories": 2,
        "passed": 0,
        "failures": [
            {"story": "wrong", "turn": 2, "expected": "utter_greet", "actual": "utter_thanks"},
            {"story": "too short", "turn": 1, "expected": "action_listen", "actual": "utter_greet"},
        ],
    }


def test_with_an_interpreter_the_texts_are_understood_too(
    shop: Project, embedded: Embedded, tmp_path: Path
) -> None:
    path = tmp_path / "test_nlu.yml"
    path.write_text(
        "stories:\n"
        "- story: right\n  steps:\n"
        "  - user: 你们几点开门\n    intent: faq/opening_hours\n  - action: utter_faq\n"
        "- story: wrong\n  steps:\n  - user: 你们几点开门\n    intent: greet\n  - action: utter_greet\n",
        encoding="utf-8",
    )
    assert run_test_stories(shop, [path])["passed"] == 2
    found = run_test_stories(shop, [path], embedded)
    assert found["failures"] == [
        {"story": "wrong", "turn": 1, "expected": "greet", "actual": "faq"},
    ]
