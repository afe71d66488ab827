"""What texts meant that come again and again: greetings, titles of buttons, the common questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

from crm_store.messages import Understanding

MOST = 2048  # texts, and as many that came once: about 4 MB
LONGEST = 100  # characters of a text that is kept
_OF_A_MOMENT = frozenset({"date", "time"})  # entities whose value depends on when it was said

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent:
    """Remembers the understandings of one model.

    A text is kept from its second time on, unless it speaks of a time: tomorrow is another day each day.
    What customers tell of themselves comes once: of that only a hash stays, and not for long.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._once: dict[int, None] = {}  # hashes of texts that came once, the oldest first
        # The oldest first; who is let go comes back soon if it is asked often.
        self._kept: dict[str, Understanding] = {}
        self._noting = Lock()

    def understand(
        self, texts: Sequence[str], ask: Callable[[Sequence[str]], list[Understanding]]
    ) -> list[Understanding]:
        """One understanding a text, in order; `ask` is asked for those that are not known, all at once."""
        known = [self._kept.get(text) for text in texts]
        new = [text for text, one in zip(texts, known, strict=True) if one is None]
        if not new:
            return [one for one in known if one is not None]
        asked = ask(new)
        with self._noting:
            for text, one in zip(new, asked, strict=True):
                self._note(text, one)
        found = iter(asked)
        return [next(found) if one is None else one for one in known]

    def _note(self, text: str, one: Understanding) -> None:
        if len(text) > LONGEST or text in self._kept:
            return
        if any(entity.entity in _OF_A_MOMENT for entity in (*one.entities, *one.system_entities)):
            return
        number = hash(text)
        if number in self._once:
            _add(self._kept, text, one, self._most)
        else:
            _add(self._once, number, None, self._most)


def _add(rows: dict[Key, Value], key: Key, value: Value, most: int) -> None:
    rows[key] = value
    if len(rows) > most:
        del rows[next(iter(rows))]
