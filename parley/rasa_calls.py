"""What a Rasa bot sends to have an action run, and what is said, as it wants to be told."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm_store.messages import Address, Content, ParleyError, Understanding, clean, clean_json
from nlu.rasa_server import read_parse_result

LARGEST = 16_000_000  # bytes: all events of a long conversation, and a large domain


class Declined(ParleyError):
    """The request cannot be served."""

    def __init__(self, status: int, why: str, action: str = "") -> None:
        super().__init__(why)
        self.status, self.action = status, action


@dataclass(frozen=True, slots=True)
class Asked:
    """An action that Rasa wants to have run."""

    action: str
    address: Address
    slots: Mapping[str, Any]
    heard: Understanding


def read_call(body: bytes, encoding: str = "") -> Asked:
    """The request that Rasa has sent; Declined if it is none."""
    try:
        if encoding == "deflate":
            unpacking = zlib.decompressobj()
            body = unpacking.decompress(body, LARGEST)
            if unpacking.unconsumed_tail:
                raise Declined(413, "the body is too large")
        told = clean_json(json.loads(body))
        tracker = told["tracker"]
        latest, slots = tracker.get("latest_message") or {}, tracker.get("slots") or {}
        action, address = str(told["next_action"]), Address.parse(str(told["sender_id"]))
        if not isinstance(slots, dict):
            raise TypeError  # noqa: TRY301  (as what is no mapping elsewhere)
        return Asked(action, address, slots, _heard(latest))
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as error:
        said = "expected next_action, sender_id (CHANNEL:ID) and tracker, as Rasa sends them"
        raise Declined(422, said) from error


def response_of(content: Content) -> dict[str, Any]:
    """Content as a response of an action server."""
    found: dict[str, Any] = {"text": content.text} if content.text else {}
    if content.buttons:
        found["buttons"] = [{"title": b.title, "payload": b.payload} for b in content.buttons]
    url = content.media.url if content.media else ""
    if content.kind == "image" and url:
        found["image"] = url
    elif content.kind in ("file", "video", "voice") and url:
        found["attachment"] = url
    elif content.kind != "text":
        found = {"custom": content.to_json()}
    return found


def _heard(latest: Mapping[str, Any]) -> Understanding:
    text = clean(str(latest.get("text") or ""))
    return read_parse_result(text, {"intent": {"name": None}, **latest})
