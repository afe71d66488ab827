"""FAQ, asking back, consent, language and orders: what is said and what changes on the record."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from actions.base import load_actions
from crm_store import consents
from nlu.project import Project
from tests.actions.counter import HOUSE, Counter

ACTIONS = Path(__file__).parents[2] / "actions"


def test_an_faq_entry_is_answered_and_noted(counter: Counter) -> None:
    turn = counter.turn("几点开门", arguments={"entry": "faq/opening_hours"})
    said = counter.run("action_answer_faq", turn)
    assert "10:00–21:30" in said[0].text
    assert [(c.what, c.value) for c in turn.changes] == [("faq", "faq/opening_hours")]


@pytest.mark.parametrize("arguments", [{}, {"entry": "faq/gone"}])
def test_an_faq_entry_that_is_gone_is_not_silence(counter: Counter, arguments: dict[str, str]) -> None:
    said = counter.run("action_answer_faq", counter.turn("?", arguments=arguments))
    assert said[0].buttons


def test_asking_back_offers_each_choice_and_a_person(counter: Counter) -> None:
    choices = [{"kind": "faq", "name": "faq/address"}, {"kind": "intent", "name": "order_status"}]
    said = counter.run("action_ask_back", counter.turn("在哪", arguments={"choices": choices}))
    assert [(b.title, b.payload) for b in said[-1].buttons] == [
        ("店铺地址", "/faq/address"),
        ("查订单", "/order_status"),
        ("都不是，找人工", "/ask_for_person"),
    ]


def test_asking_back_speaks_the_customers_language(counter: Counter) -> None:
    choices = [{"kind": "faq", "name": "faq/parking"}]
    said = counter.run("action_ask_back", counter.turn("?", arguments={"choices": choices}, language="en"))
    assert [b.title for b in said[-1].buttons] == ["Parking", "None of these: a person"]


def test_an_entry_without_a_label_is_offered_by_its_own_title(counter: Counter) -> None:
    choices = [{"kind": "faq", "name": "faq/new_one", "title": "新茶到店"}]
    said = counter.run("action_ask_back", counter.turn("新茶", arguments={"choices": choices}))
    assert (said[-1].buttons[0].title, said[-1].buttons[0].payload) == ("新茶到店", "/faq/new_one")


@pytest.mark.parametrize("language", ["zh", "ko", "en", "fr"])
def test_a_project_without_words_for_it_asks_back_in_the_houses(counter: Counter, language: str) -> None:
    bare = replace(counter, project=Project())
    choices = [{"kind": "intent", "name": "agree", "title": "yes, do"}]
    (said,) = bare.run("action_ask_back", bare.turn("?", arguments={"choices": choices}, language=language))
    assert [(button.title, button.payload) for button in said.buttons] == [("yes, do", "/agree")]
    assert said.text.endswith(("?", "？"))  # the wide one, in Chinese
    assert bare.run("action_unclear", bare.turn("%%%", language=language))[0].text


@pytest.mark.parametrize("choices", [[], [{"kind": "faq", "name": "faq/nameless"}]])
def test_nothing_to_offer_becomes_an_offer_of_help(counter: Counter, choices: list[dict[str, str]]) -> None:
    said = counter.run("action_ask_back", counter.turn("嗯", arguments={"choices": choices}))
    assert said == counter.run("action_unclear", counter.turn("嗯"))


def test_what_was_not_understood_gets_an_offer_of_help(counter: Counter) -> None:
    said = counter.run("action_unclear", counter.turn("%%%", language="en"))
    assert "/ask_for_person" in [button.payload for button in said[0].buttons]


def test_stop_withdraws_the_consent_with_its_proof(counter: Counter) -> None:
    turn = counter.turn("退订")
    said = counter.run("action_opt_out", turn)
    found = counter.session.get(consents.Consent, (counter.customer_id, "marketing"))
    assert found is not None
    assert (found.granted, found.source_id, found.updated_at) == (False, turn.message_id, turn.now)
    assert "不再给您发" in said[0].text


def test_subscribing_again_grants_the_consent(counter: Counter) -> None:
    counter.run("action_opt_out", counter.turn("退订"))
    turn = counter.turn("订阅")
    counter.run("action_opt_in", turn)
    assert consents.find_consent(counter.session, counter.customer_id, "marketing") is True
    assert [(c.what, c.name, c.value) for c in turn.changes] == [("consent", "marketing", True)]


@pytest.mark.parametrize("name", ["opt_out", "opt_in"])
def test_an_unsure_word_changes_no_consent_but_is_asked_back(counter: Counter, name: str) -> None:
    said = counter.run(f"action_{name}", counter.turn("<script>alert(1)</script>", confidence=0.6))
    assert [button.payload for button in said[0].buttons] == [f"/{name}", "/help"]
    assert consents.find_consent(counter.session, counter.customer_id, "marketing") is None


def test_the_language_changes_with_the_next_word(counter: Counter) -> None:
    turn = counter.turn("请说英文", entities={"language": "en"})
    said = counter.run("action_change_language", turn)
    assert turn.set_slots == {"language": "en"}
    assert turn.language == "en"
    assert counter.attributes() == {"language": "en"}
    assert said[0].text == "All right, English from now on."


def test_without_a_language_named_both_are_offered(counter: Counter) -> None:
    said = counter.run("action_change_language", counter.turn("换语言"))
    assert [button.payload for button in said[0].buttons] == [
        '/change_language{"language": "zh"}',
        '/change_language{"language": "en"}',
    ]


def test_a_language_the_shop_does_not_speak_is_declined(counter: Counter) -> None:
    turn = counter.turn("会说韩语吗", entities={"language": "ko"})
    assert "抱歉" in counter.run("action_change_language", turn)[0].text
    assert turn.set_slots == {}
    assert counter.attributes() == {}


def test_an_order_is_noted_and_handed_over(counter: Counter) -> None:
    turn = counter.turn("订单t20250318到哪了", entities={"order_number": "t20250318"})
    said = counter.run("action_order_status", turn)
    assert counter.attributes() == {"last_order_asked": "T20250318"}
    assert turn.floor == "waiting"
    assert "T20250318" in said[0].text
    assert len(said) == 2


def test_an_order_number_counts_where_no_entity_was_found(counter: Counter) -> None:
    counter.run("action_order_status", counter.turn("订单T20250318到哪了"))
    assert counter.attributes() == {"last_order_asked": "T20250318"}


@pytest.mark.parametrize("text", ["我的订单呢", "T2025031", "T202503181", "AT20250318", ""])
def test_without_an_order_number_it_is_asked_for(counter: Counter, text: str) -> None:
    turn = counter.turn(text)
    said = counter.run("action_order_status", turn)
    assert "订单号" in said[0].text
    assert turn.floor is None
    assert counter.attributes() == {}


def test_the_number_given_before_still_counts(counter: Counter) -> None:
    turn = counter.turn("到哪了", slots={"order_number": "T20250401"})
    counter.run("action_order_status", turn)
    assert counter.attributes() == {"last_order_asked": "T20250401"}


def test_no_action_holds_words_for_customers() -> None:
    chinese = re.compile("[\u3400-\u9fff]")
    for path in ACTIONS.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not chinese.search(text), path.name
        assert "Content(" not in text, f"{path.name} makes words of its own"


def test_what_the_actions_say_exists(project: Project) -> None:
    said = {
        name
        for path in ACTIONS.glob("*.py")
        for name in re.findall(r'say\(\s*"(utter_\w+)"', path.read_text(encoding="utf-8"))
    }
    assert len(said) > 20
    assert said - set(project.domain.responses) - set(HOUSE.domain.responses) == set()


def test_every_action_of_the_shop_has_its_file(project: Project) -> None:
    assert {name for name in project.domain.actions if name not in load_actions()} == set()
