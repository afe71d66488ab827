"""Where no story fits: the nearest one is asked back, politely, and followed once it was confirmed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from crm_store.messages import Entity, Understanding
from nlu.base import LISTEN, State
from nlu.dialogue import ASK_BACK, HAND_OVER, RuleDialogue
from nlu.nearest import Nearest
from nlu.payload import read_payload
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.snapshots import Untold
from nlu.steps import Story
from nlu.unrolling import Unrolled

INTENTS = ("greet", "order", "agree", "refuse", "weather")
DOMAIN = {
    "intents": list(INTENTS),
    "entities": ["tea"],
    "slots": {
        "tea": {"type": "text", "mappings": [{"type": "from_entity", "entity": "tea"}]},
        "member": {"type": "bool", "mappings": [{"type": "custom"}]},
    },
    "responses": {
        f"utter_{name}": [{"text": name}]
        for name in ("greet", "which", "ordered", "pity", "member", "sunny", "default")
    },
}
EXAMPLES = {"greet": "hello", "order": "I want [green](tea)\n    - some tea", "agree": "yes, do",
            "refuse": "no", "weather": "rain?"}  # fmt: skip
STORIES = [
    ["greet", "utter_greet", "order", "utter_which", "agree", "utter_ordered"],
    ["greet", "utter_greet", "order", "utter_which", "refuse", "utter_pity"],
]


def project(folder: Path, **settings: Any) -> Project:
    """The project as files, read; its memory with these settings."""
    steps = [
        [{"action": s} if s.startswith("utter_") else {"intent": s} for s in story] for story in STORIES
    ]
    parts = {
        "domain": DOMAIN,
        "config": {"pipeline": [], "policies": [{"name": "MemoizationPolicy", **settings}]},
        "stories": {"stories": [{"story": f"story {n}", "steps": s} for n, s in enumerate(steps)]},
    }
    for name, content in parts.items():
        (folder / f"{name}.yml").write_text(json.dumps(content), encoding="utf-8")
    written = "\n".join(
        f"- intent: {intent}\n  examples: |\n    - {text}" for intent, text in EXAMPLES.items()
    )
    (folder / "nlu.yml").write_text(f"nlu:\n{written}\n", encoding="utf-8")
    return read_project(folder)


class Talk:
    """A dialogue turn by turn, its state a row in between; each turn gives (action, by, name)."""

    def __init__(self, dialogue: RuleDialogue) -> None:
        self.dialogue, self.state = dialogue, State()
        self.choices: list[dict[str, Any]] = []

    def say(self, intent: str, score: float = 1.0, *entities: Entity, **others: float) -> list[Any]:
        ranking = ((intent, score), *others.items())
        return self.hear(Understanding(f"({intent})", intent, score, ranking, entities))

    def tap(self, payload: str) -> list[Any]:
        heard = read_payload(payload, INTENTS)
        assert heard
        return self.hear(heard)

    def hear(self, heard: Understanding) -> list[Any]:
        state = self.dialogue.hear(State(**json.loads(json.dumps(self.state.to_json()))), heard)
        found: list[Any] = []
        while (decision := self.dialogue.decide(state, heard)).action != LISTEN:
            found.append((decision.action, decision.by, decision.name))
            self.choices = [dict(c) for c in decision.arguments.get("choices", ())]
            state = self.dialogue.after(state, decision, {})
        self.state = state
        return found

    def know(self, **slots: Any) -> None:
        """An action outside has set slots."""
        self.state = self.dialogue.know(self.state, slots)


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    return Talk(RuleDialogue(project(tmp_path, ask_nearest_story=True)))


def _as_far_as_the_tea(talk: Talk) -> None:
    assert talk.say("greet") == [("utter_greet", "story", "story 0")]
    assert talk.say("order") == [("utter_which", "story", "story 0")]
    talk.know(member=True)  # of which no story knows


def test_the_nearest_story_is_asked_back_and_followed_when_it_was_meant(talk: Talk) -> None:
    _as_far_as_the_tea(talk)
    assert talk.say("agree") == [(ASK_BACK, "ask_back", "story 0")]
    assert talk.choices == [{"kind": "intent", "name": "agree", "title": "yes, do"}]
    assert talk.tap("/agree") == [("utter_ordered", "nearest", "story 0")]
    assert talk.state.misses == 0


def test_what_may_be_meant_is_offered_by_how_near_it_is(talk: Talk) -> None:
    _as_far_as_the_tea(talk)
    assert talk.say("refuse", 0.28, agree=0.25, weather=0.2) == [(ASK_BACK, "ask_back", "story 1")]
    assert [choice["name"] for choice in talk.choices] == ["refuse", "agree"]
    assert talk.tap("/agree") == [("utter_ordered", "nearest", "story 0")]


def test_what_is_offered_reads_as_somebody_would_say_it_without_guessing_at_a_value(talk: Talk) -> None:
    talk.say("greet")
    talk.know(member=True)
    talk.say("order")
    assert talk.choices == [{"kind": "intent", "name": "order", "title": "some tea"}]


def test_who_does_not_pick_it_and_is_not_understood_again_gets_a_person(talk: Talk) -> None:
    _as_far_as_the_tea(talk)
    talk.say("agree")
    assert [action for action, *_ in talk.say("weather")] == [HAND_OVER]


def test_what_is_far_from_every_story_is_not_asked_back(talk: Talk) -> None:
    _as_far_as_the_tea(talk)
    talk.say("agree")
    talk.tap("/agree")
    assert talk.say("greet") == [(ASK_BACK, "ask_back", "")]
    assert talk.choices == []


def test_a_button_that_was_not_offered_is_asked_about_too(talk: Talk) -> None:
    _as_far_as_the_tea(talk)
    assert talk.tap("/agree") == [(ASK_BACK, "ask_back", "story 0")]


@pytest.mark.parametrize("settings", [{}, {"ask_nearest_story": False}, {"nearest_story_threshold": 0.1}])
def test_it_is_off_unless_the_project_asks_for_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    talk = Talk(RuleDialogue(project(tmp_path, **settings)))
    assert talk.dialogue.policies.nearest is None
    _as_far_as_the_tea(talk)
    assert talk.say("agree") == [(ASK_BACK, "ask_back", "")]


def test_in_strict_mode_it_is_off_in_any_case(tmp_path: Path) -> None:
    talk = Talk(RuleDialogue(project(tmp_path, ask_nearest_story=True), strict=True))
    _as_far_as_the_tea(talk)
    assert {by for _, by, _ in talk.say("agree")} == {"fallback"}


@pytest.mark.parametrize("settings", [{"nearest_story_threshold": 2}, {"ask_nearest_story": "often"}])
def test_a_setting_that_is_none_is_refused_with_its_line(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(ProjectErrors, match=next(iter(settings))):
        project(tmp_path, **{"ask_nearest_story": True} | settings)


def test_an_ordinary_turn_does_not_look_for_it(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    def find(*_: Any) -> Any:
        raise AssertionError("nobody asked for it")

    monkeypatch.setattr(Nearest, "find", find)
    assert talk.say("greet") == [("utter_greet", "story", "story 0")]
    assert talk.say("order") == [("utter_which", "story", "story 0")]
    with pytest.raises(AssertionError, match="nobody asked"):
        talk.say("weather")


# Against the same sum without any index, over states that are made up.

WEIGHTS = {"action": 2.0, "loop": 2.0, "before": 1.0, "entity": 1.0, "slot": 1.0}


class Told(Unrolled):
    """A story of one state."""

    states: list[dict[str, Any]]
    does: str

    def examples(self, domain: Any) -> Any:
        yield self.states, self.does


def _told(dice: random.Random, number: int, kinds: int) -> Told:
    story = Told(Story(f"story {number}", (), "stories.yml", number))
    story.states, story.does = _states(dice, kinds), f"utter_{dice.randrange(kinds)}"
    return story


def _states(dice: random.Random, kinds: int) -> list[dict[str, Any]]:
    def one(action: str) -> dict[str, Any]:
        found: dict[str, Any] = {"prev_action": {"action_name": action}}
        found["user"] = {"intent": f"intent {dice.randrange(kinds)}"}
        if dice.random() < 0.5:
            found["user"]["entities"] = sorted({f"entity {dice.randrange(5)}" for _ in range(2)})
        slots = {f"slot {dice.randrange(8)}": [float(dice.randrange(2))] for _ in range(dice.randrange(5))}
        return found | ({"slots": slots} if slots else {})

    return [one(f"utter_{dice.randrange(kinds)}"), one(LISTEN)]


def _features(states: list[dict[str, Any]]) -> set[tuple[str, str]]:
    before, now = states
    found = {("action", before["prev_action"]["action_name"]), ("before", before["user"]["intent"])}
    found |= {("entity", name) for name in now["user"].get("entities", ())}
    return found | {("slot", f"{n} {json.dumps(v)}") for n, v in now.get("slots", {}).items()}


def _by_hand(told: list[Told], newest: list[dict[str, Any]], meant: Mapping[str, float]) -> float:
    """The best score, by comparing with every state."""
    different = {(t.states[-1]["user"]["intent"], frozenset(_features(t.states)), t.does) for t in told}
    weigh = _weigh([features for _, features, _ in different])
    own = _features(newest)
    return max(
        (4 * meant[intent] + sum(map(weigh, own & features))) / (4 + sum(map(weigh, own | features)))
        for intent, features, _ in different
        if intent in meant
    )


def _weigh(states: list[frozenset[tuple[str, str]]]) -> Callable[[tuple[str, str]], float]:
    def weigh(feature: tuple[str, str]) -> float:
        if feature[0] != "slot" or feature not in often:
            return WEIGHTS[feature[0]]
        return 1 - often[feature] / len(states)

    often: dict[tuple[str, str], int] = {}
    for features in states:
        for feature in features:
            often[feature] = often.get(feature, 0) + 1
    return weigh


@pytest.mark.parametrize("seed", range(5))
def test_the_index_finds_what_comparing_with_every_state_finds(seed: int) -> None:
    dice = random.Random(seed)
    told = [_told(dice, number, 6) for number in range(400)]
    nearest: Any = Nearest(told, None, Untold())  # type: ignore[arg-type]
    for _ in range(40):
        newest = _states(dice, 6)
        meant = {f"intent {dice.randrange(6)}": dice.random() for _ in range(3)}
        found = nearest.find(newest, meant, 0.0, 3)
        assert len(found) == len(meant)
        assert found[0].score == pytest.approx(_by_hand(told, newest, meant))
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert nearest.find(newest, meant, found[0].score + 1e-9, 3) == []


def test_ten_thousand_states_are_found_in_much_less_than_a_message_takes() -> None:
    dice = random.Random(1)
    told = [_told(dice, number, 60) for number in range(10_500)]
    nearest: Any = Nearest(told, None, Untold())  # type: ignore[arg-type]
    assert len(nearest) >= 10_000
    newest, meant, taken = _states(dice, 60), {"intent 1": 1.0, "intent 2": 0.5}, []
    for _ in range(30):
        began = time.perf_counter()
        assert nearest.find(newest, meant, 0.0, 3)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.001
