"""Ask a real Rasa what it does: `.venv-rasa/bin/python …/rasa_answers.py < PROJECTS > ANSWERS`.

One project a line as JSON (see tests/differential/inventing.py), one answer a line: `error`, a text, if
Rasa refuses to train the project; else `dialogues`: for each turn its `actions` (what was executed), `said`
(responses), `slots` and `loop` afterwards. Understanding is given, policies and actions are Rasa's own;
custom actions return the events that the project names.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
import structlog  # noqa: E402

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))

from rasa.core.actions.action import RemoteAction  # noqa: E402
from rasa.core.channels.channel import CollectingOutputChannel  # noqa: E402
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator  # noqa: E402
from rasa.core.policies.ensemble import DefaultPolicyPredictionEnsemble  # noqa: E402
from rasa.core.policies.memoization import AugmentedMemoizationPolicy, MemoizationPolicy  # noqa: E402
from rasa.core.policies.rule_policy import RulePolicy  # noqa: E402
from rasa.core.processor import MessageProcessor  # noqa: E402
from rasa.engine.graph import ExecutionContext, GraphSchema  # noqa: E402
from rasa.engine.storage.local_model_storage import LocalModelStorage  # noqa: E402
from rasa.engine.storage.resource import Resource  # noqa: E402
from rasa.shared.core.domain import Domain  # noqa: E402
from rasa.shared.core.events import (  # noqa: E402
    ActionExecuted,
    BotUttered,
    Event,
    UserUttered,
)
from rasa.shared.core.generator import TrainingDataGenerator  # noqa: E402
from rasa.shared.core.trackers import DialogueStateTracker  # noqa: E402
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader  # noqa: E402
from rasa.shared.core.training_data.structures import StoryGraph  # noqa: E402
from rasa.shared.exceptions import RasaException  # noqa: E402

POLICIES = {
    "RulePolicy": RulePolicy,
    "MemoizationPolicy": MemoizationPolicy,
    "AugmentedMemoizationPolicy": AugmentedMemoizationPolicy,
}
LONGEST_TRAINING = 20.0
LONGEST = 1.0  # seconds of work for a dialogue; most take some hundredths
SILENT = {"action_listen", "action_session_start"}
Json = dict[str, Any]


class Metadata:
    """What a processor asks of a model's description."""

    core_target = "policies"


class Runner:
    """Stands where Rasa's graph stands: policies, then the ensemble."""

    def __init__(self, policies: list[Any], domain: Domain) -> None:
        self.policies = policies
        self.domain = domain
        self.rule_only_data: Json = {}
        for policy in policies:
            if isinstance(policy, RulePolicy):
                self.rule_only_data = policy._get_rule_only_data()

    def run(self, inputs: Json, targets: list[str]) -> Json:
        tracker = inputs["__tracker__"]
        predictions = [
            policy.predict_action_probabilities(tracker, self.domain, rule_only_data=self.rule_only_data)
            for policy in self.policies
        ]
        ensemble = DefaultPolicyPredictionEnsemble()
        return {targets[0]: ensemble.combine_predictions(predictions, tracker, self.domain)}


def trained(project: Json, domain: Domain, folder: Path) -> list[Any]:
    """The policies, trained on rules and stories."""
    reader = YAMLStoryReader(domain, "data/stories.yml")
    written = {"version": "3.1", "rules": project["rules"], "stories": project["stories"]}
    steps = reader.read_from_string(json.dumps(written))
    trackers = TrainingDataGenerator(StoryGraph(steps), domain).generate()
    storage = LocalModelStorage(folder)
    context = ExecutionContext(GraphSchema({}))
    policies = []
    for number, settings in enumerate(project["policies"]):
        kind = POLICIES[settings["name"]]
        own = {key: value for key, value in settings.items() if key != "name"}
        config = {**kind.get_default_config(), **own}
        policy = kind(config, storage, Resource(f"policy_{number}"), context)
        policy.train(trackers, domain)
        policies.append(policy)
    return policies


def processor_for(project: Json, domain: Domain, policies: list[Any]) -> MessageProcessor:
    """A processor around trained policies, without a model file."""
    processor = MessageProcessor.__new__(MessageProcessor)
    processor.nlg = TemplatedNaturalLanguageGenerator(domain.responses)
    processor.max_number_of_predictions = 10
    processor.on_circuit_break = None
    processor.action_endpoint = None
    processor.model_metadata = Metadata()
    processor.graph_runner = Runner(policies, domain)
    processor.domain = domain
    processor.http_interpreter = None
    scripted = project["actions"]

    async def run(self: RemoteAction, *_: Any) -> list[Event]:
        return [Event.from_parameters(dict(event)) for event in scripted.get(self._name, ())]

    RemoteAction.run = run
    return processor


async def play(processor: MessageProcessor, turns: list[Json]) -> list[Json]:
    """One dialogue: what is done in each turn."""
    tracker = DialogueStateTracker("someone", processor.domain.slots)
    found = []
    for turn in turns:
        channel = CollectingOutputChannel()
        await processor._update_tracker_session(tracker, channel)
        before = len(tracker.events)
        intent = {"name": turn["intent"], "confidence": 1.0}
        parse = {"intent": intent, "entities": turn["entities"], "text": turn["text"]}
        tracker.update(UserUttered(turn["text"], intent, turn["entities"], parse), processor.domain)
        await processor.run_action_extract_slots(channel, tracker)
        await processor._run_prediction_loop(channel, tracker)
        events = list(tracker.events)[before:]
        executed = [e.action_name or e.action_text for e in events if isinstance(e, ActionExecuted)]
        said = [e.metadata.get("utter_action") for e in events if isinstance(e, BotUttered)]
        said = [name for name in said if name]
        slots = {name: slot.value for name, slot in tracker.slots.items() if slot.value is not None}
        slots.pop("session_started_metadata", None)
        found.append(
            {
                "actions": [name for name in executed if name not in SILENT],
                "said": said,
                "slots": slots,
                "loop": tracker.active_loop_name,
            }
        )
    return found


class Endless(BaseException):
    """Rasa has not come to an end."""


def within(seconds: float, work: Callable[[], Any]) -> Any:
    """What the work yields; None where it takes more of the processor's time."""

    def give_up(*_: Any) -> None:
        raise Endless

    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        return work()
    except Endless:
        return None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def answer(project: Json) -> Json:
    """What Rasa makes of a project."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            domain = Domain.from_yaml(json.dumps(project["domain"]))
            policies = within(LONGEST_TRAINING, lambda: trained(project, domain, Path(folder)))
        except (RasaException, ValueError) as error:
            return {"error": f"{type(error).__name__}: {error}"}
        if policies is None:
            return {"dialogues": [None] * len(project["dialogues"])}
        processor = processor_for(project, domain, policies)
        return {
            "dialogues": [
                within(LONGEST, partial(asyncio.run, play(processor, turns)))
                for turns in project["dialogues"]
            ]
        }


def main() -> None:
    """Answer line by line."""
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
