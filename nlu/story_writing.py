"""A test story as text: its steps in YAML, one after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/.-]*\Z")
_NO_WORD = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile("[^\t -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Page:
    """The steps of one story, line by line."""

    lines: list[str] = field(default_factory=list)
    turns: int = 0  # messages that have a step
    left_out: int = 0  # messages that are only a comment

    def step(self, key: str, value: Any) -> None:
        """An action, an intent alone, or a form."""
        self.lines.append(f"  - {key}: {written(value)}")

    def slots(self, values: Mapping[str, Any]) -> None:
        """What slots hold from here on; nothing if there are none."""
        if values:
            self.lines.append("  - slot_was_set:")
            self.lines += [f"    - {written(name)}: {written(value)}" for name, value in values.items()]

    def remark(self, text: str) -> None:
        """A comment."""
        self.lines.append(f"  # {on_one_line(text)}")

    def heard(self, text: str, intent: str) -> None:
        """A message with its words."""
        self.lines += ["  - user: |", f"      {text}", f"    intent: {written(intent)}"]


def written(value: Any) -> str:
    """A value as it stands in YAML."""
    if isinstance(value, str):
        plain = _PLAIN.match(value) and value.lower() not in _NO_WORD
        return value if plain else json.dumps(_UNPRINTABLE.sub(" ", value), ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)


def on_one_line(text: str) -> str:
    """The text on one line, letter for letter."""
    return _UNPRINTABLE.sub(" ", text).replace("\t", " ")
