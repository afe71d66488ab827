"""The stories that come nearest to where a dialogue stands: what may be meant where none fits exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from nlu.base import LISTEN
from nlu.domain import Domain
from nlu.snapshots import Snapshot, Untold, action_of
from nlu.unrolling import Unrolled

# What two states have in common, by how much it says of what comes next.
_INTENT = 4.0
_WEIGHTS = {"action": 2.0, "loop": 2.0, "before": 1.0, "entity": 1.0, "slot": 1.0}
Feature = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Near:
    """A story in which the customer says something like it here, and what the bot does then."""

    intent: str
    action: str
    story: str
    score: float  # 0: nothing in common; 1: the same state


class Nearest:
    """Every state of the stories in which the customer has just spoken, found by what is in it.

    A look-up adds up lists of those that share something; it goes through none of the others.
    """

    def __init__(self, stories: Sequence[Unrolled], domain: Domain, untold: Untold) -> None:
        self.untold = untold
        found = _states(stories, domain, untold)
        lists: dict[Feature, list[int]] = defaultdict(list)
        intents: dict[str, list[int]] = defaultdict(list)
        self._near: list[tuple[str, str, str]] = []
        for number, ((intent, features, action), story) in enumerate(found.items()):
            self._near.append((intent, action, story))
            intents[intent].append(number)
            for feature in features:
                lists[feature].append(number)
        count = len(self._near)
        # A slot that is set nearly everywhere tells nothing.
        self._weights = {
            feature: _WEIGHTS[feature[0]] * (1 - len(ids) / count if feature[0] == "slot" else 1)
            for feature, ids in lists.items()
        }
        self._lists = {feature: np.array(ids, np.intp) for feature, ids in lists.items()}
        self._intents = {intent: np.array(ids, np.intp) for intent, ids in intents.items()}
        self._totals = np.zeros(count)
        for feature, ids in self._lists.items():
            self._totals[ids] += self._weights[feature]

    def __len__(self) -> int:
        return len(self._near)

    def find(
        self, newest: Sequence[Snapshot], meant: Mapping[str, float], least: float, most: int
    ) -> list[Near]:
        """The nearest states, one an intent, best first; at most so many, and none below `least`.

        `newest`: the snapshots before and after the customer spoke. `meant`: intents that may be meant,
        each by how likely it is beside the likeliest, from 0 to 1.
        """
        known = {intent: share for intent, share in meant.items() if intent in self._intents}
        if not known:
            return []
        features = _features([self.untold.taken_from(one) for one in newest])
        shared, own = np.zeros(len(self._near)), 0.0
        for feature in features:
            weight = self._weights.get(feature, _WEIGHTS[feature[0]])
            own += weight
            if feature in self._lists:
                shared[self._lists[feature]] += weight
        best: list[Near] = []
        for intent, share in known.items():
            ids = self._intents[intent]
            either = own + self._totals[ids] - shared[ids]
            scores = (_INTENT * share + shared[ids]) / (_INTENT + either)
            place = int(scores.argmax())
            _, action, story = self._near[int(ids[place])]
            best.append(Near(intent, action, story, float(scores[place])))
        return sorted((one for one in best if one.score >= least), key=lambda one: -one.score)[:most]


def _states(
    stories: Sequence[Unrolled], domain: Domain, untold: Untold
) -> dict[tuple[str, frozenset[Feature], str], str]:
    """Each different state with the intent and the action that follows: the first story that tells it."""
    found: dict[tuple[str, frozenset[Feature], str], str] = {}
    for story in stories:
        for states, action in story.examples(domain):
            intent = states[-1].get("user", {}).get("intent", "")
            if intent and action != LISTEN and action_of(states[-1]) == LISTEN:
                seen = [untold.taken_from(state) for state in states[-2:]]
                found.setdefault((intent, frozenset(_features(seen)), action), story.story.name)
    return found


def _features(newest: Sequence[Snapshot]) -> Iterator[Feature]:
    """All but the intent; `newest` ends with the state after the customer spoke."""
    now, before = newest[-1], newest[-2] if len(newest) > 1 else {}
    yield "action", action_of(before)
    said = before.get("user", {}).get("intent")
    if said:
        yield "before", said
    loop = now.get("active_loop", {}).get("name")
    if loop:
        yield "loop", loop
    for entity in now.get("user", {}).get("entities", ()):
        yield "entity", str(entity)
    for name, value in now.get("slots", {}).items():
        yield "slot", f"{name} {orjson.dumps(value).decode()}"
