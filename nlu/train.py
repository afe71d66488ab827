"""Training. Run it in a process of its own (`python -m nlu.train PROJECT OUT`): it needs scipy.

scipy is imported when it is called for, so that who only imports this module does not load it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crm_store.wording import normalise
from nlu.calibrate import Held, certainty, sharpness
from nlu.classify import Certainty, Classifier, packed
from nlu.encoder import Encoder
from nlu.encoder_files import BadEncoder
from nlu.entity_training import learn_entities
from nlu.faq import with_phrasings
from nlu.features import Floats, Rows, Vocabulary
from nlu.folds import folds, is_large, trial
from nlu.gate import Candidate, ask, held_out, judge, load_held_out
from nlu.limit_choosing import choose, with_retrieval
from nlu.limits import Limits
from nlu.logistic import count, fit, scores_of
from nlu.marks import mark
from nlu.mixing import choose_share, fit_vectors, mixed, score
from nlu.model import Model
from nlu.project import Project, read_project
from nlu.reading import ProjectErrors
from nlu.retrieval_trial import ask_retrieval
from nlu.retrieve import Retriever
from nlu.sentiment_training import learn_sentiment
from nlu.training_data import Example, TrainingData

_STRENGTH = 20.0  # C of the logistic regression; 10 to 30 differ by less than a point
_MOST_LABELS = 400  # with more, FAQ entries are told apart by retrieval alone: the weights would not fit
_COUNTED = 0.35  # weight of plain counts beside the regression; with less, strange texts are rejected less
_WORDS = re.compile("[^a-z]+")
Numbers = npt.NDArray[np.int64]
Order = Mapping[str, Any]
Note = Mapping[str, Any]


def train(project: Project) -> Model:
    """Learn from a project's examples: about a second for two thousand. Any project, also an empty one."""
    return _Lesson(project).learn(project.nlu.examples)


class _Lesson:
    """A project's texts, looked at once, to be learned from in whole or in part."""

    def __init__(self, project: Project) -> None:
        self.fingerprint = project.fingerprint()
        self.wanted = 0.0 if project.thresholds.own else project.thresholds.wanted
        self.entities = learn_entities(project.nlu, project.entity_types, tagged=project.thresholds.tagged)
        texts = list({example.text for example in project.nlu.examples})
        finds = self.entities.find_many(texts)
        self.sentiment = learn_sentiment(project.nlu.labelled)
        self.said = {text: mark(text, found) for text, found in zip(texts, finds, strict=True)}
        self.encoder = Encoder(project.encoder) if project.encoder else None
        self.vectors: dict[str, Floats] = {}
        if self.encoder:
            self.vectors = dict(zip(texts, self.encoder.encode(texts), strict=True))
        self.share: float | None = None  # how much the encoder counts; None: not chosen yet

    def learn(self, examples: Sequence[Example], *, calibrated: bool = True) -> Model:
        """The model of these examples; uncalibrated, its confidences are not to be trusted."""
        # On a busy machine threads that wait for each other are slower than one that does not.
        with import_module("threadpoolctl").threadpool_limits(1):
            said = [self.said[example.text] for example in examples]
            intents = [example.intent for example in examples]
            vocabulary = Vocabulary.learn(said, intents)
            wanted = self.wanted if calibrated else 0.0
            vectors = np.array([self.vectors[e.text] for e in examples]) if self.vectors else None
            classifier, limits, self.share = _train_classifier(
                said, intents, vocabulary, calibrated, wanted, vectors, self.share
            )
            entries = TrainingData([*examples]).entries
            retriever = Retriever.learn(entries, self.said, vocabulary)
            if set(retriever.entries) <= set(classifier.labels):
                retriever = retriever.without_lists()
            elif limits.wanted or self.vectors:
                asked, share = ask_retrieval(entries, self.said, self.vectors)
                retriever = retriever.with_vectors(entries, self.vectors, share)
                limits = with_retrieval(limits, asked) if limits.wanted else limits
            counts = classifier.dense is not None or retriever.vectors is not None
            return Model(
                self.fingerprint,
                vocabulary,
                classifier,
                retriever,
                self.entities,
                self.sentiment,
                limits,
                self.encoder if counts else None,
            )


