"""Play the dialogues of an invented project on our own engine, and say where it differs from an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crm_store.messages import Entity, Understanding
from nlu import built_in
from nlu.base import LISTEN, Decision, State
from nlu.built_in import WORDS
from nlu.dialogue import MOST_ACTIONS, RuleDialogue
from nlu.project import Project, read_project
from nlu.rasa_events import read_events
from nlu.reading import ProjectErrors

Json = dict[str, Any]
_SILENT = {LISTEN, "action_session_start"}


def written(project: Json, folder: Path) -> Project:
    """The project as files, read."""
    domain = project["domain"]
    config = {"pipeline": [], "policies": project["policies"]}
    told = {"version": "3.1", "rules": project["rules"], "stories": project["stories"]}
    for name, content in {"domain": domain, "config": config, "rules": told}.items():
        (folder / f"{name}.yml").write_text(json.dumps(content), encoding="utf-8")
    return read_project(folder)


def answer(project: Json, folder: Path) -> Json:
    """What our engine makes of a project, in the shape of Rasa's answer."""
    try:
        read = written(project, folder)
        dialogue = RuleDialogue(read, strict=True)
    except ProjectErrors as errors:
        return {"error": str(errors)}
    return {
        "dialogues": [_Player(dialogue, project["actions"]).play(turns) for turns in project["dialogues"]]
    }


class _Player:
    def __init__(self, dialogue: RuleDialogue, scripted: Json) -> None:
        self.dialogue = dialogue
        self.scripted = scripted
        self.state = State()

    def play(self, turns: list[Json]) -> list[Json]:
        return [self._turn(turn) for turn in turns]

    def _turn(self, turn: Json) -> Json:
        entities = tuple(
            Entity(e["entity"], e["value"], 0, 0, role=e.get("role")) for e in turn["entities"]
        )
        heard = Understanding(turn["text"], turn["intent"], 1.0, ((turn["intent"], 1.0),), entities)
        # A row between two turns.
        state = State(**json.loads(json.dumps(self.state.to_json())))
        state = self.dialogue.hear(state, heard)
        actions: list[str] = []
        said: list[str] = []
        while len(actions) < MOST_ACTIONS + 5:
            if len(state.done) >= MOST_ACTIONS and not state.pending:
                break
            decision = self.dialogue.decide(state, heard)
            state = self._do(state, decision, actions, said)
            if decision.action == LISTEN:
                break
        self.state = state
        slots = {name: value for name, value in state.slots.items() if value is not None}
        return {"actions": actions, "said": said, "slots": slots, "loop": state.active_loop}

    def _do(self, state: State, decision: Decision, actions: list[str], said: list[str]) -> State:
        domain = self.dialogue.domain
        name = built_in.SAYS.get(decision.action, decision.action)
        if name in domain.responses or name == built_in.ASK_AFFIRMATION:
            said.append(name)
        if not {"run", "asked"} & set(decision.arguments):
            done = decision.name if decision.by == "form" else decision.action
            actions += [done.removeprefix(WORDS)] if done not in _SILENT else []
        events = read_events(self.scripted.get(decision.action, ()))
        return self.dialogue.after(state, decision, {}, events)


def differences(project: Json, ours: Json, rasas: Json) -> Iterator[str]:
    """Where the two answers differ first: one line a dialogue."""
    if ("error" in ours) != ("error" in rasas):
        yield f"error: ours {ours.get('error')!r}, Rasa's {rasas.get('error')!r}"
        return
    pairs = zip(ours.get("dialogues", ()), rasas.get("dialogues", ()), strict=True)
    for number, (mine, theirs) in enumerate(pairs):
        if theirs is None:
            continue  # Rasa itself found no end.
        for turn, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            if one != other:
                what = {key: (one[key], other[key]) for key in one if one[key] != other[key]}
                yield f"dialogue {number}, turn {turn}: {what}"
                break
