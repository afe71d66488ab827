"""What an action server wants to have said, as content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from crm_store.messages import KINDS, Button, Content, Kind, Media

Say = Callable[[str, Mapping[str, Any]], Sequence[Content]]  # a response of the domain, with values
_SHOWN = {
    "text", "buttons", "quick_replies", "elements", "image", "attachment", "custom", "response", "template",
}  # fmt: skip
_KINDS: dict[str, Kind] = {"image": "image", "video": "video", "audio": "voice", "file": "file"}


def contents_of(response: Mapping[str, Any], say: Say) -> list[Content]:
    """One response of an action server: a response of the domain by name, and what comes with it.

    A name's words give way to words of the response's own; buttons are added to them. What no channel of
    ours can draw, such as a platform's own JSON, is left out.
    """
    name = str(response.get("response") or response.get("template") or "")
    values = {key: value for key, value in response.items() if key not in _SHOWN}
    found = list(say(name, values)) if name else []
    told = response.get("text")
    text = told if isinstance(told, str) else ""
    buttons = [*_buttons(response.get("buttons")), *_buttons(response.get("quick_replies"))]
    if text or buttons:
        found = _worded(found, text, buttons)
    for element in _objects(response.get("elements")):
        found += _element(element)
    found += _media(response.get("image"), "image")
    found += _attachment(response.get("attachment"))
    custom = response.get("custom")
    if isinstance(custom, dict) and custom.get("kind") in KINDS:
        found += _custom(custom)
    return found


def _worded(found: list[Content], text: str, buttons: list[Button]) -> list[Content]:
    place = next((n for n, one in enumerate(found) if one.kind == "text"), None)
    if place is None:
        return [Content("text", text, tuple(buttons)), *found]
    one = found[place]
    found[place] = replace(one, text=text or one.text, buttons=(*one.buttons, *buttons))
    return found


def _buttons(told: Any) -> list[Button]:
    return [
        Button(str(one["title"]), str(one.get("payload") or one["title"]))
        for one in _objects(told)
        if one.get("title")
    ]


def _element(element: Mapping[str, Any]) -> list[Content]:
    words = [str(element[key]) for key in ("title", "subtitle") if element.get(key)]
    buttons = _buttons(element.get("buttons"))
    said = [Content("text", "\n".join(words), tuple(buttons))] if words or buttons else []
    return [*_media(element.get("image_url"), "image"), *said]


def _media(url: Any, kind: Kind) -> list[Content]:
    return [Content(kind, media=Media(url=url))] if isinstance(url, str) and url else []


def _attachment(told: Any) -> list[Content]:
    if not isinstance(told, dict):
        return _media(told, "file")
    payload = told.get("payload")
    payload = payload if isinstance(payload, dict) else {}
    kind = _KINDS.get(str(told.get("type")), "file")
    return _media(payload.get("src") or payload.get("url"), kind)


def _custom(custom: Mapping[str, Any]) -> list[Content]:
    try:
        return [Content.from_json(custom)]
    except (KeyError, TypeError, AttributeError):
        return []


def _objects(told: Any) -> Iterable[Mapping[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
