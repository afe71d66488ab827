"""When the bot has nothing to say to a message: it asks back, does not understand, or calls a person."""

from __future__ import annotations

from nlu.base import Decision, State
from nlu.built_in import FALLBACK
from nlu.meaning import OUT_OF_SCOPE

GENERATED = "generated"  # `Decision.by` of what a language model answers instead
GIVEN_UP = frozenset({"ask_back", "fallback", "hand_over"})
_BY_PROJECT = frozenset({"rule", "story"})


def gives_up(decision: Decision, intent: str, state: State) -> bool:
    """Whether a decision is for want of anything better; `intent`: what the dialogue has acted on."""
    if decision.by in GIVEN_UP:
        return True
    return intent == FALLBACK and decision.by in _BY_PROJECT and not state.active_loop


def leaves_open(decision: Decision, intent: str, state: State) -> bool:
    """Whether there is nothing to lose by another's answer: the bot gives up, or says it is beyond it."""
    beyond = intent == OUT_OF_SCOPE and decision.by in _BY_PROJECT and not state.active_loop
    return beyond or gives_up(decision, intent, state)
