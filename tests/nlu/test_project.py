"""Reading a project: what is understood, and how every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.policies import Policies
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.training_data import read_training_data


def _written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def _problems(folder: Path) -> list[tuple[str, int, str]]:
    with pytest.raises(ProjectErrors) as caught:
        read_project(folder)
    return [(p.file, p.line, p.expected) for p in caught.value.problems]


def test_the_files_of_a_project_are_merged(shop: Project) -> None:
    assert {"greet", "faq", "restart"} <= shop.intents
    assert shop.nlu.entries["faq/delivery"][0] == "可以送货上门吗"
    assert shop.domain.forms["booking"].required_slots == ("flower", "phone", "note")
    assert shop.domain.session_expiration_minutes == 30
    assert [story.name for story in shop.stories] == ["yes after a picture"]
    assert len(shop.tests) == 3
    assert (shop.thresholds.intent, shop.thresholds.ambiguity) == (0.5, 0.05)
    assert shop.thresholds.augmented is False


def test_annotations_give_text_spans_values_and_roles(shop: Project) -> None:
    route = next(e for e in shop.nlu.examples if e.intent == "route")
    assert route.text == "从上海送到北京"
    assert [(route.text[e.start : e.end], e.role) for e in route.entities] == [
        ("上海", "from"),
        ("北京", "to"),
    ]
    lily = next(e for e in shop.nlu.examples if "百合花" in e.text)
    assert lily.entities[0].value == "百合"
    assert shop.nlu.synonyms["百合花"] == "百合"


def test_yes_and_no_are_names_and_not_truth_values(tmp_path: Path) -> None:
    folder = _written(tmp_path, domain="intents:\n- yes\n- no\n- on\n")
    assert read_project(folder).domain.intents == ["yes", "no", "on"]


def test_every_mistake_is_named_with_its_file_and_line(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain=(
            "intents: [hi]\n"
            "slots:\n  size:\n    type: number\n    mappings:\n    - type: from_entity\n"
            "responses:\n  utter_hi:\n  - txt: hello\n  - text: hello\n    custom: [a]\n"
        ),
        nlu="nlu:\n- intent: hi\n  examples: |\n    - [x]{broken}\n- regex: r\n  examples: |\n    - a(\n",
        rules="rules:\n- rule: r\n  steps:\n  - intent: hi\n  - does: utter_hi\n",
    )
    found = {(file, line) for file, line, _ in _problems(folder)}
    assert found == {
        ("domain.yml", 4),
        ("domain.yml", 6),
        ("domain.yml", 9),
        ("domain.yml", 11),
        ("nlu.yml", 4),
        ("nlu.yml", 7),
        ("rules.yml", 5),
    }


def test_a_rule_may_only_name_what_the_domain_declares(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain="intents: [hi]\nresponses:\n  utter_hi: [{text: hi}]\n",
        rules="rules:\n- rule: r\n  steps:\n  - intent: hy\n  - action: utter_hy\n",
    )
    assert [(file, line) for file, line, _ in _problems(folder)] == [("rules.yml", 4), ("rules.yml", 5)]


def test_a_story_that_names_what_nobody_declares_is_dead_but_stops_nobody(tmp_path: Path) -> None:
    """Published bots have such stories, and Rasa trains on them."""
    folder = _written(
        tmp_path,
        domain="intents: [hi, bye]\nresponses:\n  utter_hi: [{text: hi}]\n",
        stories=(
            "stories:\n- story: living\n  steps:\n  - intent: hi\n  - action: utter_hi\n"
            "- story: dead\n  steps:\n  - intent: buy\n  - action: utter_sold\n  - active_loop: cart\n"
        ),
    )
    project = read_project(folder)
    names = [(w.line, w.expected.split("'")[1]) for w in project.warnings if w.file == "stories.yml"]
    assert names == [(8, "buy"), (9, "utter_sold"), (10, "cart")]
    Policies(project).check()


def test_of_a_story_that_goes_by_words_it_is_said_that_nobody_follows_it(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain="intents: [hi]\nresponses:\n  utter_hi: [{text: hi}]\n",
        rules="rules:\n- rule: r\n  steps:\n  - user: hullo\n  - action: utter_hi\n",
        stories="stories:\n- story: s\n  steps:\n  - user: hey ho\n  - action: utter_hi\n",
    )
    told = [(w.file, w.line) for w in read_project(folder).warnings]
    assert told == [("stories.yml", 4)]


def test_the_sign_for_anything_before_is_passed_over(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain="intents: [hi]\nresponses:\n  utter_hi: [{text: hi}]\n",
        rules="rules:\n- rule: r\n  steps:\n  - ...\n  - intent: hi\n  - action: utter_hi\n",
    )
    project = read_project(folder)
    assert [len(rule.steps) for rule in project.rules] == [2]
    assert [(w.line, w.expected.partition(":")[0]) for w in project.warnings] == [(4, "has no effect")]


def test_of_a_whole_project_only_what_rasa_reads_is_read(tmp_path: Path) -> None:
    """Beside it lie copies, other configurations and what actions need."""
    for name, text in {
        "domain.yml": "intents: [hi]\n",
        "config.yml": "policies:\n- name: RulePolicy\n  core_fallback_threshold: 0.6\n",
        "other_config.yml": "policies:\n- name: RulePolicy\n  core_fallback_threshold: 0.9\n",
        "original_domain.yml": "version: '2.0'\nintents: [hi, old]\nslots: {s: {type: unfeaturized}}\n",
        "docker-compose.yml": "actions: 5\n",
        "endpoints.yml": "action_endpoint: {url: x}\n",
        "actions/settings.yml": "forms: [1, 2]\n",
        "domain/more.yml": "intents: [bye]\n",
        "data/deep/nlu.yml": "nlu:\n- intent: hi\n  examples: |\n    - hello\n",
        "tests/conversations.yml": "stories:\n- story: one\n  steps: [{intent: hi}]\n",
        "test_more.yml": "stories:\n- story: two\n  steps: [{intent: hi}]\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    project = read_project(tmp_path)
    assert sorted(project.domain.intents) == ["bye", "hi"]
    assert project.thresholds.core == 0.6
    assert [example.text for example in project.nlu.examples] == ["hello"]
    assert sorted(story.name for story in project.tests) == ["one", "two"]
    told = [warning.file for warning in project.warnings if "is not read" in warning.expected]
    assert told == ["docker-compose.yml", "original_domain.yml", "other_config.yml"]


def test_broken_yaml_is_named_beside_the_mistakes_of_other_files(tmp_path: Path) -> None:
    folder = _written(tmp_path, a="nlu: [\n- x: {", b="nlu:\n- intent: a/b/c\n  examples: |\n    - x\n")
    assert [file for file, _, _ in _problems(folder)] == ["a.yml", "b.yml"]


def test_a_line_without_a_dash_is_no_example_but_a_warning(tmp_path: Path) -> None:
    folder = _written(tmp_path, nlu="nlu:\n- intent: a\n  examples: |\n    - one\n    two\n")
    project = read_project(folder)
    assert [e.text for e in project.nlu.examples] == ["one"]
    assert [w.line for w in project.warnings] == [5]


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    assert "expected a folder" in _problems(tmp_path / "nowhere")[0][2]


def test_the_fingerprint_follows_what_is_learned_and_nothing_else(tmp_path: Path) -> None:
    first = "nlu:\n- intent: a\n  examples: |\n    - one\n"
    old = read_project(_written(tmp_path, nlu=first)).fingerprint()
    words = "responses:\n  utter_a: [{text: hi}]\n"
    assert read_project(_written(tmp_path, words=words)).fingerprint() == old
    assert read_project(_written(tmp_path, nlu=first + "    - two\n")).fingerprint() != old


def test_a_folder_may_hold_nlu_data_alone(shop_folder: Path) -> None:
    data = read_training_data(shop_folder / "data")
    assert data.entity_types == {"flower", "city", "size"}
    assert data.lookups["flower"] == ["郁金香", "玫瑰", "tulip", "rose"]


def test_a_domain_of_rasa_2_is_read_with_advice_to_migrate_it(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain=(
            'version: "2.0"\nintents: [hi]\nentities: [city, size]\n'
            "slots:\n  city:\n    type: text\n  size:\n    type: unfeaturized\n    auto_fill: false\n"
            "forms:\n  trip:\n    required_slots:\n"
            "      city:\n      - type: from_entity\n        entity: city\n"
            "      size:\n      - type: from_text\n"
        ),
    )
    project = read_project(folder)
    slots = project.domain.slots
    assert project.domain.forms["trip"].required_slots == ("city", "size")
    assert [(m.type, [c.active_loop for c in m.conditions]) for m in slots["city"].mappings] == [
        ("from_entity", ["trip"]),
        ("from_entity", []),
    ]
    assert [m.type for m in slots["size"].mappings] == ["from_text"]
    assert [w.line for w in project.warnings if "Rasa 2" in w.expected] == [11]


def test_old_forms_fill_slots_as_rasas_own_migration_has_it(tmp_path: Path) -> None:
    """Words and intents only answer what is asked; what two forms say alike is one mapping."""
    folder = _written(
        tmp_path,
        domain=(
            'version: "2.0"\nintents: [hi, "yes"]\nentities: [city]\n'
            "slots:\n  city: {type: text, auto_fill: false}\n  note: {type: text}\n  why: {type: text}\n"
            "forms:\n"
            "  trip:\n"
            "    city: [{type: from_entity, entity: city}, {type: from_text}]\n"
            "    note: [{type: from_text, not_intent: hi}]\n"
            "    why: [{type: from_trigger_intent, intent: hi, value: fun}]\n"
            "  stay:\n"
            "    city: [{type: from_entity, entity: city}]\n"
            "    note: [{type: from_intent, intent: yes, value: x}, {type: from_text, not_intent: hi}]\n"
        ),
    )
    read = {
        name: [(m.type, [(c.active_loop, c.requested_slot) for c in m.conditions]) for m in slot.mappings]
        for name, slot in read_project(folder).domain.slots.items()
    }
    assert read == {
        "city": [("from_entity", [("trip", None), ("stay", None)]), ("from_text", [("trip", "city")])],
        "note": [
            ("from_text", [("trip", "note"), ("stay", "note")]),
            ("from_intent", [("stay", "note")]),
        ],
        "why": [("from_trigger_intent", [("trip", None)])],
    }


def test_a_slot_may_be_of_one_of_rasas_classes_or_of_a_class_of_its_own(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain=(
            "intents: [hi]\nslots:\n"
            "  ready: {type: rasa.shared.core.slots.BooleanSlot}\n"
            "  name: {type: rasa.shared.core.slots.TextSlot}\n"
            "  size: {type: rasa.shared.core.slots.CategoricalSlot, values: [s, m]}\n"
            "  old: {type: unfeaturized}\n"
            "  own: {type: things.slots.PhaseOfTheMoon}\n"
        ),
    )
    project = read_project(folder)
    kinds = {name: slot.type for name, slot in project.domain.slots.items()}
    assert kinds == {"ready": "bool", "name": "text", "size": "categorical", "old": "any", "own": "any"}
    assert [(w.line, w.expected.split()[0]) for w in project.warnings] == [
        (7, "things.slots.PhaseOfTheMoon")
    ]


def test_names_that_stand_twice_are_named(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain="intents: [hi, hi]\nentities: [city, city]\nactions: [a, a]\n",
    )
    assert [(line, said.split()[1]) for _, line, said in _problems(folder)] == [
        (1, "'hi'"),
        (2, "'city'"),
        (3, "'a'"),
    ]


def test_a_rule_has_one_turn_unless_the_configuration_lets_it_have_more(tmp_path: Path) -> None:
    folder = _written(
        tmp_path,
        domain="intents: [hi, bye]\nresponses:\n  utter_hi: [{text: hi}]\n",
        rules=(
            "rules:\n- rule: two\n  steps:\n  - intent: hi\n  - action: utter_hi\n"
            "  - intent: bye\n  - action: utter_hi\n"
        ),
    )
    assert [(file, line) for file, line, _ in _problems(folder)] == [("rules.yml", 2)]
    _written(folder, config="policies:\n- name: RulePolicy\n  restrict_rules: false\n")
    assert len(read_project(folder).rules) == 1
