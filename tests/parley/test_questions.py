"""What is kept of a question that nobody answered."""

from __future__ import annotations

import pytest

from crm_store.messages import Entity, Understanding
from parley.questions import masked

SAID = "叫我小明13800138000，能修自行车吗"


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([], SAID),
        ([("phone", 4, 15)], "叫我小明…，能修自行车吗"),
        ([("phone", 4, 15), ("person", 2, 4)], "叫我……，能修自行车吗"),
        # Two engines have found the same, or one more of it than the other.
        ([("phone", 4, 15), ("phone", 4, 15)], "叫我小明…，能修自行车吗"),
        ([("phone", 4, 15), ("person", 2, 6), ("address", 5, 9)], "叫我…，能修自行车吗"),
        ([("dish", 4, 15)], SAID),
    ],
)
def test_names_and_numbers_are_masked_and_nothing_else_is_lost(
    spans: list[tuple[str, int, int]], kept: str
) -> None:
    entities = tuple(Entity(kind, SAID[start:end], start, end) for kind, start, end in spans)
    assert masked(Understanding(SAID, entities=entities[:1], system_entities=entities[1:])) == kept
