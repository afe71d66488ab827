"""What is wrong, or looks it, with a bot's rules and stories: told to people who look at them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nlu.built_in import SAYS
from nlu.domain import BUILT_IN_ACTIONS, BUILT_IN_INTENTS
from nlu.policies import Policies
from nlu.project import Project
from nlu.rule_checks import Checked
from nlu.steps import Checkpoint, Does, Heard, Step, Story
from nlu.story_nodes import question_of, steps_within

WORDLESS = "platform_"  # intents of what comes in without words: they need no examples


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` names it, `about` is the name that it is about, `said` the checker's own sentence."""

    kind: str
    about: str = ""
    said: str = ""
    file: str = ""
    line: int = 0

    def to_json(self) -> dict[str, Any]:
        """The finding as plain values."""
        return asdict(self)


def findings(
    project: Project,
    done: Collection[str] | None = None,
    said: Collection[str] = (),
    checked: Checked | None = None,
) -> list[Finding]:
    """All that is found, the worst first.

    `done`: the actions that somebody does (None: not known). `said`: responses that actions say. `checked`:
    what a check of the rules has found, if there was one; it takes most of the time.
    """
    told = [*project.rules, *project.stories]
    return [
        *_contradictions(project, checked),
        *_checkpoints(told),
        *_without_examples(project, told),
        *(_undone(told, done) if done is not None else ()),
        *_without_question(project),
        *_warnings(project),
        *_unanswered(project, told),
        *_unsaid(project, told, said),
    ]


def _contradictions(project: Project, checked: Checked | None) -> Iterator[Finding]:
    if checked is None:
        limits = replace(project.thresholds, check_for_contradictions=True)
        checked = Policies(replace(project, thresholds=limits)).checked
    for problem in checked.problems:
        yield Finding("contradiction", "", problem.expected, problem.file, problem.line)


def _warnings(project: Project) -> Iterator[Finding]:
    for problem in project.warnings:
        if Path(problem.file).stem == "config":
            continue  # What of the pipeline is replaced says nothing of any story.
        yield Finding("warning", "", problem.expected, problem.file, problem.line)


def _checkpoints(told: list[Story]) -> Iterator[Finding]:
    begun: dict[str, Story] = {}
    ended: dict[str, Story] = {}
    for story in told:
        for number, step in enumerate(story.steps):
            if isinstance(step, Checkpoint):
                (ended if number else begun).setdefault(step.name, story)
                if 0 < number < len(story.steps) - 1:
                    begun.setdefault(step.name, story)
    for name, story in begun.items():
        if name not in ended:
            yield Finding("unreached_checkpoint", name, "", story.file, story.line)
    for name, story in ended.items():
        if name not in begun:
            yield Finding("open_checkpoint", name, "", story.file, story.line)


def _heard(told: list[Story]) -> dict[str, tuple[str, int]]:
    found: dict[str, tuple[str, int]] = {}
    for story, step, line in _steps(told):
        if isinstance(step, Heard) and step.intent:
            found.setdefault(step.intent.partition("/")[0], (story.file, line))
    return found


def _steps(told: list[Story]) -> Iterator[tuple[Story, Step, int]]:
    for story in told:
        lines = story.lines or [story.line] * len(story.steps)
        for step, line in zip(story.steps, lines, strict=True):
            yield from ((story, one, line) for one in steps_within([step]))


def _without_examples(project: Project, told: list[Story]) -> Iterator[Finding]:
    taught = {name.partition("/")[0] for name in project.nlu.counts}
    pressed = _payloads(project)
    for intent, (file, line) in _heard(told).items():
        needs = intent not in BUILT_IN_INTENTS and not intent.startswith(WORDLESS)
        if needs and intent not in taught and intent not in pressed:
            yield Finding("no_examples", intent, "", file, line)


def _payloads(project: Project) -> set[str]:
    """Intents that a button means."""
    buttons = (b for ways in project.domain.responses.values() for way in ways for b in way.buttons)
    payloads = (b.payload[1:] for b in buttons if b.payload.startswith("/"))
    return {payload.partition("{")[0].partition("@")[0].partition("/")[0].strip() for payload in payloads}


def _undone(told: list[Story], done: Collection[str]) -> Iterator[Finding]:
    """Actions of the project's own that nobody has written."""
    seen: set[str] = set()
    for story, step, line in _steps(told):
        name = step.action if isinstance(step, Does) else ""
        if name.startswith("action_") and name not in {*done, *BUILT_IN_ACTIONS, *seen}:
            seen.add(name)
            yield Finding("undone", name, "", story.file, line)


def _without_question(project: Project) -> Iterator[Finding]:
    for form in project.domain.forms.values():
        for slot in form.required_slots:
            if not question_of(project.domain, form.name, slot):
                yield Finding("no_question", form.name, slot)


def _unanswered(project: Project, told: list[Story]) -> Iterator[Finding]:
    heard = _heard(told)
    filling = {
        intent
        for slot in project.domain.slots.values()
        for mapping in slot.mappings
        for intent in mapping.intents
    }
    retrieved = {name.partition("/")[0] for name in project.nlu.counts if "/" in name}
    for intent in project.domain.intents:
        if intent not in {*heard, *filling, *retrieved, *BUILT_IN_INTENTS}:
            yield Finding("unanswered", intent)


def _unsaid(project: Project, told: list[Story], said: Collection[str]) -> Iterator[Finding]:
    domain = project.domain
    named = {step.action for _, step, _ in _steps(told) if isinstance(step, Does)}
    asked = {
        question_of(domain, form.name, slot)
        for form in domain.forms.values()
        for slot in form.required_slots
    }
    known = {*named, *asked, *said, *SAYS.values(), *SAYS}
    for name in domain.responses:
        if "/" not in name and name not in known:
            yield Finding("unsaid", name)
