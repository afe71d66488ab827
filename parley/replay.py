"""Where a dialogue stood before a message: told again from what was really understood and done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_store.messages import Understanding
from crm_store.said import Happened, Said
from nlu import forms
from nlu.base import Decision, State
from nlu.dialogue import RuleDialogue
from nlu.sessions import in_session
from parley.bot import Bot
from parley.retelling import STOOD_STILL, understood

_OWN = frozenset({forms.BY, "slots"})  # decided by: what such a step does is told by the dialogue alone


class Replay:
    """Follows one conversation after the other, each message in its order."""

    def __init__(self, bot: Bot) -> None:
        assert isinstance(bot.dialogue, RuleDialogue)
        self._bot, self._dialogue = bot, bot.dialogue
        self._conversation: UUID | None = None
        self._state = State()

    def before(self, said: Said) -> State:
        """The state that a message found."""
        if said.conversation_id != self._conversation:
            self._conversation, self._state = said.conversation_id, State()
        self._state = in_session(self._state, self._dialogue.domain, said.created_at)
        return self._state

    def go_on(self, happened: Happened | None) -> None:
        """Take in what came of it. Where that cannot be told again, the dialogue stands at its start."""
        if happened is None or happened.understanding is None:
            return
        try:
            heard = understood(happened.understanding)
            language = self._bot.language_of(heard, self._state.slots.get("language"))
            state = self._state.but(slots={**self._state.slots, "language": language})
            self._state = _moved(self._dialogue, state, heard, happened.decision)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            self._state = State()  # Another version, or another project, wrote it.


def _moved(
    dialogue: RuleDialogue, state: State, heard: Understanding, steps: Sequence[Mapping[str, Any]]
) -> State:
    if any(step.get("by") in STOOD_STILL for step in steps):
        return state
    if steps and steps[0].get("by") == "house":
        return dialogue.leave(state)
    state = dialogue.hear(state, heard)
    for step in steps:
        if not step.get("action"):
            continue
        decision = dialogue.decide(state, heard)
        if decision.action != step["action"]:
            # Decided by another version's thresholds, or by nobody of ours: it was done all the same.
            if step["by"] in _OWN:
                return State()
            decision = Decision(step["action"], step["by"], step["name"], step.get("confidence", 0.0))
        if step.get("rejected"):
            state = dialogue.refused(state, decision)
        else:
            changes = step.get("changes", ())
            slots = {one["name"]: one["value"] for one in changes if one["what"] == "slot"}
            state = dialogue.after(state, decision, slots)
    return state
