"""A conversation that has happened, told again as a test story: what was understood, and what was done.

Pure. Slots and forms are those that the bot's own mappings make of it, step by step; the actions are those
that ran then. What no rule and no story decides stands there as a comment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_store.messages import Understanding
from nlu import forms
from nlu.annotating import Replacing, annotated
from nlu.base import REQUESTED, Decision, State
from nlu.built_in import FALLBACK
from nlu.dialogue import RuleDialogue
from nlu.sessions import in_session
from nlu.story_writing import Page, written

FORETOLD = frozenset({"rule", "story", "form", "default", "named", "fallback", "exact", "faq", "slots"})
_READY = frozenset({"exact", "faq"})  # answers of FAQ entries


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the customer, and what the bot did. `steps` as they are kept with the message."""

    at: datetime
    heard: Understanding
    steps: Sequence[Mapping[str, Any]] = ()
    shown: bool = True  # False: it only leads to where the story begins


@dataclass(frozen=True, slots=True)
class Remark:
    """What somebody else said meanwhile: no step, but worth knowing."""

    text: str
    shown: bool = True


@dataclass(slots=True)
class Retold:
    """The story. `turns`: messages that it tells; `left_out`: those that no rule or story decides."""

    yaml: str
    turns: int = 0
    left_out: int = 0


def retell(
    name: str, happened: Sequence[Turn | Remark], dialogue: RuleDialogue, replacing: Replacing
) -> Retold:
    """The story in Rasa's form."""
    telling = _Telling(dialogue, replacing)
    for one in happened:
        if isinstance(one, Turn):
            telling.turn(one)
        elif one.shown:
            telling.page.remark(replacing.replace_all(one.text))
    page = telling.page
    head = ['version: "3.1"', "", "stories:", f"- story: {written(name)}", "  steps:"]
    lines = page.lines if page.turns else [*page.lines, "  []"]
    return Retold("\n".join([*head, *lines]) + "\n", page.turns, page.left_out)


class _Telling:
    def __init__(self, dialogue: RuleDialogue, replacing: Replacing) -> None:
        self.dialogue = dialogue
        self.domain = dialogue.domain
        self.replacing = replacing
        self.state = State()
        self.page = Page()
        self.begun = False

    def turn(self, turn: Turn) -> None:
        """One message and what was done about it."""
        page, before = self.page, self.state
        if not turn.shown:
            self.page = Page()
        elif not self.begun:
            self.begun = True
            self._begin()
        acted = [step for step in turn.steps if step.get("action")]
        if acted and acted[0].get("by") in FORETOLD:
            self._told(turn, acted)
        else:
            self.page.left_out += 1
            self._left_out(turn)
            # An exact word of the house, such as STOP, leaves a form that was open.
            by_house = acted and acted[0].get("by") == "house"
            self.state = self.dialogue.leave(before) if by_house else before
        self.page = page

    def _begin(self) -> None:
        """Where the story begins, if that is not the beginning of the conversation."""
        if self.state.active_loop:
            self.page.step("active_loop", self.state.active_loop)
        known = {
            name: value
            for name, value in self.state.slots.items()
            if value is not None and (name == REQUESTED or self._tells(name))
        }
        self.page.slots(self.replacing.replace_all(known))

    def _tells(self, slot: str) -> bool:
        known = self.domain.slots.get(slot)
        return known is not None and known.influences and known.initial_value != self.state.slots[slot]

    def _told(self, turn: Turn, acted: Sequence[Mapping[str, Any]]) -> None:
        self.page.turns += 1
        state = in_session(self.state, self.domain, turn.at)
        self.state = self.dialogue.hear(state, turn.heard)
        entry = str(acted[0].get("name", "")) if acted[0]["by"] in _READY else ""
        intent = entry or self.dialogue.reader.read(turn.heard).intent or FALLBACK
        self._heard(turn.heard, intent)
        filled = {name: self.state.slots.get(name) for name in self.state.filled}
        filled = {name: value for name, value in filled.items() if self._is_new(name, value, state)}
        self.page.slots(self.replacing.replace_all(filled))
        answered = False
        for step in acted:
            self._step(turn.heard, step, again=answered)
            answered = answered or step.get("by") in _READY

    def _is_new(self, slot: str, value: Any, before: State) -> bool:
        return slot in self.domain.slots and before.slots.get(slot) != value

    def _heard(self, heard: Understanding, intent: str) -> None:
        text = annotated(heard, self.replacing)
        typed = text.startswith("/") and heard.engine != "payload"
        if not text or typed or intent == FALLBACK:
            # What was not understood, or only looks like a button's payload, is told by its intent alone.
            if text:
                self.page.remark(text)
            self.page.step("intent", intent)
            return
        self.page.heard(text, intent)

    def _step(self, heard: Understanding, step: Mapping[str, Any], *, again: bool) -> None:
        """An action, and what it changed."""
        action, by, name = str(step["action"]), str(step.get("by", "")), str(step.get("name", ""))
        set_by_it = {c["name"]: c["value"] for c in step.get("changes", ()) if c.get("what") == "slot"}
        decision = self.dialogue.decide(self.state, heard)
        if (decision.action, decision.by) != (action, by):
            more: dict[str, Any] = {"events": [], "then": []} if by == forms.BY else {}
            decision = Decision(action, by, name, 1.0, more)
        before = self.state
        self.state = self.dialogue.after(before, decision, set_by_it)
        if decision.arguments.get("run") or by == "slots":
            return  # A form's own business: Rasa's stories do not speak of it either.
        if by not in FORETOLD or (again and by in _READY):
            self.page.remark(f"{action} ({by})")
            return
        self.page.step("action", name if by == forms.BY else action)
        self._changed(before, set_by_it)

    def _changed(self, before: State, set_by_it: Mapping[str, Any]) -> None:
        told = {name: value for name, value in set_by_it.items() if self._is_new(name, value, before)}
        if before.requested_slot != self.state.requested_slot:
            told[REQUESTED] = self.state.requested_slot
        ends = before.active_loop and not self.state.active_loop
        if ends:
            self.page.slots(self.replacing.replace_all(told))
        if before.active_loop != self.state.active_loop:
            self.page.step("active_loop", self.state.active_loop)
        if not ends:
            self.page.slots(self.replacing.replace_all(told))

    def _left_out(self, turn: Turn) -> None:
        said = self.replacing.replace_all(turn.heard.text)
        done = ", ".join(f"{step.get('action') or '-'} ({step.get('by')})" for step in turn.steps)
        self.page.remark(f"{said or turn.heard.intent or '-'} → {done or '-'}")
