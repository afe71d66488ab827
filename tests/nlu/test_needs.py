"""What a pattern needs is in every text that it matches: no find is lost by not trying it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.needs import Needs

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
    needs, compiled = Needs(pattern), re.compile(pattern, re.IGNORECASE)

    @given(st.from_regex(compiled))
    def holds(text: str) -> None:
        # Only the long s and its like are another letter in lower case than they match.
        if text.isascii() or text.lower().upper() == text.upper():
            assert needs.in_(text.lower()) or "ſ" in text

    holds()


@pytest.mark.parametrize(
    ("pattern", "text", "tried"),
    [
        (r"[Tt]\d{8}", "what is this", False),
        (r"[Tt]\d{8}", "in 2026", True),
        (r"(?<=我叫)[一-鿿]{2}", "我说", False),
        (r"[\w.]+@[\w.]+", "no address", False),
        (r"(?:red|green) ?tea", "green", False),
        (r"\w*", "anything", True),
    ],
)
def test_a_pattern_is_tried_only_where_it_has_a_chance(pattern: str, text: str, tried: bool) -> None:
    assert Needs(pattern).in_(text) is tried
