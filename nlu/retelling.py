"""A conversation that has happened, told again as a test story: what was understood, and what was done.

Pure. Slots and forms are those that the bot's own mappings make of it, step by step; the actions are those
that ran then. What no rule and no story decides stands there as a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from crm_store.messages import Entity, Understanding
from nlu import forms
from nlu.base import REQUESTED, Decision, State
from nlu.built_in import FALLBACK
from nlu.dialogue import RuleDialogue
from nlu.sessions import in_session

FORETOLD = frozenset({"rule", "story", "form", "default", "named", "fallback", "exact", "faq", "slots"})
_READY = frozenset({"exact", "faq"})  # answers of FAQ entries
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/.-]*\Z")
_NO_WORD = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile("[^\t -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_ANNOTATES = re.compile(r"\[(?=[^\]]+\](?:\(|\{|\[))")


class Replacing(Protocol):
    """What stands for a person's own names and numbers: see `crm_store/stand_ins.py`."""

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and words of each, none overlapping."""

    def replace_all(self, value: Any) -> Any:
        """A JSON value with all of them replaced."""


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


@dataclass(slots=True)
class _Page:
    lines: list[str] = field(default_factory=list)
    turns: int = 0
    left_out: int = 0

    def step(self, key: str, value: Any) -> None:
        self.lines.append(f"  - {key}: {written(value)}")

    def slots(self, values: Mapping[str, Any]) -> None:
        if values:
            self.lines.append("  - slot_was_set:")
            self.lines += [f"    - {written(name)}: {written(value)}" for name, value in values.items()]

    def remark(self, text: str) -> None:
        self.lines.append(f"  # {_line(text)}")


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
        self.page = _Page()
        self.begun = False

    def turn(self, turn: Turn) -> None:
        """One message and what was done about it."""
        page, before = self.page, self.state
        if not turn.shown:
            self.page = _Page()
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
            self.state = forms.left(before) if acted and acted[0].get("by") == "house" else before
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
        text = self._annotated(heard)
        typed = text.startswith("/") and heard.engine != "payload"
        if not text or typed or intent == FALLBACK:
            # What was not understood, or only looks like a button's payload, is told by its intent alone.
            if text:
                self.page.remark(text)
            self.page.step("intent", intent)
            return
        self.page.lines += ["  - user: |", f"      {text}", f"    intent: {written(intent)}"]

    def _annotated(self, heard: Understanding) -> str:
        """The text with its entities and its stand-ins, on one line."""
        text = _line(heard.text)
        if heard.engine == "payload":
            return self._payload(heard)
        if len(text) != len(heard.text):
            return _plain(_replaced(text, self.replacing.places(text)))
        places = self.replacing.places(text)
        pieces, last = [], 0
        for entities in _spans(heard.entities, places, len(text)):
            start, end = entities[0].start, entities[0].end
            said = _plain(_replaced(text[start:end], _within(places, start, end)))
            pieces += [
                _plain(_replaced(text[last:start], _within(places, last, start))),
                self._marked(said, entities),
            ]
            last = end
        pieces.append(_plain(_replaced(text[last:], _within(places, last, len(text)))))
        return "".join(pieces)

    def _payload(self, heard: Understanding) -> str:
        values: dict[str, Any] = {}
        for entity in heard.entities:
            value = self.replacing.replace_all(entity.value)
            if entity.entity in values:
                known = values[entity.entity]
                value = [*(known if isinstance(known, list) else [known]), value]
            values[entity.entity] = value
        return f"/{heard.intent}{json.dumps(values, ensure_ascii=False) if values else ''}"

    def _marked(self, said: str, entities: Sequence[Entity]) -> str:
        marks = [self._mark(said, entity) for entity in entities]
        if len(marks) == 1 and set(marks[0]) == {"entity"} and not set(":)") & set(marks[0]["entity"]):
            return f"[{said}]({marks[0]['entity']})"
        return f"[{said}]{json.dumps(marks if len(marks) > 1 else marks[0], ensure_ascii=False)}"

    def _mark(self, said: str, entity: Entity) -> dict[str, Any]:
        value = self.replacing.replace_all(entity.value)
        more = {"value": value, "role": entity.role, "group": entity.group}
        kept = {
            name: one for name, one in more.items() if one is not None and (name != "value" or one != said)
        }
        return {"entity": entity.entity, **kept}

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


def written(value: Any) -> str:
    """A value as it stands in YAML."""
    if isinstance(value, str):
        plain = _PLAIN.match(value) and value.lower() not in _NO_WORD
        return value if plain else json.dumps(_UNPRINTABLE.sub(" ", value), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def _line(text: str) -> str:
    """The text on one line, letter for letter."""
    return _UNPRINTABLE.sub(" ", text).replace("\t", " ")


def _plain(text: str) -> str:
    """The text without what would be read as an annotation."""
    return _ANNOTATES.sub("［", text)


def _replaced(text: str, places: Sequence[tuple[int, int, str]]) -> str:
    for start, end, new in reversed(places):
        text = text[:start] + new + text[end:]
    return text


def _within(places: Sequence[tuple[int, int, str]], start: int, end: int) -> list[tuple[int, int, str]]:
    return [(a - start, b - start, new) for a, b, new in places if start <= a and b <= end]


def _spans(
    entities: Sequence[Entity], places: Sequence[tuple[int, int, str]], length: int
) -> list[list[Entity]]:
    """The entities by their place, in order; without those that cross another one or a stand-in."""
    found: list[list[Entity]] = []
    for entity in sorted(entities, key=lambda one: (one.start, -one.end)):
        start, end = entity.start, entity.end
        if not 0 <= start < end <= length or any(
            a < end and start < b and not (start <= a and b <= end) for a, b, _ in places
        ):
            continue
        if found and (found[-1][0].start, found[-1][0].end) == (start, end):
            found[-1].append(entity)
        elif not found or found[-1][0].end <= start:
            found.append([entity])
    return found
