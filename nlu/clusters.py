"""Texts that ask for the same, put together. Run in a process of its own (`python -m nlu.clusters`).

No model and no language is asked for: n-grams and concepts (see features.py), so that a question in Chinese
and one in Korean may stand together where their words are known to mean the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from crm_store.wording import normalise
from nlu.features import Vocabulary

if TYPE_CHECKING:
    import numpy.typing as npt

    Neighbours = list[npt.NDArray[np.int64]]

MOST = 10_000  # texts that are compared with each other; the rest stand alone
_NEAR = 0.32  # cosine from which on two texts ask for the same
_COMMON = 0.08  # n-grams in a larger share of the texts say nothing, and cost most
_FEWEST_COMMON = 30  # texts
_AT_ONCE = 500


def cluster(texts: Sequence[str], counts: Sequence[int]) -> list[int]:
    """For each text the number of that which stands for it: of those alike the one asked most often."""
    found = list(range(len(texts)))
    if not texts:
        return found
    order = sorted(found, key=lambda number: (-counts[number], number))[:MOST]
    near = _neighbours([texts[number] for number in order])
    free = np.ones(len(order), bool)
    for place, others in enumerate(near):
        if not free[place]:
            continue
        mine = others[free[others]]
        free[mine] = False
        for other in mine:
            found[order[other]] = order[place]
        found[order[place]] = order[place]
        free[place] = False
    return found


def _neighbours(texts: Sequence[str]) -> Neighbours:
    """Of each text the places of those that are near, itself among them."""
    matrix = _matrix(texts)
    turned = matrix.T.tocsr()
    found: Neighbours = []
    for first in range(0, len(texts), _AT_ONCE):
        alike = (matrix[first : first + _AT_ONCE] @ turned).tocsr()
        alike.data[alike.data < _NEAR] = 0
        alike.eliminate_zeros()
        found += [np.sort(each) for each in np.split(alike.indices, alike.indptr[1:-1])]
    return found


def _matrix(texts: Sequence[str]) -> Any:
    """Texts by n-grams, each row of length one."""
    from scipy.sparse import csr_matrix, diags

    normal = [normalise(text) for text in texts]
    vocabulary = Vocabulary.learn(normal, [str(number) for number in range(len(normal))])
    rows = vocabulary.rows(normal)
    matrix = csr_matrix(
        (rows.weights.copy(), rows.ids.copy(), rows.bounds), shape=(len(rows), len(vocabulary))
    )
    matrix.sum_duplicates()
    seen = np.bincount(matrix.indices, minlength=len(vocabulary))
    tells = seen <= max(_FEWEST_COMMON, _COMMON * len(texts))
    matrix = matrix @ diags(tells.astype(np.float32))
    matrix.eliminate_zeros()
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    lengths[lengths == 0] = 1
    return (diags(1 / lengths) @ matrix).tocsr().astype(np.float32)


def main() -> int:
    """`[[text, count], …]` on standard input; the numbers of `cluster` on standard output."""
    asked = json.load(sys.stdin)
    numbers = cluster([text for text, _ in asked], [count for _, count in asked])
    json.dump(numbers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
