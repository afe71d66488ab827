"""Which examples are held out to be asked for, and which are learned from meanwhile.

Some labels are held out altogether, so that it is known how a text about none of the labels scores.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
FOLDS = 3
_MOST_EXAMPLES = 1500  # more would cost time and change nothing
_STRANGE = 12  # one label in so many is unknown to a fold
_FEWEST_LABELS = 4  # with fewer, each fold knows all


def folds(targets: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """The numbers of the examples to learn from and of those to ask for, fold by fold."""
    random = np.random.default_rng(0)
    order = random.permutation(len(targets))[:_MOST_EXAMPLES]
    labels = random.permutation(np.unique(targets))
    for fold in range(FOLDS):
        asked = order[fold::FOLDS]
        strange = labels[fold::_STRANGE] if len(labels) >= _FEWEST_LABELS else labels[:0]
        learned = np.setdiff1d(order, asked)
        learned = learned[~np.isin(targets[learned], strange)]
        if len(asked) and len(np.unique(targets[learned])) > 1:
            yield learned, asked


def trial(targets: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """As `folds`, where there are more examples than those look at: all that are not asked for are learned.

    What a limit does to answers depends on how much was taught; how sharp scores are hardly does.
    """
    random = np.random.default_rng(1)
    order = random.permutation(len(targets))
    labels = random.permutation(np.unique(targets))
    strange = labels[::_STRANGE] if len(labels) >= _FEWEST_LABELS else labels[:0]
    learned = order[_MOST_EXAMPLES:]
    yield learned[~np.isin(targets[learned], strange)], order[:_MOST_EXAMPLES]


def is_large(targets: Numbers) -> bool:
    """Whether `folds` leaves out much of what there is to learn."""
    return len(targets) > 2 * _MOST_EXAMPLES
