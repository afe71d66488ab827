"""What a pattern needs is in every text that it matches: no find is lost by not trying it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.needs import DIGIT, DIGITS, needed
from nlu.system_entities import SCANNER

PATTERNS = (
    r"[Tt]\d{8}",
    r"(?<=我叫)[一-鿿]{2}",
    r"(?:\+86[ -]?)?1[3-9]\d",
    r"(?:red|green) ?tea",
    r"a*b|c+",
    r"x?",
    r"(?<!a)b(?=c|d)",
    r"(?:ab){2,3}?[0-9]",
    r"(a)\1[^b]",
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_match_holds_what_its_pattern_needs(pattern: str) -> None:
    words, compiled = needed(pattern), re.compile(pattern)

    @given(st.from_regex(compiled))
    def holds(text: str) -> None:
        lower = text.lower()
        if not any(character.isdecimal() and character not in DIGITS for character in text):
            assert words is None or any(
                any(digit in text for digit in DIGITS) if word == DIGIT else word in lower for word in words
            )

    holds()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"[Tt]\d{8}", {DIGIT}),
        (r"(?<=我叫)[一-鿿]{2}", {"我叫"}),
        (r"[\w.]+@[\w.]+", {"@"}),
        (r"(?:red|GREEN) ?[a-z]", {"red", "green"}),
        (r"\w*", None),
        (r"a|\w", None),
    ],
)
def test_the_most_telling_is_chosen(pattern: str, words: set[str] | None) -> None:
    assert needed(pattern) == words


def test_every_pattern_of_the_system_needs_something() -> None:
    assert SCANNER.always == 0
