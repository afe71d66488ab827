"""How good answers are: of intents, of entities, of FAQ entries, and of the confidence itself."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

from bench.nlu.datasets import Dataset, Row

Answer = Row  # {"intent", "confidence", "entities": [...], "answers": [entry, …]}
ANSWERED = 0.80  # share of the questions in scope that are answered
WRONG = 0.03  # share of the strange ones that may be


def score(dataset: Dataset, answers: Sequence[Answer]) -> dict[str, float]:
    """Everything that can be told of answers to the set's questions and then to its strange ones."""
    asked, strange = answers[: len(dataset.test)], answers[len(dataset.test) :]
    if dataset.is_faq:
        return {
            "first": _share([row["intent"] in a["answers"][:1] for row, a in _paired(dataset, asked)]),
            "in_three": _share([row["intent"] in a["answers"][:3] for row, a in _paired(dataset, asked)]),
        }
    right = [row["intent"] == answer["intent"] for row, answer in _paired(dataset, asked)]
    found = {"accuracy": _share(right), "calibration_error": calibration_error(asked, right)}
    found["answered_at_3_wrong"] = answered(asked, right)
    if any(row.get("entities") for row in dataset.test):
        found["entity_f1"] = entity_f1(dataset.test, asked)
    if strange:
        known = [float(answer["confidence"]) for answer in asked]
        foreign = [float(answer["confidence"]) for answer in strange]
        found["auroc"] = auroc(known, foreign)
        least = sorted(known)[int((1 - ANSWERED) * len(known))]
        found["strange_answered_at_80"] = _share([value >= least for value in foreign])
        least = sorted(foreign)[min(int((1 - WRONG) * len(foreign)), len(foreign) - 1)]
        found["known_answered_at_3"] = _share([value > least for value in known])
    return found


def auroc(known: Sequence[float], foreign: Sequence[float]) -> float:
    """How often a question in scope has a higher confidence than one that is not; ties count half."""
    ordered = sorted(foreign)
    higher = sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in known) / 2
    return higher / (len(known) * len(foreign))


def calibration_error(answers: Sequence[Answer], right: Sequence[bool]) -> float:
    """How far confidence is from the share of right answers, in ten steps of confidence."""
    steps: dict[int, list[tuple[float, bool]]] = {}
    for answer, good in zip(answers, right, strict=True):
        value = float(answer["confidence"])
        steps.setdefault(min(int(value * 10), 9), []).append((value, good))
    gaps = [abs(sum(value - good for value, good in some)) for some in steps.values()]
    return sum(gaps) / len(answers)


def answered(answers: Sequence[Answer], right: Sequence[bool]) -> float:
    """The largest share of questions, the surest first, of whose answers at most 3 % are wrong."""
    order = sorted(range(len(answers)), key=lambda i: -float(answers[i]["confidence"]))
    best = wrong = 0
    for count, i in enumerate(order, 1):
        wrong += not right[i]
        if wrong <= WRONG * count:
            best = count
    return best / len(answers)


def entity_f1(rows: Sequence[Row], answers: Sequence[Answer]) -> float:
    """F1 over all entities of the types that the set annotates: place and type must be right."""
    types = {entity["entity"] for row in rows for entity in row.get("entities") or ()}
    hits = claimed = wanted = 0
    for row, answer in zip(rows, answers, strict=True):
        gold = {_span(entity) for entity in row.get("entities") or ()}
        said = {_span(entity) for entity in answer.get("entities") or () if entity["entity"] in types}
        hits, claimed, wanted = hits + len(gold & said), claimed + len(said), wanted + len(gold)
    return 2 * hits / (claimed + wanted) if claimed + wanted else 1.0


def _span(entity: Row) -> tuple[Any, ...]:
    return entity["start"], entity["end"], entity["entity"]


def _paired(dataset: Dataset, answers: Sequence[Answer]) -> zip[tuple[Row, Answer]]:
    return zip(dataset.test, answers, strict=True)


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 0.0
