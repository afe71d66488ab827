"""How FAQ entries that are told apart by likeness do on phrasings that were held out. Part of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from crm_store.messages import Answer
from crm_store.wording import key
from nlu.features import Floats, Vocabulary
from nlu.limit_choosing import Asked
from nlu.mixing import RETRIEVED
from nlu.pipeline import Thresholds
from nlu.retrieve import Retriever

_MOST_ASKED = 1500
_THIRD = 3  # of an entry's phrasings one in so many is asked
_STRANGE = 12  # one entry in so many is not taught at all


def ask_retrieval(
    entries: Mapping[str, Sequence[str]], said: Mapping[str, str], vectors: Mapping[str, Floats]
) -> tuple[Asked, float]:
    """What held-out phrasings are taken for, and the encoder's share under which that is right most often.

    `said` holds each phrasing as it is read (see marks.py), `vectors` what the encoder, if there is one,
    makes of it. Entries of one phrasing are taught and never asked for: nothing would be left of them.
    """
    taught, asked = _split(entries)
    texts = [text for _, text in asked]
    known = [(said[text], name) for name, some in taught.items() for text in some]
    vocabulary = Vocabulary.learn([text for text, _ in known], [name for _, name in known])
    retriever = Retriever.learn(taught, said, vocabulary)
    rows = vocabulary.rows([said[text] for text in texts])
    told = np.array([vectors[text] for text in texts], np.float32) if vectors else None
    tried = []
    for share in RETRIEVED if vectors else (0.0,):
        mixed = retriever.with_vectors(taught, vectors, share)
        answers = mixed.answers([key(text) for text in texts], rows, vectors=told)
        tried.append((_asked(answers, [name for name, _ in asked]), share))
    return max(tried, key=lambda one: (float(one[0].right.mean()) if len(texts) else 0.0, -one[1]))


def _asked(answers: Sequence[Sequence[Answer]], truth: Sequence[str]) -> Asked:
    found = [[answer for answer in some if not answer.exact] for some in answers]
    best = [some[0].score if some else 0.0 for some in found]
    rival = [some[1].score if len(some) > 1 else 0.0 for some in found]
    names = [[answer.entry for answer in some[:2]] for some in found]
    return Asked(
        np.array(best, np.float32),
        np.array([some[:1] == [name] for some, name in zip(names, truth, strict=True)], bool),
        np.array(best) - np.array(rival) >= Thresholds().ambiguity,
        np.array([name in some for some, name in zip(names, truth, strict=True)], bool),
    )


def _split(entries: Mapping[str, Sequence[str]]) -> tuple[dict[str, list[str]], list[tuple[str, str]]]:
    """What to teach, and (entry, phrasing) to ask for."""
    random = np.random.default_rng(0)
    several = [name for name, some in entries.items() if len(some) > 1]
    order = [several[i] for i in random.permutation(len(several))]
    strange = set(order[::_STRANGE])
    taught = {name: [*some] for name, some in entries.items() if name not in strange}
    asked: list[tuple[str, str]] = []
    for name in order:
        if len(asked) >= _MOST_ASKED:
            break
        some = entries[name]
        count = max(1, len(some) // _THIRD)
        picked = {some[i] for i in random.permutation(len(some))[:count]}
        asked += [(name, text) for text in sorted(picked)]
        if name in taught:
            taught[name] = [text for text in some if text not in picked]
    return taught, asked
