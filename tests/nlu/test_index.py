"""Long texts are searched as short phrasings are, for a quarter of the memory, and are read once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from crm_store.wording import key, normalise
from nlu.documents.passages import Passage
from nlu.features import KINDS, Floats, Vocabulary, features
from nlu.llm import index as indexes
from nlu.llm.index import Index
from nlu.llm.shelf import Shelf
from nlu.retrieve import Retriever
from tests.nlu.tea import DOCUMENTS

TEXTS = [
    *filter(None, "\n".join(DOCUMENTS.values()).replace("。", "\n").splitlines()),
    "How do I return the tea? The tea, the whole tea, is bad.",
    "退货的钱什么时候退，退到哪里？",
    "환불은 언제 되나요?",
    "open daily",
    "x",
]


def by_names(texts: Sequence[str], asked: str) -> Floats:
    """The same scores from a vocabulary of names."""
    said = {text: normalise(text) for text in texts}
    entries = {str(number): [text] for number, text in enumerate(texts)}
    vocabulary = Vocabulary.learn([said[text] for text in texts], list(entries))
    retriever = Retriever.learn(entries, said, vocabulary)
    (found,) = retriever._scores(vocabulary.rows([normalise(asked)]), None)
    return np.asarray(found, np.float32)


@pytest.mark.parametrize(
    "asked",
    [
        "I want to return the tea, the tea is bad",
        "怎么退货，退货多久到账",
        "환불해 주세요",
        "x",
        "退",
        "👍",
        "zebra",
    ],
)
def test_a_text_is_as_near_as_by_its_ngrams_names(asked: str) -> None:
    np.testing.assert_allclose(Index(TEXTS).scores(asked), by_names(TEXTS, asked), atol=1e-5)


def test_a_kind_of_ngram_has_its_place_in_a_number() -> None:
    assert len(KINDS) <= indexes._KIND_BITS + 1


def test_nothing_is_near_where_there_is_nothing() -> None:
    assert list(Index([]).scores("tea")) == []
    assert list(Index([""]).scores("tea")) == [0]
    assert list(Index(["tea"]).scores("")) == [0]


def test_what_stood_on_the_shelf_before_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [Passage("a.md", "", text) for text in TEXTS]
    before = Shelf.of(some)
    read: list[str] = []

    def counted(normal: str) -> list[str]:
        read.append(normal)
        return features(normal)

    monkeypatch.setattr(indexes, "features", counted)
    changed = [*some[5:], Passage("FAQ", "", "Our zebra is striped.")]
    shelf = Shelf.of(changed, before)
    assert read == ["our zebra is striped."]
    monkeypatch.setattr(indexes, "features", features)
    anew = Shelf.of(changed)
    for asked in (*TEXTS, "zebra"):
        assert shelf.find(asked) == anew.find(asked)
    # What is gone is not kept, either.
    assert shelf._index._known.keys() == anew._index._known.keys()


def test_a_shelf_of_long_passages_costs_some_kilobytes_each() -> None:
    chance = np.random.default_rng(3)
    letters = chance.zipf(1.3, (200, 480)) % 4000 + 0x4E00
    passages = [Passage("a.pdf", "", "".join(map(chr, line))) for line in letters.tolist()]
    Shelf.of(passages[:2])
    tracemalloc.start()
    try:
        shelf = Shelf.of(passages)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(shelf.passages) == 200
    assert kept < 200 * 40_000
    assert most < 200 * 100_000


def test_a_passage_that_is_asked_for_word_for_word_comes_first() -> None:
    shelf = Shelf.of([Passage("a.md", "", text) for text in dict.fromkeys(TEXTS)])
    for text in TEXTS:
        assert key(shelf.find(text)[0].text) == key(text)
