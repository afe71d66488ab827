"""What a text must hold for a pattern to have any chance: most patterns need not be tried on most texts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

DIGIT = "\\d"  # stands for any of DIGITS
DIGITS = "0123456789٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९"
_MOST = 40  # alternatives: looking for more costs more than trying the pattern


def needed(pattern: str) -> frozenset[str] | None:
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
    return min(found, key=_share, default=None)


_SHARES = {DIGIT: 0.1, "": 9.0, " ": 0.6, ",": 0.3, ".": 0.2}


def _share(words: frozenset[str]) -> float:
    """Roughly the share of texts that hold one of the words: the fewer, the more they tell."""
    return sum(map(_share_of, words))


def _share_of(word: str) -> float:
    if word in _SHARES:
        return _SHARES[word]
    if not word.isascii():
        return 0.02 * 8.0 ** (1 - len(word))
    return (0.3 if word[0].isalpha() else 0.03) * 4.0 ** (1 - len(word))


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
        return frozenset((DIGIT,))
    if kind == "RANGE" and what == (48, 57):
        return frozenset((DIGIT,))
    if kind == "RANGE" and what[1] - what[0] < _MOST:
        return frozenset(chr(code).lower() for code in range(what[0], what[1] + 1))
    return None
