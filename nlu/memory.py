"""The stories of a project by heart: the same turns so far, the same action next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from nlu.base import LISTEN
from nlu.domain import Domain
from nlu.moves import Move
from nlu.snapshots import Snapshot, Standing, Untold, start_of, story_snapshots
from nlu.unrolling import Unrolled


class Memory:
    """Which action follows a sequence of snapshots in the stories; nothing where they contradict."""

    def __init__(
        self, stories: Sequence[Unrolled], domain: Domain, max_history: int, *, augmented: bool
    ) -> None:
        self.domain = domain
        self.max_history = max_history
        self.augmented = augmented
        self.untold = Untold()
        found: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
        self.depth = 1
        for story in stories:
            for states, action in story.examples(domain):
                self.depth = max(self.depth, len(states))
                found[_key(self._newest(states))].add((action, story.story.name))
        self._actions = {
            key: min(entries)
            for key, entries in found.items()
            if len({action for action, _ in entries}) == 1
        }

    def __bool__(self) -> bool:
        return bool(self._actions)

    def find(self, base: Mapping[str, Any], moves: Sequence[Move]) -> tuple[str, str] | None:
        """The next action and the story's name; the oldest turns are forgotten until a story fits.

        `base`: where the first move began; see `State.base`.
        """
        if not self._actions:
            return None
        found = self._actions.get(_key(self._view(start_of(base, self.domain), moves)))
        if found or not self.augmented:
            return found
        # What was before is forgotten altogether: also slots and forms that are still set.
        initial = self.domain.initial_features()
        for shorter in self._forgetting(moves):
            found = self._actions.get(_key(self._view(Standing(slots=initial), shorter)))
            if found:
                return found
        return None

    def _view(self, start: Standing, moves: Sequence[Move]) -> Sequence[Snapshot]:
        return self._newest(story_snapshots(start, moves, self.domain, self.untold))

    def _forgetting(self, moves: Sequence[Move]) -> Iterator[Sequence[Move]]:
        """The moves as if the dialogue had begun later and later."""
        first = 0
        if self.max_history:
            for number in range(len(moves) - self.max_history - 1, -1, -1):
                if moves[number]["action"] == LISTEN:
                    first = number
                    break
        for number in range(first, len(moves)):
            yield moves[number:]

    def _newest(self, states: Sequence[Snapshot]) -> Sequence[Snapshot]:
        return states[-self.max_history :] if self.max_history else states


def _key(states: Sequence[Snapshot]) -> bytes:
    return orjson.dumps(list(states), option=orjson.OPT_SORT_KEYS)
