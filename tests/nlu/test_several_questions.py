"""A message that asks several things: told apart, and each answered."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from crm_store.messages import Answer, Understanding
from nlu.base import LISTEN, State
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.project import Project
from nlu.questions import pieces, told_apart


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("几点开门?还有能退货吗", ["几点开门?", "还有能退货吗"]),
        ("When do you open? And do you deliver?!", ["When do you open?", "And do you deliver?!"]),
        ("你好，几点开门", ["你好", "几点开门"]),
        ("when do you open???", []),
        ("...", []),
        ("", []),
        ("a, " * 200, []),
    ],
)
def test_a_text_falls_into_pieces_at_its_marks(text: str, found: list[str]) -> None:
    assert pieces(text) == found


def _asked(intent: str, *answers: Answer) -> Understanding:
    return Understanding("…", intent, 0.9, ((intent, 0.9),), answers=answers)


def test_only_two_sure_and_different_questions_are_several() -> None:
    whole = _asked("faq", Answer("faq/a", 0.4))
    a, b = Answer("faq/a", 0.8), Answer("faq/b", 0.9)
    assert told_apart(whole, [_asked("faq", a), _asked("faq", b)]).more == (b,)
    assert told_apart(whole, [_asked("faq", a), _asked("faq", b)]).answers == (a,)
    for parts in (
        [_asked("faq", a), _asked("faq", a)],
        [_asked("faq", a), _asked("greet", b)],
        [_asked("faq", a), _asked("faq", Answer("faq/b", 0.5))],
        [_asked("faq", a)],
        [],
    ):
        assert told_apart(whole, parts) is whole
    exact = _asked("faq", Answer("faq/c", 1.0, exact=True))
    assert told_apart(exact, [_asked("faq", a), _asked("faq", b)]) is exact


@pytest.mark.parametrize(
    "text",
    [
        "你们几点开门？可以送货上门吗",
        "when do you open? and do you deliver to my home?",
        "몇 시에 문을 열어요? 배달 되나요?",
    ],
)
def test_each_question_is_answered(text: str, shop: Project, embedded: Embedded) -> None:
    dialogue, (heard,) = RuleDialogue(shop), embedded.understand([text])
    assert heard.to_json()["more"] == ["faq/delivery"]
    state, said = dialogue.hear(State(), heard), []
    while (decision := dialogue.decide(state, heard)).action != LISTEN:
        said.append(decision.action)
        state = dialogue.after(State(**json.loads(json.dumps(asdict(state)))), decision, {})
    assert said == ["utter_faq/opening_hours", "utter_faq/delivery"]


def test_an_entry_that_does_not_answer_now_is_left_out(shop: Project, embedded: Embedded) -> None:
    dialogue, (heard,) = RuleDialogue(shop), embedded.understand(["你们几点开门？可以送货上门吗"])
    dialogue.reader.entries -= {"faq/delivery"}
    state = dialogue.hear(State(), heard)
    state = dialogue.after(state, dialogue.decide(state, heard), {})
    assert dialogue.decide(state, heard).action == LISTEN
