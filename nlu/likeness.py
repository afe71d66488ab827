"""How near a text is to phrasings that no model was taught yet: for previews, at once and roughly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crm_store.messages import Answer
from crm_store.wording import key
from nlu.embedded import Embedded
from nlu.features import Vocabulary, features
from nlu.marks import mark
from nlu.retrieve import Retriever


def likeness(embedded: Embedded, text: str, phrasings: Mapping[str, Sequence[str]]) -> tuple[Answer, ...]:
    """The entries whose phrasings are nearest to the text, best first, all by one measure: similarity.

    The model's own words weigh as in the model, words that are new to it as its rarest.
    """
    texts = [text, *(phrasing for some in phrasings.values() for phrasing in some)]
    said = {one: mark(one, embedded.model.entities.find(one)) for one in texts}
    vocabulary = _widened(embedded.model.vocabulary, list(said.values()))
    retriever = Retriever.learn(phrasings, said, vocabulary)
    (found,) = retriever.answers([key(text)], vocabulary.rows([said[text]]))
    return found


def _widened(known: Vocabulary, said: Sequence[str]) -> Vocabulary:
    """Only the words of these texts, with their weights."""
    names = list(dict.fromkeys(name for text in said for name in features(text)))
    return Vocabulary(names, np.array(known.weights_of(names), np.float32), known.unseen)