def _train_classifier(
    texts: Sequence[str],
    said: Sequence[str],
    vocabulary: Vocabulary,
    calibrated: bool,
    wanted: float,
    vectors: Floats | None,
    share: float | None,
) -> tuple[Classifier, Limits, float | None]:
    """The classifier, and from which scores on to answer, to be right as often as `wanted` (0: any).

    `vectors` are an encoder's of the texts, `share` is how much they count, if that is known.
    """
    if len(set(said)) > _MOST_LABELS:
        said = [label.partition("/")[0] for label in said]
    labels = tuple(sorted(set(said), key=lambda label: (label.partition("/")[0], label)))
    bases = [label.partition("/")[0] for label in labels]
    intents = tuple(dict.fromkeys(bases))
    firsts = np.array([bases.index(intent) for intent in intents], np.int32)
    if len(labels) < 2:
        empty = np.zeros((len(vocabulary), len(labels)), np.float32)
        none = np.zeros(len(labels), np.float32)
        return Classifier(intents, labels, firsts, *packed(empty), none, Certainty()), Limits(wanted), share
    numbers = {label: number for number, label in enumerate(labels)}
    targets = np.array([numbers[label] for label in said])
    names = [_name(label) for label in labels]
    weights = _fit(texts, targets, names, vocabulary)
    held: list[Held] = []
    if calibrated or (vectors is not None and share is None):
        held, share = _held_out(texts, targets, names, [*folds(targets)], vectors, share)
    sharp = sharpness(held)
    weights *= np.float32(sharp)
    sure = certainty(held, sharp)
    limits = Limits()
    if wanted:
        if is_large(targets):
            held, _ = _held_out(texts, targets, names, [*trial(targets)], vectors, share)
        limits = choose(held, np.array(["/" in label for label in labels]), sure, sharp, wanted)
    dense = None
    if vectors is not None and share:
        dense = fit_vectors(vectors, targets, len(labels)) * np.float32(share * sharp)
    return (
        Classifier(intents, labels, firsts, *packed(weights[:-1]), weights[-1], sure, dense),
        limits,
        share,
    )


def _name(label: str) -> str:
    """A label's own name: whoever called it `change_address` gave one example more."""
    return normalise(_WORDS.sub(" ", label.rpartition("/")[2].lower()))


def _fit(texts: Sequence[str], targets: Numbers, names: Sequence[str], vocabulary: Vocabulary) -> Floats:
    """Weights (n-grams and, last, the bias; by labels) from texts and from the names of the labels.

    Those of a regression and those of plain counts together are better than either: the one finds what
    tells labels apart, the other is less led astray where there are few examples.
    """
    rows = vocabulary.rows([*texts, *names])
    numbers = np.concatenate([targets, np.arange(len(names))])
    regression = fit(rows, numbers, len(vocabulary), len(names), _STRENGTH)
    counted = count(rows, numbers, len(vocabulary), len(names))
    regression /= _spread(rows, regression)
    counted *= np.float32(_COUNTED) / _spread(rows, counted)
    regression += counted
    return regression


def _held_out(
    texts: Sequence[str],
    targets: Numbers,
    names: Sequence[str],
    splits: Sequence[tuple[Numbers, Numbers]],
    vectors: Floats | None,
    share: float | None,
) -> tuple[list[Held], float | None]:
    """Scores of the examples that each split asks for, by weights that were learned from its others.

    And how much the encoder, if there is one, counts in them.
    """
    held = [*_by_words(texts, targets, names, splits)]
    if vectors is None:
        return held, share
    dense = []
    for (learned, asked), one in zip(splits, held, strict=True):
        columns = np.searchsorted(one.labels, targets[learned])
        dense.append(score(vectors[asked], fit_vectors(vectors[learned], columns, len(one.labels))))
    share = choose_share(held, dense) if share is None else share
    return mixed(held, dense, share), share


