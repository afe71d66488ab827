"""What a campaign says: a text per language with `{variables}`, filled in for each person."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Button, Content, ParleyError

NAME = "display_name"
LONGEST = 4000
MOST_BUTTONS = 10

BAD_TEXT = "a text is a language, its words and buttons"
TOO_LONG = f"a text has at most {LONGEST} characters"
BAD_BUTTON = "a button has a title and what it says when it is pressed"
TWICE = "each language has one text"
REASONS = (BAD_TEXT, TOO_LONG, BAD_BUTTON, TWICE)

# {display_name}, or {display_name|friend} with what stands there for whom it is not known.
_VARIABLE = re.compile(r"\{([^{}|]{1,100})(?:\|([^{}]{0,200}))?\}")


class InvalidText(ParleyError):
    """A text of a campaign is wrong."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is said in one language."""

    language: str
    text: str
    buttons: tuple[Button, ...] = ()

    def variables(self) -> list[str]:
        """The names of the variables in it, each once."""
        return list(dict.fromkeys(name.strip() for name, _ in _VARIABLE.findall(self.text)))

    def missing(self, values: Mapping[str, Any]) -> list[str]:
        """Variables without a value and without words to stand in for it."""
        return [
            found[1].strip()
            for found in _VARIABLE.finditer(self.text)
            if found[2] is None and not _said(values.get(found[1].strip()))
        ]

    def shown(self) -> str:
        """The words with each variable that has none to stand in for it standing for itself."""
        return _VARIABLE.sub(
            lambda v: v[0] if v[2] is not None else f"{{{v[1]}|[{v[1].strip()}]}}", self.text
        )

    def fill(self, values: Mapping[str, Any]) -> Content:
        """The message for a person of whom these values are known."""

        def value(found: re.Match[str]) -> str:
            return _said(values.get(found[1].strip())) or found[2] or ""

        return Content(text=_VARIABLE.sub(value, self.text), buttons=self.buttons)


def read_texts(value: Any) -> list[Text]:
    """The texts of a campaign, the default one first. InvalidText with the reason in words."""
    if not isinstance(value, list):
        raise InvalidText(BAD_TEXT)
    texts = [_read(item) for item in value]
    if len({text.language for text in texts}) < len(texts):
        raise InvalidText(TWICE)
    return texts


def choose_text(texts: Sequence[Text], language: str) -> Text:
    """The text in a customer's language, else the first one."""
    wanted = language.lower().replace("_", "-")
    for text in texts:
        if wanted == text.language.lower():
            return text
    main = wanted.partition("-")[0]
    return next((t for t in texts if t.language.lower().partition("-")[0] == main), texts[0])


def variables_of(texts: Collection[Text]) -> set[str]:
    """The names of all variables in any of the texts."""
    return {name for text in texts for name in text.variables()}


def _said(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def _read(item: Any) -> Text:
    if not isinstance(item, Mapping) or not {"language", "text"} <= set(item) <= {
        "language",
        "text",
        "buttons",
    }:
        raise InvalidText(BAD_TEXT)
    language, text, buttons = item["language"], item["text"], item.get("buttons", [])
    if not (isinstance(language, str) and isinstance(text, str) and 0 < len(language) <= 20):
        raise InvalidText(BAD_TEXT)
    if len(text) > LONGEST:
        raise InvalidText(TOO_LONG)
    if not isinstance(buttons, list) or len(buttons) > MOST_BUTTONS:
        raise InvalidText(BAD_BUTTON)
    return Text(language, text, tuple(_button(button) for button in buttons))


def _button(given: Any) -> Button:
    fields = [given.get(name) if isinstance(given, Mapping) else None for name in ("title", "payload")]
    title, payload = (value.strip() if isinstance(value, str) else "" for value in fields)
    if not title or not payload or len(title) > 60 or len(payload) > 200:
        raise InvalidText(BAD_BUTTON)
    return Button(title, payload)
