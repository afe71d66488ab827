"""Stories that go on with one another: from the checkpoint that ends one to those that begin with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nlu.domain import Domain
from nlu.steps import Checkpoint, Sets, Step, Story
from nlu.unrolling import unroll

_MOST_STORIES = 5000
_MOST_JOINED = 12


def joined(stories: Sequence[Story], domain: Domain) -> list[Story]:
    """The stories without `or` and checkpoints, each way to go through them a story of its own."""
    pieces = [piece for story in stories for way in story.alternatives() for piece in _pieces(way)]
    begins: dict[str, list[Story]] = defaultdict(list)
    for piece in pieces:
        for name in _starts(piece):
            begins[name].append(piece)
    found: list[Story] = []
    for piece in pieces:
        if not isinstance(piece.steps[0] if piece.steps else None, Checkpoint):
            found += _continued(piece, begins, domain, (id(piece),))
        if len(found) >= _MOST_STORIES:
            break
    return found[:_MOST_STORIES]


def _pieces(story: Story) -> Iterator[Story]:
    """A story cut at the checkpoints inside it: others may come in, and go on, there."""
    steps: list[Step] = []
    for step in story.steps:
        inside = any(not isinstance(one, Checkpoint | Sets) for one in steps)
        steps.append(step)
        if isinstance(step, Checkpoint) and inside:
            yield replace(story, steps=tuple(steps))
            steps = [step]
    if any(not isinstance(one, Checkpoint) for one in steps):
        yield replace(story, steps=tuple(steps))


def _starts(piece: Story) -> list[str]:
    names = []
    for step in piece.steps:
        if isinstance(step, Checkpoint):
            names.append(step.name)
        else:
            break
    return names


def _continued(
    story: Story, begins: dict[str, list[Story]], domain: Domain, seen: tuple[int, ...]
) -> Iterator[Story]:
    last = story.steps[-1] if story.steps else None
    if not isinstance(last, Checkpoint):
        yield story
        return
    bare = replace(story, steps=story.steps[:-1], is_open=True)
    following = begins.get(last.name, ())
    if not following:
        # As Rasa has it, what leads nowhere is learnt all the same, but not that the bot listens then.
        yield bare
    for piece in following if len(seen) < _MOST_JOINED else ():
        if seen.count(id(piece)) < 1 and _lets_in(piece, bare, domain):
            steps = (*bare.steps, *_behind_start(piece))
            whole = replace(story, steps=steps)
            yield from _continued(whole, begins, domain, (*seen, id(piece)))


def _behind_start(piece: Story) -> tuple[Step, ...]:
    return piece.steps[len(_starts(piece)) :]


def _lets_in(piece: Story, before: Story, domain: Domain) -> bool:
    """Whether the slots that a story has set are those that a checkpoint asks for."""
    asked = [step.only for step in piece.steps[: len(_starts(piece))] if isinstance(step, Checkpoint)]
    wanted = {name: value for only in asked for name, value in only.items()}
    if not wanted:
        return True
    known = domain.initial_slots()
    told = unroll(before, domain)
    for event in [*told.head, *(event for move in told.plain for event in move["events"])]:
        if event[0] == "slot":
            known[event[1]] = event[2]
    return all(known.get(name) == value for name, value in wanted.items())
