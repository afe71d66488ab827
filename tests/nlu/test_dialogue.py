"""The embedded dialogue: what is decided, in which order, and what is remembered."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace

import pytest

from crm_store.messages import Answer, Entity, Understanding
from nlu.base import LISTEN, Decision, State
from nlu.dialogue import RuleDialogue
from nlu.embedded import Embedded
from nlu.payload import read_payload
from nlu.project import Project
from nlu.steps import Heard


@dataclass
class Talk:
    """A dialogue turn by turn; each turn gives the names of its actions."""

    dialogue: RuleDialogue
    embedded: Embedded
    state: State = field(default_factory=State)
    decisions: list[Decision] = field(default_factory=list)

    def say(self, text: str) -> list[str]:
        return self.hear(self.embedded.understand([text])[0])

    def tap(self, payload: str) -> list[str]:
        heard = read_payload(payload, self.dialogue.project.intents)
        assert heard is not None
        return self.hear(heard)

    def hear(self, heard: Understanding) -> list[str]:
        state = State(**json.loads(json.dumps(asdict(self.state))))
        state = self.dialogue.hear(state, heard)
        self.decisions = []
        for _ in range(10):
            decision = self.dialogue.decide(state, heard)
            if decision.action == LISTEN:
                break
            self.decisions.append(decision)
            state = self.dialogue.after(state, decision, {})
        self.state = state
        return [decision.action for decision in self.decisions]

    @property
    def first(self) -> Decision:
        return self.decisions[0]

    def in_form(self, name: str | None) -> bool:
        return self.state.active_loop == name


@pytest.fixture
def talk(shop: Project, embedded: Embedded) -> Talk:
    return Talk(RuleDialogue(shop), embedded)


def _meant(intent: str, *entities: Entity, text: str = "…", confidence: float = 1.0) -> Understanding:
    ranking = ((intent, confidence),)
    return Understanding(text, intent, confidence, ranking, entities, engine="embedded")


def test_a_rule_answers_and_its_name_is_kept(talk: Talk) -> None:
    assert talk.say("你好") == ["utter_greet"]
    assert (talk.first.by, talk.first.name) == ("rule", "greet")


def test_a_rule_may_have_several_actions(talk: Talk) -> None:
    assert talk.say("thank you") == ["utter_thanks", "utter_greet"]


def test_an_entry_answers_exactly_or_nearly(talk: Talk) -> None:
    assert talk.say("When do you open?") == ["utter_faq/opening_hours"]
    assert (talk.first.by, talk.first.name, talk.first.confidence) == ("exact", "faq/opening_hours", 1.0)
    assert talk.say("请问你们早上几点开门呀") == ["utter_faq/opening_hours"]
    assert talk.first.by == "faq"


def test_a_payload_may_name_the_entry(talk: Talk) -> None:
    assert talk.tap("/faq/care") == ["utter_faq/care"]
    assert talk.first.confidence == 1.0


def test_slots_are_filled_by_role_and_by_intent(talk: Talk) -> None:
    assert talk.say("从北京送到杭州") == ["utter_route"]
    assert (talk.state.slots["origin"], talk.state.slots["target"]) == ("北京", "杭州")
    talk.say("转人工")
    assert talk.state.slots["wants_call"] is True


def test_a_condition_on_a_slot_decides_between_rules(talk: Talk) -> None:
    assert talk.hear(_meant("yes"))[0] != "action_book"
    talk.state = talk.dialogue.know(talk.state, {"flower": "玫瑰"})
    assert talk.hear(_meant("yes")) == ["action_book"]


def test_a_form_asks_until_everything_is_known(talk: Talk) -> None:
    assert talk.say("我想订花") == ["utter_ask_flower"]
    assert talk.in_form("booking")
    assert talk.say("郁金香") == ["utter_ask_booking_phone"]
    assert talk.say("13812345678") == ["utter_ask_note"]
    assert talk.say("生日快乐，永远开心") == ["booking", "action_book"]
    assert talk.in_form(None)
    assert talk.state.slots["note"] == "生日快乐，永远开心"
    assert talk.decisions[1].name == "booked"


def test_a_form_starts_with_what_was_said_already(talk: Talk) -> None:
    assert talk.say("订一束玫瑰") == ["utter_ask_booking_phone"]
    assert (talk.first.by, talk.first.arguments["rule"]) == ("form", "start the booking")
    assert talk.state.requested_slot == "phone"


def test_a_question_inside_a_form_is_answered_and_the_form_asks_again(talk: Talk) -> None:
    talk.say("订一束玫瑰")
    assert talk.say("几点开门呀你们") == ["utter_faq/opening_hours", "utter_ask_booking_phone"]
    assert talk.say("你们几点开门") == ["utter_faq/opening_hours", "utter_ask_booking_phone"]
    assert talk.say("你好") == ["utter_greet", "utter_ask_booking_phone"]
    assert talk.say("13812345678") == ["utter_ask_note"]


def test_an_exact_question_is_not_written_on_the_card(talk: Talk) -> None:
    talk.say("订一束玫瑰")
    talk.say("13812345678")
    assert talk.say("when do you open") == ["utter_faq/opening_hours", "utter_ask_note"]
    assert "note" not in talk.state.slots


def test_a_form_can_be_left(talk: Talk) -> None:
    assert talk.say("算了") == ["utter_no_idea"]
    talk.say("我想订花")
    assert talk.say("算了") == ["action_deactivate_loop", "utter_stopped"]
    assert talk.in_form(None)
    assert talk.say("你好") == ["utter_greet"]


def test_what_a_form_does_not_understand_it_asks_again_and_then_hands_over(talk: Talk) -> None:
    talk.say("订一束玫瑰")
    assert talk.say("zzz") == ["utter_ask_booking_phone"]
    assert talk.say("qqq") == ["action_handover"]


def test_the_first_miss_asks_back_and_the_second_hands_over(talk: Talk) -> None:
    assert talk.say("zzz") == ["action_ask_back"]
    assert talk.first.by == "ask_back"
    assert talk.say("qqq") == ["action_handover"]
    assert talk.first.by == "hand_over"
    assert talk.say("你好") == ["utter_greet"]
    assert talk.say("zzz") == ["action_ask_back"]


def test_thumbs_and_faces_are_no_misses(talk: Talk) -> None:
    for sign in ("👍", "😀😀", "……", "?!"):
        assert "action_handover" not in talk.say(sign)
    assert talk.state.misses == 0
    talk.say("zzqx vvkw")
    assert "action_handover" not in talk.say("🙏")
    assert "action_handover" in talk.say("zzqx vvkw")


def test_asking_back_offers_what_may_have_been_meant(talk: Talk) -> None:
    unsure = Understanding(
        "…",
        "greet",
        0.3,
        (("greet", 0.3), ("faq", 0.28), ("thanks", 0.2), ("out_of_scope", 0.2)),
        answers=(Answer("faq/care", 0.25), Answer("faq/delivery", 0.01)),
        engine="embedded",
    )
    assert talk.hear(unsure) == ["action_ask_back"]
    assert talk.first.arguments["choices"] == [
        {"kind": "intent", "name": "greet"},
        {"kind": "faq", "name": "faq/care"},
        {"kind": "intent", "name": "thanks"},
    ]
    assert talk.state.asked_back == ["greet", "faq/care", "thanks"]


def test_two_entries_that_are_too_near_are_asked_back_and_a_button_chooses(talk: Talk) -> None:
    near = Understanding(
        "…",
        "faq",
        0.5,
        (("faq", 0.5), ("greet", 0.05)),
        answers=(Answer("faq/care", 0.5), Answer("faq/delivery", 0.45)),
        engine="embedded",
    )
    assert talk.hear(near) == ["action_ask_back"]
    assert talk.state.asked_back == ["faq/care", "faq/delivery"]
    assert talk.tap("/faq/delivery") == ["utter_faq/delivery"]
    assert talk.state.misses == 0
    talk.hear(near)
    assert talk.tap("/greet") == ["utter_greet"]


def test_the_thresholds_of_the_project_are_honoured(shop: Project, embedded: Embedded) -> None:
    unsure = Understanding("…", "greet", 0.5, (("greet", 0.5), ("thanks", 0.3)), engine="embedded")
    for intent, ambiguity, action in ((0.4, 0.1, "utter_greet"), (0.6, 0.1, None), (0.4, 0.3, None)):
        limits = replace(shop.thresholds, intent=intent, ambiguity=ambiguity)
        talk = Talk(RuleDialogue(shop, limits), embedded)
        assert talk.hear(unsure) == [action or "action_ask_back"]


def test_two_intents_that_are_too_near_are_not_understood(talk: Talk) -> None:
    near = Understanding("…", "greet", 0.5, (("greet", 0.5), ("thanks", 0.47)), engine="embedded")
    assert talk.hear(near) == ["action_ask_back"]


def test_a_rule_of_an_understood_intent_is_not_stolen_by_an_entry(talk: Talk) -> None:
    heard = replace(_meant("greet"), answers=(Answer("faq/care", 0.9),))
    assert talk.hear(heard) == ["utter_greet"]


def test_what_is_no_text_is_answered_by_its_rule_or_said_to_be_unreadable(talk: Talk) -> None:
    assert talk.hear(Understanding("", "platform_image", 1.0, engine="platform")) == ["utter_image"]
    assert talk.hear(Understanding("")) == ["utter_unsupported"]


def test_a_story_is_remembered_where_no_rule_speaks(shop: Project, embedded: Embedded) -> None:
    talk = Talk(RuleDialogue(shop), embedded)
    assert talk.hear(Understanding("", "platform_image", 1.0, engine="platform")) == ["utter_image"]
    assert talk.hear(_meant("yes")) == ["utter_thanks"]
    assert (talk.first.by, talk.first.name) == ("story", "yes after a picture")


def test_restart_forgets_everything_but_the_language(talk: Talk) -> None:
    talk.state.slots["language"] = "zh"
    talk.say("订一束玫瑰")
    assert talk.tap("/restart") == ["action_restart"]
    assert talk.in_form(None)
    assert {k: v for k, v in talk.state.slots.items() if v} == {"language": "zh"}


def test_the_dialogue_changes_no_state_it_was_given(talk: Talk) -> None:
    state = State(slots={"language": "zh"})
    heard = talk.embedded.understand(["订一束玫瑰"])[0]
    after = talk.dialogue.hear(state, heard)
    talk.dialogue.after(after, talk.dialogue.decide(after, heard), {"x": 1})
    assert state == State(slots={"language": "zh"})
    assert "x" not in after.slots


def test_a_projects_rule_for_fallback_comes_before_asking_back(shop: Project, embedded: Embedded) -> None:
    rules = [rule for rule in shop.rules if rule.name == "nothing to stop"]
    steps = (Heard("nlu_fallback"), *rules[0].steps[1:])
    fallback = replace(rules[0], name="fallback", steps=steps)
    talk = Talk(RuleDialogue(replace(shop, rules=[*shop.rules, fallback])), embedded)
    assert talk.say("zzz") == ["utter_no_idea"]
    assert (talk.first.by, talk.first.name) == ("rule", "fallback")
    assert talk.say("zzz") == ["action_handover"]


def _validated(shop: Project, embedded: Embedded) -> Talk:
    """The shop, whose booking has every answer validated by an action of its own."""
    domain = replace(shop.domain, actions=[*shop.domain.actions, "validate_booking"])
    return Talk(RuleDialogue(replace(shop, domain=domain)), embedded)


def test_an_action_that_validates_is_asked_before_the_form_goes_on(
    shop: Project, embedded: Embedded
) -> None:
    talk = _validated(shop, embedded)
    assert talk.say("订一束玫瑰") == ["validate_booking", "utter_ask_booking_phone"]
    assert talk.say("13812345678") == ["validate_booking", "utter_ask_note"]


def test_what_it_refuses_is_asked_again_as_is_what_nobody_understood(
    shop: Project, embedded: Embedded
) -> None:
    talk = _validated(shop, embedded)
    talk.say("订一束玫瑰")
    assert talk.say("zzz") == ["validate_booking", "utter_ask_booking_phone"]
    assert talk.state.misses == 1
    assert talk.say("几点开门呀你们") == [
        "validate_booking",
        "utter_faq/opening_hours",
        "utter_ask_booking_phone",
    ]


def test_only_where_messages_are_taken_back_those_before_are_kept(
    shop: Project, embedded: Embedded
) -> None:
    short = replace(shop, stories=[])
    goes_back = replace(short, domain=replace(shop.domain, intents=[*shop.domain.intents, "back"]))
    turns = []
    for project in (short, goes_back):
        talk = Talk(RuleDialogue(project), embedded)
        for _ in range(4):
            assert talk.hear(_meant("greet")) == ["utter_greet"]
            assert talk.hear(_meant("thanks"))
        turns.append(len(talk.state.earlier["turns"]))
        assert talk.tap("/back") == ["action_back"]
        assert talk.hear(_meant("greet")) == ["utter_greet"]
    assert turns == [0, 2]
