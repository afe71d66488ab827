"""Test stories, run as Rasa runs them: intents, slots and forms from the story, actions compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nlu.base import Interpreter, State
from nlu.built_in import WORDS
from nlu.checkpoints import joined
from nlu.domain import Domain
from nlu.policies import Policies
from nlu.project import Project
from nlu.reading import Problems, ProjectErrors
from nlu.steps import Heard, Story, read_stories
from nlu.tracker import Tracker
from nlu.unrolling import unroll
from nlu.yaml_files import read_yaml, yaml_files


@dataclass(frozen=True, slots=True)
class Failure:
    """The first turn of a story that went otherwise."""

    story: str
    turn: int  # the first message of the customer is turn 1
    expected: str
    actual: str


def run_test_stories(
    project: Project,
    paths: Sequence[Path] = (),
    interpreter: Interpreter | None = None,
    policies: Policies | None = None,
) -> dict[str, Any]:
    """`{"stories", "passed", "failures": [{"story", "turn", "expected", "actual"}]}`.

    The test stories of the project, or those of the given files and folders. With an interpreter the
    texts are understood too, and their intents compared; without one they come from the story.
    `policies`: the project's own, where they are at hand.
    """
    given = [story for path in paths for story in read_test_stories(path)]
    stories = given if paths else project.tests
    policies = policies or Policies(project)
    ways = joined(stories, project.domain)
    failures = [failure for story in ways if (failure := _failure(policies, project, story, interpreter))]
    return {
        "stories": len(ways),
        "passed": len(ways) - len(failures),
        "failures": [asdict(failure) for failure in failures],
    }


def _failure(
    policies: Policies, project: Project, story: Story, interpreter: Interpreter | None
) -> Failure | None:
    """What fails both as the bot does it and as Rasa's own tester has it: from that, no turn is hidden."""
    failed = _Run(policies, project, story, interpreter).failure()
    if failed and not _Run(policies, project, story, interpreter, hiding=False).failure():
        return None
    return failed


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
    """One story, action by action, up to the first difference."""

    def __init__(
        self,
        policies: Policies,
        project: Project,
        story: Story,
        interpreter: Interpreter | None,
        *,
        hiding: bool = True,
    ) -> None:
        self.policies = policies
        self.domain: Domain = project.domain
        self.story = story
        self.told = unroll(story, self.domain)
        self.heard = [step for step in story.steps if isinstance(step, Heard)]
        self.interpreter = interpreter
        self.hiding = hiding
        self.state = State()
        self.turn = 0

    def failure(self) -> Failure | None:
        """What went otherwise first; None where the story holds."""
        tracker = Tracker(self.state, self.domain)
        tracker.begin()
        tracker.happen(self.told.head)
        self.state = tracker.state
        for number, move in enumerate(self.told.plain):
            failed = self._expect(move["action"], foretold=number > 0)
            for event in move["events"]:
                tracker = Tracker(self.state, self.domain)
                tracker.happen([event])
                self.state = tracker.state
                if event[0] == "user" and not failed:
                    failed = self._parse()
            if failed:
                return failed
        return None

    def _parse(self) -> Failure | None:
        step = self.heard[self.turn]
        self.turn += 1
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

    def _expect(self, action: str, *, foretold: bool) -> Failure | None:
        """Compare the next action; a form steps back where the story expects something else."""
        action = self._saying(action.removeprefix(WORDS)) if action.startswith(WORDS) else action
        prediction = self.policies.predict(self.state)
        loop = self.state.active_loop
        if prediction.action != action and prediction.action == loop and loop in self.domain.forms:
            tracker = Tracker(self.state, self.domain)
            tracker.happen([["rejected", loop]])
            prediction = self.policies.predict(tracker.state, rejected=loop)
            self.state = tracker.state
        actual = prediction.action.partition("/")[0]
        if foretold and actual != action:
            return Failure(self.story.name, self.turn, action, actual)
        tracker = Tracker(self.state, self.domain)
        tracker.act(action, hidden=self.hiding and prediction.hidden)
        self.state = tracker.state
        return None

    def _saying(self, words: str) -> str:
        for name, variations in self.domain.responses.items():
            if any(variation.text.strip() == words for variation in variations):
                return name.partition("/")[0]
        return WORDS + words
