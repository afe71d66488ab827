"""The stories of a project by heart: the same turns so far, the same action next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import orjson

from nlu.snapshots import Snapshot, Unrolled
from nlu.steps import Checkpoint, Story

_MOST_STORIES = 5000
_MOST_JOINED = 12


class Memory:
    """Which action follows a sequence of snapshots in the stories; nothing where they contradict."""

    def __init__(self, unrolled: Sequence[Unrolled], max_history: int, *, augmented: bool) -> None:
        self.max_history = max_history
        self.augmented = augmented
        found: dict[bytes, set[tuple[str, str]]] = defaultdict(set)
        self.depth = 1
        for story in unrolled:
            self.depth = max(self.depth, len(story.snapshots))
            for snapshots, action, _ in story.prefixes():
                found[_key(self._newest(snapshots))].add((action, story.story.name))
        self._actions = {
            key: min(entries)
            for key, entries in found.items()
            if len({action for action, _ in entries}) == 1
        }

    def __bool__(self) -> bool:
        return bool(self._actions)

    def find(self, history: Sequence[Snapshot]) -> tuple[str, str] | None:
        """The next action and the story's name; the oldest turns are forgotten until a story fits."""
        if not self._actions:
            return None
        found = self._actions.get(_key(self._newest(history)))
        if found or not self.augmented:
            return found
        for shorter in _forgetting(history):
            found = self._actions.get(_key(self._newest(shorter)))
            if found:
                return found
        return None

    def _newest(self, snapshots: Sequence[Snapshot]) -> Sequence[Snapshot]:
        return snapshots[-self.max_history :] if self.max_history else snapshots


def _forgetting(history: Sequence[Snapshot]) -> Iterator[list[Snapshot]]:
    """The dialogue as if it had begun later and later; slots filled before then are forgotten too."""
    for first in range(1, len(history)):
        old = history[first - 1].get("slots", {})
        kept: list[Snapshot] = [{}]
        for item in history[first:]:
            slots = {name: value for name, value in item.get("slots", {}).items() if old.get(name) != value}
            rest = {part: value for part, value in item.items() if part != "slots"}
            kept.append(rest | ({"slots": slots} if slots else {}))
        yield kept


def _key(snapshots: Sequence[Snapshot]) -> bytes:
    return orjson.dumps(list(snapshots), option=orjson.OPT_SORT_KEYS)


def joined(stories: Sequence[Story]) -> list[Story]:
    """The stories without `or`, and joined where one ends with the checkpoint that another begins with."""
    plain = [way for story in stories for way in story.alternatives()]
    begins: dict[str, list[Story]] = defaultdict(list)
    whole: list[Story] = []
    for story in plain:
        first = story.steps[0] if story.steps else None
        if isinstance(first, Checkpoint):
            begins[first.name].append(story)
        else:
            whole.append(story)
    return [story for start in whole for story in _continued(start, begins, 0)][:_MOST_STORIES]


def _continued(story: Story, begins: dict[str, list[Story]], joints: int) -> Iterator[Story]:
    last = story.steps[-1] if story.steps else None
    if not isinstance(last, Checkpoint):
        yield story
        return
    bare = _with_steps(story, story)
    if joints >= _MOST_JOINED or not begins.get(last.name):
        yield bare
        return
    for following in begins[last.name]:
        yield from _continued(_with_steps(story, bare, following), begins, joints + 1)


def _with_steps(named: Story, first: Story, then: Story | None = None) -> Story:
    steps = tuple(step for step in first.steps if not isinstance(step, Checkpoint))
    more = then.steps[1:] if then else ()
    return Story(name=named.name, steps=steps + more, file=named.file, line=named.line)
