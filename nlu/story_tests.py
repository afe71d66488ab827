"""Test stories, run as Rasa runs them: intents, slots and forms from the story, actions compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nlu.base import LISTEN, Interpreter, State
from nlu.domain import Domain
from nlu.forms import left
from nlu.policies import Policies
from nlu.project import Project
from nlu.reading import Problems, ProjectErrors, read_yaml, yaml_files
from nlu.snapshots import heard_part, snapshot
from nlu.steps import Does, Heard, Loop, Sets, Story, read_stories

FALLBACK_ACTION = "action_default_fallback"


@dataclass(frozen=True, slots=True)
class Failure:
    """The first turn of a story that went otherwise."""

    story: str
    turn: int  # the first message of the customer is turn 1
    expected: str
    actual: str


def run_test_stories(
    project: Project, paths: Iterable[Path] = (), interpreter: Interpreter | None = None
) -> dict[str, Any]:
    """`{"stories", "passed", "failures": [{"story", "turn", "expected", "actual"}]}`.

    The test stories of the project, or those of the given files and folders. With an interpreter the
    texts are understood too, and their intents compared; without one they come from the story.
    """
    given = [story for path in paths for story in read_test_stories(path)]
    stories = given or project.tests
    policies = Policies(project)
    ways = [way for story in stories for way in story.alternatives()]
    failures = [
        failure for story in ways if (failure := _Run(policies, project, story, interpreter).failure())
    ]
    return {
        "stories": len(ways),
        "passed": len(ways) - len(failures),
        "failures": [asdict(failure) for failure in failures],
    }


def read_test_stories(path: Path) -> list[Story]:
    """The test stories of a file, or those under a folder: in `test_…` files and under `tests/`."""
    problems, found = Problems(), list[Story]()
    for file in [path] if path.is_file() else yaml_files(path):
        inside = file != path and "tests" in file.relative_to(path).parts[:-1]
        if file == path or inside or file.name.startswith("test_") or path.name == "tests":
            fields = problems.mapping(read_yaml(file, str(file), problems), "the file")
            if "stories" in fields:
                found += read_stories(fields["stories"], "story", problems)
    if problems.errors:
        raise ProjectErrors(problems.errors)
    return found


class _Run:
    """One story, step by step, up to the first difference."""

    def __init__(
        self, policies: Policies, project: Project, story: Story, interpreter: Interpreter | None
    ) -> None:
        self.policies = policies
        self.domain: Domain = project.domain
        self.story = story
        self.interpreter = interpreter
        self.fallback = project.thresholds.core_action
        initial = {n: s.initial_value for n, s in self.domain.slots.items() if s.initial_value is not None}
        self.state = State(slots=initial, history=[{}])
        self.turn = 0

    def failure(self) -> Failure | None:
        """What went otherwise first; None where the story holds."""
        for step in self.story.steps:
            failed = self._step(step)
            if failed:
                return failed
        return self._expect(LISTEN) if self.turn and self.state.done else None

    def _step(self, step: object) -> Failure | None:
        match step:
            case Heard():
                return self._hear(step)
            case Does():
                return self._expect(
                    step.action.partition("/")[0] if step.action else self._saying(step.words)
                )
            case Sets():
                self.state = replace(self.state, slots={**self.state.slots, **step.values})
            case Loop():
                named = replace(self.state, active_loop=step.name)
                self.state = named if step.name else left(named)
        return None

    def _hear(self, step: Heard) -> Failure | None:
        if self.turn and self.state.done:
            failed = self._expect(LISTEN)
            if failed:
                return failed
        self.turn += 1
        failed = self._parse(step)
        user = heard_part(self.domain, step.intent, step.entities)
        self.state = replace(self.state, user=user, done=[], started=True)
        return failed

    def _parse(self, step: Heard) -> Failure | None:
        if self.interpreter is None or not step.text or step.text.startswith("/"):
            return None
        heard = self.interpreter.understand([step.text])[0]
        said, wanted = heard.intent or "", step.intent
        if "/" in wanted and said == wanted.partition("/")[0] and heard.answers:
            said = heard.answers[0].entry
        gold = {(e.entity, str(e.value), e.start, e.end) for e in step.entities}
        found = {(e.entity, str(e.value), e.start, e.end) for e in heard.entities}
        if said == wanted and gold <= found:
            return None
        missing = "".join(f" {name}={value}" for name, value, _, _ in sorted(gold - found))
        return Failure(self.story.name, self.turn, f"{wanted}{missing}", said)

    def _expect(self, action: str) -> Failure | None:
        """Compare the next action; a form steps back where the story expects something else."""
        actual = self._predicted()
        loop = self.state.active_loop
        if actual != action and actual == loop and not self.state.loop_rejected:
            self.state = replace(self.state, loop_rejected=True)
            actual = self._predicted()
        if actual != action:
            return Failure(self.story.name, self.turn, action, actual)
        self._do(action)
        return None

    def _do(self, action: str) -> None:
        state = self.state
        prediction = self.policies.predict(state)
        now = snapshot(state, self.domain)
        if prediction and prediction.hidden:
            now["hidden"] = True
        history = [*state.history, now][-self.policies.depth :]
        done = [] if action == LISTEN else [*state.done, action]
        rejected = state.loop_rejected and action != state.active_loop
        self.state = replace(state, history=history, done=done, loop_rejected=rejected)

    def _predicted(self) -> str:
        prediction = self.policies.predict(self.state)
        return prediction.action.partition("/")[0] if prediction else self.fallback

    def _saying(self, words: str) -> str:
        for name, variations in self.domain.responses.items():
            if any(variation.text.strip() == words for variation in variations):
                return name.partition("/")[0]
        return f"bot: {words}"
