"""The words a bot says: variations of a response, their choice, and slots filled in. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from crm_store.messages import KINDS, Button, Content, Media
from nlu.reading import Node, Problems

_PLACE = re.compile(r"\{\{([^\n{}]*)\}\}|\{([^\n{}]+)\}")


@dataclass(frozen=True, slots=True)
class Variation:
    """One wording of a response."""

    text: str = ""
    buttons: tuple[Button, ...] = ()
    image: str = ""
    attachment: str = ""
    custom: Mapping[str, Any] = field(default_factory=dict)
    channel: str = ""
    conditions: tuple[tuple[str, Any], ...] = ()  # slot, value: all must hold

    def holds(self, slots: Mapping[str, Any]) -> bool:
        """True: every condition is met; texts are compared without regard to case."""
        return all(_same(slots.get(name), value) for name, value in self.conditions)

    @property
    def is_plain(self) -> bool:
        """Whether it is the same words whatever slots hold."""
        return not (self.buttons or self.image or self.attachment or self.custom or "{" in self.text)

    def contents(self, values: Mapping[str, Any]) -> list[Content]:
        """What is sent: words with their buttons first, then picture, file and custom content."""
        found: list[Content] = []
        if self.text or self.buttons:
            buttons = tuple(Button(fill(b.title, values), fill(b.payload, values)) for b in self.buttons)
            found.append(Content("text", fill(self.text, values), buttons))
        if self.image:
            found.append(Content("image", media=Media(url=fill(self.image, values))))
        if self.attachment:
            found.append(Content("file", media=Media(url=fill(self.attachment, values))))
        if self.custom.get("kind") in KINDS:
            found.append(Content.from_json(_filled(self.custom, values)))
        return found

    def to_json(self) -> dict[str, Any]:
        """The wording as a JSON object without its empty parts; `from_json` reads it back."""
        value: dict[str, Any] = {
            "text": self.text,
            "buttons": [{"title": b.title, "payload": b.payload} for b in self.buttons],
            "image": self.image,
            "attachment": self.attachment,
            "custom": dict(self.custom),
            "channel": self.channel,
            "conditions": [list(pair) for pair in self.conditions],
        }
        return {name: part for name, part in value.items() if part}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The wording that `to_json` wrote."""
        buttons = tuple(Button(b["title"], b["payload"]) for b in value.get("buttons", ()))
        conditions = tuple((str(name), wanted) for name, wanted in value.get("conditions", ()))
        return cls(**{**value, "buttons": buttons, "conditions": conditions})


def choose(
    variations: Sequence[Variation], slots: Mapping[str, Any], channel: str, random: Random
) -> Variation | None:
    """The wording to use: for this channel before for any, conditional before unconditional.

    Order: conditional for the channel, unconditional for the channel, conditional, unconditional;
    one of those that remain by chance. None where nothing fits.
    """
    fitting = [v for v in variations if v.channel in ("", channel) and v.holds(slots)]
    if not fitting:
        return None
    best = max((v.channel != "", bool(v.conditions)) for v in fitting)
    survivors = [v for v in fitting if (v.channel != "", bool(v.conditions)) == best]
    return survivors[0] if len(survivors) == 1 else random.choice(survivors)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """The text with `{name}` replaced; `{{name}}` stays `{name}`; an unknown name leaves all unfilled."""
    if "{" not in text:
        return text
    if any(place[2] and place[2] not in values for place in _PLACE.finditer(text)):
        return text

    def replace(place: re.Match[str]) -> str:
        if place[2] is None:
            return "{" + place[1] + "}"
        value = values[place[2]]
        return "" if value is None else _said(value)

    return _PLACE.sub(replace, text)


def read_responses(node: Node | None, responses: dict[str, list[Variation]], problems: Problems) -> None:
    """Add one `responses:` section; a name that comes again replaces the earlier one."""
    for name, item in problems.mapping(node, "responses").items():
        variations = problems.sequence(item, name)
        if not variations:
            problems.add(item, f"expected a list with at least one variation under {name}")
        responses[name] = [_read_variation(variation, problems) for variation in variations]


def _read_variation(item: Node, problems: Problems) -> Variation:
    if isinstance(item.value, str):
        return Variation(text=item.value)
    fields = problems.mapping(item, "a variation")
    shown = {"text", "image", "custom", "attachment", "buttons", "quick_replies", "elements"}
    if isinstance(item.value, dict) and not shown & set(fields):
        problems.add(item, "expected text, image, custom, attachment or buttons in the variation")
    custom = fields.get("custom")
    buttons = [
        *problems.sequence(fields.get("buttons"), "buttons"),
        *problems.sequence(fields.get("quick_replies"), "quick_replies"),
    ]
    attachment = fields.get("attachment")
    plain_attachment = attachment is not None and isinstance(attachment.value, str)
    conditions = problems.sequence(fields.get("condition"), "condition")
    return Variation(
        text=problems.text(fields.get("text"), "text").strip("\n"),
        buttons=tuple(_read_button(button, problems) for button in buttons),
        image=problems.text(fields.get("image"), "image"),
        attachment=problems.text(attachment, "attachment") if plain_attachment else "",
        custom={name: part.plain() for name, part in problems.mapping(custom, "custom").items()},
        channel=problems.text(fields.get("channel"), "channel"),
        conditions=tuple(_read_condition(condition, problems) for condition in conditions),
    )


def _read_button(item: Node, problems: Problems) -> Button:
    fields = problems.mapping(item, "a button")
    title = problems.text(fields.get("title"), "title")
    if not title:
        problems.add(item, "expected title: in the button")
    return Button(title, problems.text(fields.get("payload"), "payload") or title)


def _read_condition(item: Node, problems: Problems) -> tuple[str, Any]:
    fields = problems.mapping(item, "a condition")
    name = problems.text(fields.get("name"), "name")
    if problems.text(fields.get("type"), "type") != "slot" or not name or "value" not in fields:
        problems.add(item, "expected type: slot, name: and value: in the condition")
    value = fields.get("value")
    return name, None if value is None else value.plain()


def _same(have: Any, wanted: Any) -> bool:
    if isinstance(have, str) and isinstance(wanted, str):
        return have.casefold() == wanted.casefold()
    return bool(have == wanted)


def _said(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return str(value)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return fill(value, values)
    if isinstance(value, Mapping):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    return value
