"""Learning to find a project's entities: rules always, and a tagger where it finds more than they do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from random import Random

from nlu.entities import EntityRules
from nlu.phrases import Meaning
from nlu.spans import fold
from nlu.tag_training import fit_tagger
from nlu.tagger import OUTSIDE
from nlu.tokens import Tokens, cover
from nlu.training_data import Example, TrainingData

_FEWEST = 20  # annotated examples: from fewer there is nothing to learn but their words
_MOST = 2000  # examples: more would cost time and change little
_BETTER = 0.02  # F1 that a tagger must add to be worth its time: several times that of the rules
Split = tuple[list[Example], list[Example]]


def learn_entities(data: TrainingData, types: Iterable[str], *, tagged: bool = False) -> EntityRules:
    """The rules of a project, with a tagger if that is asked for or reads held-out examples better."""
    declared = frozenset(types)
    rules = EntityRules.learn(data, declared)
    examples = _chosen(data.examples)
    if sum(bool(example.entities) for example in examples) < _FEWEST:
        return rules
    # On a busy machine threads that wait for each other are slower than one that does not.
    with import_module("threadpoolctl").threadpool_limits(1):
        scores = [_scores(data, declared, split) for split in (_by_turns(examples), _by_values(examples))]
        plain, trusting, doubting = (sum(column) / len(scores) for column in zip(*scores, strict=True))
        if max(trusting, doubting) < plain + _BETTER and not tagged:
            return rules
        return replace(_tagging(rules, examples), trusting=trusting >= doubting)


def _scores(data: TrainingData, types: frozenset[str], split: Split) -> tuple[float, float, float]:
    """F1 on held-out examples: of the rules, with a tagger, with a tagger that weighs the phrases."""
    judged, known = split
    rules = EntityRules.learn(replace(data, examples=known), types)
    tagging = _tagging(rules, known)
    return _f1(rules, judged), _f1(tagging, judged), _f1(replace(tagging, trusting=False), judged)


def _by_turns(examples: Sequence[Example]) -> Split:
    """Every fourth annotated example to judge by, and the others."""
    held = {id(example) for example in [example for example in examples if example.entities][::4]}
    return (
        [example for example in examples if id(example) in held],
        [example for example in examples if id(example) not in held],
    )


def _by_values(examples: Sequence[Example]) -> Split:
    """Examples to judge by, and the others: a quarter of all values stand only in those to judge by.

    What customers name is seldom what the examples name: a random part of the examples would not show it.
    """
    values = sorted({value for example in examples for value in _values(example)})
    Random(0).shuffle(values)
    held = set(values[::4])
    judged = [example for example in examples if held & _values(example)]
    known = [example for example in examples if not held & _values(example)]
    return judged, known


def _values(example: Example) -> set[str]:
    return {fold(example.text[e.start : e.end]) for e in example.entities}


def _chosen(examples: Sequence[Example]) -> list[Example]:
    """Examples to learn from, in an order that is always the same: all with entities, as many without."""
    annotated = [example for example in examples if example.entities]
    plain = [example for example in examples if not example.entities]
    random = Random(0)
    random.shuffle(annotated)
    random.shuffle(plain)
    return [*annotated[:_MOST], *plain[: min(_MOST, len(annotated))]]


def _tagging(rules: EntityRules, examples: Sequence[Example]) -> EntityRules:
    """The rules with a tagger of these examples."""
    meanings = _meanings(examples)
    random = Random(0)
    texts: list[Tokens] = []
    labels: list[list[str]] = []
    for example in examples:
        # Half of the time without the phrases of examples: all values would be known ones otherwise.
        tokens = rules.look(example.text).tokens(with_examples=random.random() < 0.5)
        spans = [
            (e.start, e.end, str(meanings.index(Meaning(e.entity, e.role, e.group))))
            for e in example.entities
        ]
        texts.append(tokens)
        labels.append([label or OUTSIDE for label in cover(tokens.starts, tokens.ends, spans)])
    return replace(rules, tagger=fit_tagger(texts, labels), meanings=meanings)


def _meanings(examples: Sequence[Example]) -> tuple[Meaning, ...]:
    found = (Meaning(e.entity, e.role, e.group) for example in examples for e in example.entities)
    return tuple(dict.fromkeys(found))


def _f1(rules: EntityRules, examples: Sequence[Example]) -> float:
    """How well entities are found: 2 · right / (found + annotated); right are type and place."""
    right = found = wanted = 0
    for example, said in zip(examples, rules.find_many([e.text for e in examples]), strict=True):
        heard = {(e.entity, e.start, e.end) for e in said.entities}
        told = {(e.entity, e.start, e.end) for e in example.entities}
        right, found, wanted = right + len(heard & told), found + len(heard), wanted + len(told)
    return 2 * right / (found + wanted) if found + wanted else 1.0
