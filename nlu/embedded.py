"""The interpreter that runs in our own process: n-grams, numpy, no model download."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np

from crm_store.language import guess_language
from crm_store.messages import Understanding
from crm_store.wording import bare, normalise
from nlu.base import EMBEDDED
from nlu.marks import mark
from nlu.model import Model
from nlu.questions import may_ask_more, pieces, told_apart
from nlu.recent import Recent
from nlu.tone import read_tone

_BATCH = 64  # texts scored at once: beyond that memory grows and speed does not


class Embedded:
    """Understands texts with a trained model.

    All FAQ entries of a retrieval intent are one intent (`faq`) in the ranking, as in Rasa: its confidence
    is that of its best entry. Which entry it is, `answers` tells, by the same measure. Rule or answer: that
    is the dialogue's affair.
    """

    remote = False

    def __init__(
        self,
        model: Model,
        today: Callable[[], date | None] = lambda: None,
        recent: Recent | None = None,
    ) -> None:
        """`recent`: where texts come again and again; without it each is read anew."""
        self.model = model
        self._recent = recent
        labels = {label: number for number, label in enumerate(model.classifier.labels)}
        known = all(entry in labels for entry in model.retriever.entries)
        columns = [labels[entry] for entry in model.retriever.entries] if known else []
        self._columns = np.array(columns, np.intp) if known else None
        self.today = today  # the day, in the shop's time zone, that "tomorrow" counts from

    def understand(self, texts: Sequence[str]) -> list[Understanding]:
        """One understanding a text, in order. Any text: empty, noise, ten thousand characters."""
        return self._read(texts) if self._recent is None else self._recent.understand(texts, self._read)

    def _read(self, texts: Sequence[str]) -> list[Understanding]:
        found: list[Understanding] = []
        for first in range(0, len(texts), _BATCH):
            some = texts[first : first + _BATCH]
            found += self._told_apart(some, self._batch(some))
        return found

    def _told_apart(self, texts: Sequence[str], wholes: list[Understanding]) -> list[Understanding]:
        """Texts of several pieces once more, piece by piece, where more than one entry may be meant."""
        parts = [
            pieces(text) if may_ask_more(whole) else [] for text, whole in zip(texts, wholes, strict=True)
        ]
        asked = [part for some in parts for part in some]
        if not asked:
            return wholes
        found = iter(self._batch(asked))
        read = [[next(found) for _ in some] for some in parts]
        return [told_apart(whole, some) for whole, some in zip(wholes, read, strict=True)]

    def _batch(self, texts: Sequence[str]) -> list[Understanding]:
        model, today = self.model, self.today()
        finds = model.entities.find_many(texts, today)
        normals = [normalise(text) for text in texts]
        rows = model.vocabulary.rows([mark(*each) for each in zip(texts, finds, normals, strict=True)])
        vectors = model.encoder.encode(texts) if model.encoder else None
        chances = model.classifier.chances(rows, vectors)
        if vectors is not None:
            # To an encoder every text means something: a thumb does not.
            chances[[not any(map(str.isalnum, text)) for text in texts]] = 0
        rankings = model.classifier.rank(chances)
        entries = None if self._columns is None else chances[:, self._columns]
        answers = model.retriever.answers([bare(normal) for normal in normals], rows, entries, vectors)
        felt = model.sentiment.score if model.sentiment else None
        tones = [read_tone(normal, felt(normal) if felt else None) for normal in normals]
        return [
            Understanding(
                text=text,
                intent=ranking[0][0] if ranking else None,
                confidence=ranking[0][1] if ranking else 0.0,
                ranking=ranking,
                entities=found.entities,
                system_entities=found.others,
                answers=near,
                language=guess_language(text),
                engine=EMBEDDED,
                sentiment=tone.sentiment,
                urgent=tone.urgent,
                flags=tone.flags,
            )
            for text, found, ranking, near, tone in zip(texts, finds, rankings, answers, tones, strict=True)
        ]
