"""Questions that real customers ask the demo shop, none of them one of its examples by intention.

Half of them ("tuned") may be looked at while the bot is improved; the other half ("held") may not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nlu.base import State
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.project import Project, read_project
from tests.demo_bot import demo_model

SHOP = Path(__file__).parents[2] / "config" / "bot"
HERE = Path(__file__).parent
QUESTIONS = [json.loads(line) for line in (HERE / "questions.jsonl").read_text("utf-8").splitlines()]
NOISE = ["asdkjh", "😂😂😂", "1234567", "k", "a", "1", "zxcv qwrt", "？？？", "...", "ㅂㅈㄷ"]


@pytest.fixture(scope="module")
def project() -> Project:
    return read_project(SHOP)


@pytest.fixture(scope="module")
def interpreter() -> Embedded:
    return Embedded(demo_model())


@pytest.fixture(scope="module")
def dialogue(project: Project) -> RuleDialogue:
    return RuleDialogue(project)


def _acted_on(question: Mapping[str, Any], interpreter: Embedded, dialogue: RuleDialogue) -> str:
    """The entry or intent that is answered; empty where the bot asks back."""
    heard = interpreter.understand([question["text"]])[0]
    decision = dialogue.decide(dialogue.hear(State(), heard), heard)
    if decision.by in {"exact", "faq"}:
        return decision.name
    unclear = decision.by in {"ask_back", "hand_over", "fallback"} or decision.action == "action_unclear"
    return "" if unclear else dialogue.reader.read(heard).intent


@pytest.mark.parametrize("half", ["tuned", "held"])
def test_most_questions_get_the_right_answer_and_few_a_wrong_one(
    half: str, interpreter: Embedded, dialogue: RuleDialogue
) -> None:
    questions = [question for question in QUESTIONS if question["half"] == half]
    acted = [_acted_on(question, interpreter, dialogue) for question in questions]
    right = [said in question["right"] for said, question in zip(acted, questions, strict=True)]
    wrong = [
        (question["text"], said)
        for said, good, question in zip(acted, right, questions, strict=True)
        if said and not good
    ]
    assert len(questions) >= 60
    assert sum(right) >= 0.85 * len(questions)
    assert len(wrong) <= 0.06 * len(questions), wrong


@pytest.mark.parametrize("text", NOISE)
def test_noise_is_acted_on_by_nobody(text: str, interpreter: Embedded, dialogue: RuleDialogue) -> None:
    assert _acted_on({"text": text}, interpreter, dialogue) == ""
    assert interpreter.understand([text])[0].confidence < 0.3


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm Tom", "Tom"),
        ("i’m Ludmila", "Ludmila"),
        ("hello, my name is Rebecca Stone", "Rebecca Stone"),
        ("我叫周晓彤", "周晓彤"),
        ("你好，我是李雷", "李雷"),
        ("저는 하은이라고 해요", "하은"),
    ],
)
def test_unknown_names_are_found_and_keep_their_case(text: str, name: str, interpreter: Embedded) -> None:
    heard = interpreter.understand([text])[0]
    assert [e.value for e in heard.entities if e.entity == "name"] == [name]
    assert heard.intent == "tell_name"


@pytest.mark.parametrize(
    "text",
    [
        "I'm looking for a gift",
        "I'm pregnant",
        "I am interested in oolong",
        "我是第一次来",
        "this is great",
    ],
)
def test_who_says_i_am_does_not_always_tell_a_name(text: str, interpreter: Embedded) -> None:
    heard = interpreter.understand([text])[0]
    assert not [e for e in heard.entities if e.entity == "name"]
    assert heard.intent != "tell_name"


def test_a_number_does_not_drown_the_words_around_it(interpreter: Embedded) -> None:
    for text in ("我的手机号是 13812345678", "my number is +49 30 1234567", "13987654321"):
        heard = interpreter.understand([text])[0]
        assert heard.intent == "leave_phone"
        assert heard.confidence > 0.7


@pytest.mark.parametrize("said", ["王小明", "Anna Maria Schmidt", "김하은"])
def test_a_bare_name_answers_the_forms_question_for_it(
    said: str, interpreter: Embedded, dialogue: RuleDialogue
) -> None:
    state = State(started=True, active_loop="contact_form", slots={"requested_slot": "name"})
    state.slots["phone"] = "13812345678"
    heard = interpreter.understand([said])[0]
    state = dialogue.hear(state, heard)
    assert state.slots["name"] in said
    assert dialogue.decide(state, heard).by == "form"
