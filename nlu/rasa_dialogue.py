"""Whole dialogues led by a Rasa server, through its REST channel: what it is told, and what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from crm_store.messages import Button, Content, Kind, Media, clean_json
from nlu.rasa_wire import TIMEOUT, EngineUnavailable, Wire

MOST_STEPS = 50  # of one answer; a bot that says more than that has gone wild
# What a response's `custom` may be in our own words; see `Content`.
_OWN_KINDS = frozenset({"text", "image", "voice", "video", "file", "location", "link", "contact"})
_FILES: Mapping[str, Kind] = {"image": "image", "video": "video", "audio": "voice"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a Rasa server has said to one message: in its order, contents and names of actions of ours."""

    steps: tuple[Content | str, ...] = ()
    dropped: tuple[str, ...] = ()  # what no channel could show: "custom", "attachment"
    away: bool = False  # nothing was said: it could not be asked


class RasaDialogue:
    """Talks to a Rasa server as its REST channel. It keeps the dialogue; nothing of it is kept here."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        # Rasa knows no repeats: what it was told twice, it has heard twice.
        self._wire = Wire(url, "/webhooks/rest/webhook", timeout, repeats=False)
        self._health = Wire(url, "/webhooks/rest/", timeout, repeats=False)

    def say(self, sender: str, message: str, channel: str, metadata: Mapping[str, Any]) -> Reply:
        """What the server answers `sender`; `EngineUnavailable` if it does not, and it may have heard it.

        A message that begins with a slash is a payload: for what people type, see `payload.typed`.
        """
        told = {"sender": sender, "message": message, "input_channel": channel, "metadata": metadata}
        result = self._wire.post(clean_json(told))
        if not isinstance(result, list) or not all(isinstance(item, dict) for item in result):
            raise EngineUnavailable(f"expected a list of messages from {self._wire.where}")
        return read_reply(result)

    def check(self) -> None:
        """`EngineUnavailable` unless a Rasa server is there and its REST channel is open."""
        if self._health.get() != {"status": "ok"}:
            raise EngineUnavailable(f"expected the REST channel of a Rasa server at {self._health.where}")


def read_reply(messages: Sequence[Mapping[str, Any]]) -> Reply:
    """Messages of Rasa's REST channel as contents of ours."""
    steps: list[Content | str] = []
    dropped: list[str] = []
    for message in messages:
        for part, found in _parts(message):
            if found is None:
                dropped.append(part)
            else:
                steps.append(found)
    dropped += ["more"] * (len(steps) > MOST_STEPS)
    return Reply(tuple(steps[:MOST_STEPS]), tuple(dropped))


def _parts(message: Mapping[str, Any]) -> Iterator[tuple[str, Content | str | None]]:
    text, buttons = message.get("text"), message.get("buttons")
    if _is_said(text) or buttons:
        yield "buttons", _text(text if _is_said(text) else "", buttons)
    image = message.get("image")
    if image:
        yield "image", Content("image", media=Media(url=image)) if _is_said(image) else None
    attachment = message.get("attachment")
    if attachment:
        yield "attachment", _attachment(attachment)
    custom = message.get("custom")
    if custom:
        yield "custom", _custom(custom)


def _text(text: str, buttons: Any) -> Content | None:
    """Words and choices. A choice without a payload says its title; one with an address is a line."""
    choices: list[Button] = []
    lines = [text] if text else []
    for button in buttons if isinstance(buttons, list) else ():
        given = button if isinstance(button, dict) else {}
        title, payload, url = (given.get(name) for name in ("title", "payload", "url"))
        if not _is_said(title):
            continue
        if _is_said(url) and not _is_said(payload):
            lines.append(f"{title}: {url}")
        else:
            choices.append(Button(title, payload if _is_said(payload) else title))
    return Content("text", "\n".join(lines), tuple(choices)) if lines or choices else None


def _attachment(value: Any) -> Content | None:
    """A file by its address: the address itself, or Messenger's shape, `{"type", "payload": {"src"}}`."""
    kind: Kind = "file"
    payload: Any = value
    if isinstance(value, dict):
        kind = _FILES.get(str(value.get("type")), "file")
        payload = value.get("payload", value)
    if isinstance(payload, dict):
        payload = payload.get("src") or payload.get("url")
    return Content(kind, media=Media(url=payload)) if _is_said(payload) else None


def _custom(value: Any) -> Content | str | None:
    """`{"action": NAME}` is done; `{"kind": …}` is a content in our own words. None for all else."""
    if not isinstance(value, dict):
        return None
    action = value.get("action")
    if _is_said(action):
        return action
    if value.get("kind") not in _OWN_KINDS:
        return None
    try:
        found = Content.from_json(clean_json(value))
        found.to_json()
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return found if isinstance(found.text, str) and isinstance(found.data, dict) else None


def _is_said(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())
