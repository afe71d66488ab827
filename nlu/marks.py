"""What is found in a text, written into it for the classifier: 13812345678 is just "a phone number" to it.

Finds that hold digits, and those of the project's patterns, are replaced by their kind, ⟨phone⟩: they say
nothing more and would drown the words. Words of the project's lists stay; their list is added: ⟪product⟫.
"""

from __future__ import annotations

import re

from crm_store.messages import Entity
from crm_store.wording import LONGEST, normalise
from nlu.entities import Found

_DIGIT = re.compile("[0-9０-９]")
_LONG_NUMBER = re.compile("[0-9０-９]{3}")  # shorter ones are words: 88 says goodbye
_ALWAYS = frozenset({"email", "url", "money"})
_TYPED_PAYLOAD = re.compile(r"\s*/\w+\s*\{")
_NAME = re.compile("[^a-z]+")


def mark(text: str, found: Found, normal: str | None = None) -> str:
    """The normalised text with marks for what was found in it; nothing for a button's payload.

    A payload that is typed must not do by its words what it may not do as a payload. `normal` is the text
    normalised, where the caller knows it already.
    """
    if _TYPED_PAYLOAD.match(text):
        return ""
    pieces: list[str] = []
    last = 0
    for find in sorted((*found.entities, *found.others), key=_place):
        if find.start >= last and _is_replaced(text, find):
            pieces += [text[last : find.start], f" ⟨{_plain(find.entity)}⟩ "]
            last = find.end
    hints = dict.fromkeys(f" ⟪{_plain(hint.entity)}⟫" for hint in found.hints)
    if not pieces and not hints:
        return normalise(text) if normal is None else normal
    pieces.append(text[last:])
    # The marks at the end must not be cut off by a long text.
    return normalise("".join(pieces)[:LONGEST]) + "".join(hints)


def _place(find: Entity) -> int:
    return find.start


def _is_replaced(text: str, find: Entity) -> bool:
    match find.extractor:
        case "regex":
            return True
        case "system":
            digits = _LONG_NUMBER if find.entity == "number" else _DIGIT
            return find.entity in _ALWAYS or bool(digits.search(text, find.start, find.end))
    return False


def _plain(name: str) -> str:
    return _NAME.sub("_", name.lower()).strip("_") or "thing"
