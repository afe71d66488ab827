"""Plain baselines: TF-IDF of words and characters, then logistic regression, a linear SVM or a neighbour.

python -m bench.nlu.scikit_engine logistic|svm|neighbour < TASK
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from bench.nlu.datasets import Row
from bench.nlu.meter import Meter, memory, read_task

_SHARE_OF_CJK = 0.3


def main(kind: str) -> None:
    """Train and serve in this process, as a script with scikit-learn does."""
    before = memory()
    task = read_task()
    pipeline = _pipeline(kind, [str(row["text"]) for row in task["train"]])
    meter = Meter()
    meter.found["imported_mb"] = round(before)
    meter.train(lambda: _fit(pipeline, task["train"]))
    meter.ask(task["asked"], lambda texts: _answers(pipeline, texts))
    meter.found["serve_mb"] = round(memory() - before)
    meter.write()


def _pipeline(kind: str, texts: Sequence[str]) -> Any:
    text = import_module("sklearn.feature_extraction.text")
    sklearn = import_module("sklearn.pipeline")
    letters = [character for some in texts for character in some if character.isalpha()]
    if sum(character >= "\u3040" for character in letters) > _SHARE_OF_CJK * len(letters):
        views = [
            ("characters", text.TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True))
        ]
    else:
        views = [
            ("words", text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)),
            ("inner", text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)),
        ]
    return sklearn.Pipeline([("views", sklearn.FeatureUnion(views)), ("model", _model(kind))])


def _model(kind: str) -> Any:
    match kind:
        case "logistic":
            return import_module("sklearn.linear_model").LogisticRegression(C=10, max_iter=1000)
        case "svm":
            return import_module("sklearn.svm").LinearSVC(C=1)
        case _:
            return import_module("sklearn.neighbors").KNeighborsClassifier(1, metric="cosine")


def _fit(pipeline: Any, rows: Sequence[Row]) -> None:
    pipeline.fit([str(row["text"]) for row in rows], [str(row["intent"]) for row in rows])


def _answers(pipeline: Any, texts: Sequence[str]) -> list[Row]:
    numpy = import_module("numpy")
    if hasattr(pipeline, "predict_proba"):
        points = pipeline.predict_proba(texts)
    else:
        margins = pipeline.decision_function(texts)
        margins = margins if margins.ndim > 1 else numpy.stack([-margins, margins], axis=1)
        points = 0.5 + 0.5 * numpy.tanh(margins)  # no probability, but between 0 and 1 and in order
    names = list(pipeline.classes_)
    best = (-points).argsort(axis=1)[:, :3].tolist()
    return [
        {
            "intent": names[numbers[0]],
            "confidence": float(row[numbers[0]]),
            "answers": [names[number] for number in numbers],
        }
        for numbers, row in zip(best, points, strict=True)
    ]


if __name__ == "__main__":
    main(sys.argv[1])
