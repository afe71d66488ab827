"""The interpreter that runs in our own process: n-grams, numpy, no model download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from crm_store.messages import Understanding
from nlu.language import guess_language
from nlu.model import Model
from nlu.normalise import key, normalise

_BATCH = 64  # texts scored at once: beyond that memory grows and speed does not


class Embedded:
    """Understands texts with a trained model.

    All FAQ entries of a retrieval intent are one intent (`faq`) in the ranking, as in Rasa: its confidence
    is the sum over its entries. Which entry it is, `answers` tells: half the classifier's view of the
    entry, half the similarity to its phrasings. Rule or answer: that is the dialogue's affair.
    """

    remote = False

    def __init__(self, model: Model, today: Callable[[], date | None] = lambda: None) -> None:
        self.model = model
        labels = {label: number for number, label in enumerate(model.classifier.labels)}
        known = all(entry in labels for entry in model.retriever.entries)
        columns = [labels[entry] for entry in model.retriever.entries] if known else []
        self._columns = np.array(columns, np.intp) if known else None
        self.today = today  # the day, in the shop's time zone, that "tomorrow" counts from

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """One understanding a text, in order. Any text: empty, noise, ten thousand characters."""
        found: list[Understanding] = []
        for first in range(0, len(texts), _BATCH):
            found += self._batch(texts[first : first + _BATCH])
        return found

    def _batch(self, texts: Sequence[str]) -> list[Understanding]:
        model, today = self.model, self.today()
        rows = model.vocabulary.rows([normalise(text) for text in texts])
        chances = model.classifier.chances(rows)
        rankings = model.classifier.rank(chances)
        entries = None if self._columns is None else chances[:, self._columns]
        answers = model.retriever.answers([key(text) for text in texts], rows, entries)
        found = []
        for text, ranking, near in zip(texts, rankings, answers, strict=True):
            entities, others = model.entities.find(text, today)
            intent, confidence = ranking[0] if ranking else (None, 0.0)
            found.append(
                Understanding(
                    text=text,
                    intent=intent,
                    confidence=confidence,
                    ranking=ranking,
                    entities=entities,
                    system_entities=others,
                    answers=near,
                    language=guess_language(text),
                    engine="embedded",
                )
            )
        return found
