"""Training. Run it in a process of its own (`python -m nlu.train PROJECT OUT`): it needs scikit-learn.

Only the functions here import scikit-learn, and they do so when they are called.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nlu.classify import Classifier
from nlu.entities import EntityRules
from nlu.features import Floats, Rows, Vocabulary
from nlu.model import Model
from nlu.normalise import normalise
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.retrieve import Retriever

_STRENGTH = 2.0  # C of the support vector machine; 1 to 10 differ by less than two points
_ROUNDS = 200
_MOST_LABELS = 400  # with more, FAQ entries are told apart by retrieval alone: the weights would not fit
_FOLDS = 3
_CALIBRATED_WITH = 1500  # examples at most: more would cost time and change nothing
_SHARPNESS = np.geomspace(0.5, 40.0, 60)
Numbers = npt.NDArray[np.int64]


def train(project: Project) -> Model:
    """Learn from a project's examples: about a second for a few hundred. Any project, also an empty one."""
    examples = project.nlu.examples
    normals = [normalise(example.text) for example in examples]
    vocabulary = Vocabulary.learn(normals)
    return Model(
        fingerprint=project.fingerprint(),
        vocabulary=vocabulary,
        classifier=_train_classifier(normals, [example.intent for example in examples], vocabulary),
        retriever=Retriever.learn(project.nlu.entries, vocabulary),
        entities=EntityRules.learn(project.nlu, project.entity_types),
    )


def _train_classifier(normals: Sequence[str], said: Sequence[str], vocabulary: Vocabulary) -> Classifier:
    if len(set(said)) > _MOST_LABELS:
        said = [label.partition("/")[0] for label in said]
    labels = tuple(sorted(set(said), key=lambda label: (label.partition("/")[0], label)))
    bases = [label.partition("/")[0] for label in labels]
    intents = tuple(dict.fromkeys(bases))
    firsts = np.array([bases.index(intent) for intent in intents], np.int32)
    if len(labels) < 2:
        empty = np.zeros((len(vocabulary), len(labels)), np.float32)
        return Classifier(intents, labels, firsts, empty, np.zeros(len(labels), np.float32))
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.array([numbers[label] for label in said])
    weights, bias = _fit(vocabulary.rows(normals), targets, len(vocabulary), len(labels))
    sharpness = np.float32(_sharpness(normals, targets, len(labels)))
    return Classifier(intents, labels, firsts, weights * sharpness, bias * sharpness)


def _fit(rows: Rows, targets: Numbers, width: int, labels: int) -> tuple[Floats, Floats]:
    """Weights (n-grams by labels) and bias. Labels without an example get a bias out of reach.

    A linear support vector machine: as accurate as logistic regression on few examples, and trained ten
    to a hundred times faster.
    """
    from scipy.sparse import csr_matrix
    from sklearn.svm import LinearSVC

    matrix = csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), width))
    machine = LinearSVC(C=_STRENGTH, tol=1e-2, max_iter=_ROUNDS, random_state=0)
    with warnings.catch_warnings():
        # Stopping a little before the optimum changes no figure and no answer.
        warnings.simplefilter("ignore")
        fitted = machine.fit(matrix, targets)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weights = np.zeros((width, labels), np.float32)
    bias = np.full(labels, -10.0, np.float32)
    weights[:, fitted.classes_] = coefficients.T
    bias[fitted.classes_] = intercepts
    return weights, bias


def _sharpness(normals: Sequence[str], targets: Numbers, labels: int) -> float:
    """By how much to multiply scores, so that a confidence of 0.8 is right in about 80 of 100 cases.

    Distances from a plane are no probabilities. Held-out thirds of the examples tell by how much.
    """
    held: list[Floats] = []
    truth: list[Numbers] = []
    order = np.random.default_rng(0).permutation(len(normals))[:_CALIBRATED_WITH]
    for fold in range(_FOLDS):
        test = order[fold::_FOLDS]
        learned = np.setdiff1d(order, test)
        if len(set(targets[learned])) < 2 or not len(test):
            continue
        vocabulary = Vocabulary.learn([normals[i] for i in learned])
        rows = vocabulary.rows([normals[i] for i in learned])
        weights, bias = _fit(rows, targets[learned], len(vocabulary), labels)
        held.append(_scores(vocabulary.rows([normals[i] for i in test]), weights, bias))
        truth.append(targets[test])
    if not held:
        return 1.0
    scores, right = np.vstack(held), np.concatenate(truth)
    losses = [_loss(scores * factor, right) for factor in _SHARPNESS]
    return float(_SHARPNESS[int(np.argmin(losses))])


def _scores(rows: Rows, weights: Floats, bias: Floats) -> Floats:
    from scipy.sparse import csr_matrix

    matrix = csr_matrix((rows.weights, rows.ids, rows.bounds), shape=(len(rows), len(weights)))
    scores: Floats = matrix @ weights + bias
    return scores


def _loss(scores: Floats, right: Numbers) -> float:
    shifted = scores - scores.max(axis=1, keepdims=True)
    chances = shifted[np.arange(len(right)), right] - np.log(np.exp(shifted).sum(axis=1))
    # One wildly wrong example (an intent held out altogether) must not decide for all.
    return float(-np.maximum(chances, -8.0).mean())


def main(arguments: Sequence[str]) -> int:
    """`PROJECT OUT`: train and write the model. 0: done, 1: the project is wrong, 2: wrong use."""
    if len(arguments) != 2:
        sys.stderr.write("expected two arguments: PROJECT OUT\n")
        return 2
    try:
        train(read_project(Path(arguments[0]))).save(Path(arguments[1]))
    except ProjectErrors as errors:
        sys.stderr.write(f"{errors}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
