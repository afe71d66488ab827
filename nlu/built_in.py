"""Actions that every bot has: what they do to the dialogue, and which response they say."""

from __future__ import annotations

from collections.abc import Iterable

from nlu.base import LISTEN, REQUESTED, State
from nlu.domain import TWO_STAGE, Domain
from nlu.moves import Event
from nlu.steps import Does, Loop, Story

WORDS = "bot: "  # before an action that is words to be said (end to end)
ASK_AFFIRMATION = "action_default_ask_affirmation"
ASK_REPHRASE = "action_default_ask_rephrase"
FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
DEACTIVATE = "action_deactivate_loop"
_TAKE_BACK = {"action_back", "action_revert_fallback_events", TWO_STAGE}
_EVENTS: dict[str, list[Event]] = {
    "action_restart": [["restart"]],
    "action_session_start": [["session"]],
    "action_back": [["rewind"], ["rewind"]],
    "action_default_fallback": [["rewind"]],
    DEACTIVATE: [["loop", None], ["slot", REQUESTED, None]],
}
# The response of each: said where the domain has it.
SAYS = {
    "action_restart": "utter_restart",
    "action_back": "utter_back",
    "action_default_fallback": "utter_default",
    ASK_REPHRASE: "utter_ask_rephrase",
}


def events_of(action: str, state: State, domain: Domain) -> list[Event]:
    """What a built-in action does to the dialogue; nothing if the domain has its own by that name."""
    if action in domain.actions or action in domain.forms:
        return []
    if action == "action_revert_fallback_events":
        return _reverted(state)
    return _EVENTS.get(action, [])


def takes_back(domain: Domain, stories: Iterable[Story]) -> bool:
    """Whether more than the newest message is ever taken back; else nothing that is older need be kept."""
    buttons = (b for response in domain.responses.values() for way in response for b in way.buttons)
    if "back" in domain.intents or any(button.payload.startswith("/back") for button in buttons):
        return True
    steps = (step for story in stories for step in story.steps)
    named = {
        step.action if isinstance(step, Does) else step.name
        for step in steps
        if isinstance(step, Does | Loop)
    }
    return not _TAKE_BACK.isdisjoint(named)


def two_stages(state: State) -> tuple[str, list[Event]]:
    """What the two-stage fallback says now, and what that does to the dialogue.

    It asks whether this was meant, then for other words, once more whether that was meant, and gives up.
    """
    opens = [] if state.active_loop == TWO_STAGE else [["loop", TWO_STAGE]]
    intent = state.lately[-1] if state.lately else ""
    gives_up = _gives_up(state.lately)
    if intent in {FALLBACK, OUT_OF_SCOPE} and not gives_up:
        says = ASK_AFFIRMATION if opens or intent == FALLBACK else ASK_REPHRASE
        return says, opens
    closes: list[Event] = [*opens, ["loop", None], ["rewind"]]
    if gives_up:
        return "action_default_fallback", closes
    return "", [*closes, *_again(state)]


def _again(state: State) -> list[Event]:
    """The newest message, heard anew."""
    return [["act", LISTEN], ["hear", state.user, state.lately[-1]]]


def _gives_up(lately: list[str]) -> bool:
    return lately[-2:] == [FALLBACK, FALLBACK] or lately[-3:] == [OUT_OF_SCOPE, FALLBACK, OUT_OF_SCOPE]


def _reverted(state: State) -> list[Event]:
    """Take back the questions of a fallback, and go on with what was meant in the end."""
    asked = [move["action"] for move in state.moves if move["action"] != LISTEN]
    if asked[-1:] == [ASK_REPHRASE]:
        turns = 3
    elif asked[-1:] == [ASK_AFFIRMATION]:
        turns = 5 if asked[-2:-1] == [ASK_REPHRASE] else 2
    else:
        return []
    return [*([["rewind"]] * turns), *_again(state)]
