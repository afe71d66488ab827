"""Test stories: run as written, and failing where the bot does something else."""

from __future__ import annotations

from pathlib import Path

from nlu.checkpoints import joined
from nlu.embedded import Embedded
from nlu.project import Project, read_project
from nlu.steps import Does
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


def test_a_folder_without_test_stories_does_not_stand_for_the_projects_own(
    shop: Project, tmp_path: Path
) -> None:
    (tmp_path / "stories.yml").write_text("stories:\n- story: no test\n  steps: [{intent: greet}]\n")
    assert run_test_stories(shop, [tmp_path]) == {"stories": 0, "passed": 0, "failures": []}


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


def _shop_that_counts(folder: Path) -> Project:
    """What comes after counting hangs on how many there are."""
    (folder / "domain.yml").write_text(
        "intents: [count, more, stop]\nentities: [colour]\n"
        "slots:\n"
        "  pieces: {type: float, max_value: 10, mappings: [{type: custom}]}\n"
        "  colour: {type: text, mappings: [{type: from_entity, entity: colour}]}\n"
        "responses:\n"
        "  utter_few: [{text: few}]\n  utter_red: [{text: red}]\n  utter_bye: [{text: bye}]\n"
        "actions: [action_count]\n"
        "stories:\n"
        "- story: counting\n  steps:\n"
        "  - intent: count\n  - action: action_count\n  - slot_was_set: [{pieces: 2}]\n"
        "  - checkpoint: counted\n"
        "- story: counting a colour\n  steps:\n"
        "  - intent: count\n    entities: [{colour: red}]\n  - action: action_count\n"
        "  - checkpoint: counted\n"
        "- story: few\n  steps:\n"
        "  - checkpoint: counted\n    slot_was_set: [{pieces: 2}]\n"
        "  - action: utter_few\n"
        "- story: red\n  steps:\n"
        "  - checkpoint: counted\n    slot_was_set: [{colour: red}]\n"
        "  - action: utter_red\n"
        "- story: as many as never\n  steps:\n"
        "  - checkpoint: counted\n    slot_was_set: [{pieces: 9}]\n"
        "  - action: utter_bye\n"
    )
    (folder / "test_counting.yml").write_text(
        "stories:\n"
        "- story: two\n  steps:\n"
        "  - intent: count\n  - action: action_count\n  - slot_was_set: [{pieces: 2}]\n"
        "  - action: utter_few\n"
        "- story: a colour\n  steps:\n"
        "  - intent: count\n    entities: [{colour: red}]\n  - action: action_count\n"
        "  - action: utter_red\n"
    )
    return read_project(folder)


def test_a_story_goes_on_where_the_checkpoints_slots_say_so(tmp_path: Path) -> None:
    project = _shop_that_counts(tmp_path)
    ways = [[step.action for step in story.steps if isinstance(step, Does)] for story in
            joined(project.stories, project.domain)]  # fmt: skip
    assert ways == [["action_count", "utter_few"], ["action_count", "utter_red"]]
    assert run_test_stories(project) == {"stories": 2, "passed": 2, "failures": []}
