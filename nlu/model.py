"""A trained model: one file of plain arrays and JSON. Read and used without scikit-learn or scipy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from crm_store.messages import ParleyError
from nlu.arrays import read_arrays, write_arrays
from nlu.classify import Certainty, Classifier
from nlu.encoder import Encoder
from nlu.entities import EntityRules
from nlu.features import Vocabulary
from nlu.limits import Limits
from nlu.retrieve import Retriever
from nlu.sentiment import Sentiment

FORMAT = 10


class BadModel(ParleyError):
    """This file is no model of this version of Parley; train the bot again."""


@dataclass(frozen=True, slots=True)
class Model:
    """Everything that serving needs to understand a text."""

    fingerprint: str  # of the project it was trained from
    vocabulary: Vocabulary
    classifier: Classifier
    retriever: Retriever
    entities: EntityRules
    sentiment: Sentiment | None = None  # learned from a company's own labels
    limits: Limits = field(default_factory=Limits)  # from which scores on to answer
    encoder: Encoder | None = None  # that is mixed in, where held-out examples gain by it

    def save(self, path: Path) -> None:
        """Write the model; a reader sees the old file or the new one, never half of it."""
        head = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "names": self.vocabulary.names,
            "unseen": self.vocabulary.unseen,
            "intents": self.classifier.intents,
            "labels": self.classifier.labels,
            "certainty": self.classifier.certainty,
            "entries": self.retriever.entries,
            "count": self.retriever.count,
            "exact": dict(self.retriever.exact),
            "entities": self.entities.to_json(),
            "sentiment": self.sentiment.to_json() if self.sentiment else None,
            "limits": self.limits.to_json(),
            "encoder": [str(self.encoder.folder), self.encoder.digest()] if self.encoder else None,
            "share": self.retriever.share,
        }
        arrays: dict[str, np.ndarray[Any, Any]] = {
            "rarity": self.vocabulary.weights,
            "weights": self.classifier.weights,
            "scales": self.classifier.scales,
            "bias": self.classifier.bias,
            "groups": self.classifier.firsts,
            "firsts": self.retriever.firsts,
            "bounds": self.retriever.bounds,
            "phrasings": self.retriever.phrasings,
            "listed": self.retriever.weights,
        }
        if self.classifier.dense is not None:
            arrays["dense"] = self.classifier.dense
        if self.retriever.vectors is not None:
            arrays["vectors"] = self.retriever.vectors
        felt = self.sentiment.arrays() if self.sentiment else {}
        write_arrays(path, head, arrays | self.entities.arrays() | felt)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model; `BadModel` if the file is missing, broken or of another version.

        `BadEncoder` if the encoder that it was trained with is not there.
        """
        try:
            return _built(*read_arrays(path))
        except FileNotFoundError:
            raise BadModel(f"expected a model at {path}, there is none") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadModel(f"expected a model of format {FORMAT} at {path}: {error}") from error


def _encoder(told: list[str] | None) -> Encoder | None:
    if told is None:
        return None
    encoder = Encoder(Path(told[0]))
    if encoder.digest() != told[1]:
        raise ValueError(f"the encoder {told[0]} has changed since")
    return encoder


def _built(head: dict[str, Any], arrays: dict[str, Any]) -> Model:
    if head["format"] != FORMAT:
        raise ValueError(f"it has format {head['format']}")
    return Model(
        fingerprint=head["fingerprint"],
        vocabulary=Vocabulary(head["names"], arrays["rarity"], head["unseen"]),
        classifier=Classifier(
            tuple(head["intents"]),
            tuple(head["labels"]),
            arrays["groups"],
            arrays["weights"],
            arrays["scales"],
            arrays["bias"],
            Certainty(*head["certainty"]),
            arrays.get("dense"),
        ),
        retriever=Retriever(
            entries=tuple(head["entries"]),
            firsts=arrays["firsts"],
            bounds=arrays["bounds"],
            phrasings=arrays["phrasings"],
            weights=arrays["listed"],
            count=head["count"],
            exact=head["exact"],
            vectors=arrays.get("vectors"),
            share=head["share"],
        ),
        entities=EntityRules.from_json(head["entities"], arrays),
        sentiment=Sentiment.from_json(head["sentiment"], arrays) if head["sentiment"] else None,
        limits=Limits.from_json(head["limits"]),
        encoder=_encoder(head["encoder"]),
    )
