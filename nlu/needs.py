"""What a text must hold for a pattern to have any chance: most patterns need not be tried on most texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

_DIGIT = "\\d"
_MOST = 40  # alternatives: looking for more costs more than trying the pattern


class Needs:
    """Tells of a text whether a pattern has any chance in it; yes where that cannot be told."""

    __slots__ = ("_search", "_word")

    def __init__(self, pattern: str) -> None:
        wanted = _wanted(pattern) or frozenset(("",))
        self._word = min(wanted) if len(wanted) == 1 and _DIGIT not in wanted else None
        plain = sorted(word if word == _DIGIT else re.escape(word) for word in wanted)
        self._search = re.compile("|".join(plain)).search

    def in_(self, lower: str) -> bool:
        """Whether a text, given in lower case, holds what the pattern needs."""
        return self._word in lower if self._word is not None else self._search(lower) is not None


def _wanted(pattern: str) -> frozenset[str] | None:
    """Lower-case strings of which every match, or what it looks at, holds one; None: cannot be told."""
    try:
        # The standard library's own parser, which it keeps to itself: without it every pattern is tried.
        parsed = import_module("re._parser").parse(pattern)
    except (ImportError, AttributeError):
        return None
    return _of_sequence(parsed)


def _of_sequence(items: Iterable[Any]) -> frozenset[str] | None:
    """The most telling of what the items of a sequence want, each of which must be there."""
    found: list[frozenset[str]] = []
    run = ""
    for operator, argument in items:
        name = str(operator)
        if name == "LITERAL":
            run += chr(argument)
            continue
        found += [frozenset((run.lower(),))] if run else []
        run = ""
        wanted = _of_item(name, argument)
        found += [wanted] if wanted else []
    found += [frozenset((run.lower(),))] if run else []
    return max(found, key=_telling, default=None)


def _telling(wanted: frozenset[str]) -> tuple[int, bool, int]:
    shortest = 1 if _DIGIT in wanted else min(map(len, wanted))
    return shortest, _DIGIT in wanted, -len(wanted)


def _of_item(name: str, argument: Any) -> frozenset[str] | None:
    match name:
        case "SUBPATTERN":
            return _of_sequence(argument[-1])
        case "ATOMIC_GROUP":
            return _of_sequence(argument)
        case "ASSERT":  # looks ahead or back; what must not be there is ASSERT_NOT
            return _of_sequence(argument[1])
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            return _of_sequence(argument[2]) if argument[0] else None
        case "BRANCH":
            return _any_of([_of_sequence(branch) for branch in argument[1]])
        case "IN":
            return _any_of([_of_member(str(kind), what) for kind, what in argument])
    return None


def _any_of(wanted: Sequence[frozenset[str] | None]) -> frozenset[str] | None:
    joined: set[str] = set()
    for each in wanted:
        if not each or len(joined) > _MOST:
            return None
        joined |= each
    return frozenset(joined)


def _of_member(kind: str, what: Any) -> frozenset[str] | None:
    if kind == "LITERAL":
        return frozenset((chr(what).lower(),))
    if kind == "CATEGORY" and str(what) == "CATEGORY_DIGIT":
        return frozenset((_DIGIT,))
    if kind == "RANGE" and what[1] - what[0] < _MOST:
        return frozenset(chr(code).lower() for code in range(what[0], what[1] + 1))
    return None