def _by_words(
    texts: Sequence[str],
    targets: Numbers,
    names: Sequence[str],
    splits: Iterable[tuple[Numbers, Numbers]],
) -> Iterator[Held]:
    """By n-grams alone."""
    for learned, asked in splits:
        labels = np.unique(targets[learned])
        known = [texts[i] for i in learned]
        vocabulary = Vocabulary.learn(known, [str(target) for target in targets[learned]])
        columns = np.searchsorted(labels, targets[learned])
        weights = _fit(known, columns, [names[i] for i in labels], vocabulary)
        truth = np.full(len(names), -1)
        truth[labels] = np.arange(len(labels))
        scores = scores_of(vocabulary.rows([texts[i] for i in asked]), weights)
        yield Held(scores, truth[targets[asked]], labels)


def _spread(rows: Rows, weights: Floats) -> np.float32:
    """How far apart scores are; 1 where there is no difference at all."""
    return np.float32(float(scores_of(rows, weights).std()) or 1.0)


def train_in_order(project: Project, order: Order, out: Path, tell: Callable[[Note], None]) -> Model:
    """Train with the FAQ entries of an order and save the model; the gate compares it if the order says so.

    `tell` gets `{"progress": 0.4}` on the way and `{"verdict": …}` at the end. Held-out answers are kept
    beside a model, so that its successor finds them.
    """
    taught = with_phrasings(project, order.get("phrasings", {}))
    lesson = _Lesson(taught)
    tell({"progress": 0.15})
    model = lesson.learn(taught.nlu.examples)
    model.save(out)
    before = order.get("before")
    if before is not None:
        tell({"progress": 0.3})
        was = read_project(Path(before["project"])) if "project" in before else project
        known = with_phrasings(was, before.get("phrasings", {}))
        now = _candidate(lesson, model, taught, out, lambda fold: tell({"progress": 0.45 + fold * 0.15}))
        then = _before(known, Path(before["model"]) if "model" in before else None, out, tell)
        tell({"verdict": judge(then, now).to_json() | {"limits": model.limits.to_json()}})
    return model


def _before(known: Project, kept: Path | None, out: Path, tell: Callable[[Note], None]) -> Candidate:
    """What answers so far: the model that is kept, else one that is trained from that project now."""
    lesson = None if kept else _Lesson(known)
    old = lesson.learn(known.nlu.examples) if lesson else Model.load(kept or out)
    path = kept or out.with_suffix(".before.model")
    return _candidate(lesson, old, known, path, lambda fold: tell({"progress": 0.8}))


def _candidate(
    lesson: _Lesson | None, model: Model, project: Project, path: Path, tell: Callable[[int], None]
) -> Candidate:
    examples = project.nlu.examples
    kept = path.with_suffix(".held.json")
    answers = load_held_out(kept)
    if answers is None:
        learned = lesson or _Lesson(project)
        answers = held_out(examples, lambda some: learned.learn(some, calibrated=False), tell)
        kept.write_text(json.dumps(answers, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")
    pairs = [(example.text, example.intent) for example in examples]
    return Candidate(pairs, ask(model, [text for text, _ in pairs]), answers)


def main(arguments: Sequence[str]) -> int:
    """`PROJECT OUT [ORDER]`: train and write the model. 0: done, 1: the project is wrong, 2: wrong use.

    ORDER is a JSON file: `{"phrasings": {entry: [text]}, "before": {"phrasings": …, "model": path}}`, or
    with `"project": path` in place of the model: then that is trained, too. What there is to tell on the
    way is written as JSON lines.
    """
    if len(arguments) not in (2, 3):
        sys.stderr.write("expected two or three arguments: PROJECT OUT [ORDER]\n")
        return 2
    order = json.loads(Path(arguments[2]).read_bytes()) if len(arguments) == 3 else {}
    try:
        train_in_order(read_project(Path(arguments[0])), order, Path(arguments[1]), _print)
    except (ProjectErrors, BadEncoder) as errors:
        sys.stderr.write(f"{errors}\n")
        return 1
    return 0


def _print(note: Note) -> None:
    sys.stdout.write(json.dumps(note) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
