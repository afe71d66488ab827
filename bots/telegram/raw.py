"""A Telegram update before anybody has made sense of it: storable JSON, completed, or its sender alone."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from bots.base import Rejected
from crm_store.messages import clean_json

MAX_BYTES = 1_000_000  # a real update has a few thousand
MAX_DEPTH = 64  # a real one has about ten; what is stored must be written and read again
CHAT_ID = re.compile(r"-?\d{1,20}", re.ASCII)


def parse(body: bytes) -> dict[str, Any]:
    """The update as it came, storable; Rejected for what is no update: too large, broken, too deep."""
    if len(body) > MAX_BYTES:
        raise Rejected(f"expected an update of at most {MAX_BYTES} bytes, got {len(body)}", 413)
    try:
        raw = json.loads(body, parse_constant=_refuse_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Rejected("expected an update as JSON", 400) from None
    return checked(raw, deep=body.count(b"{") + body.count(b"[") > MAX_DEPTH)


def checked(raw: Any, deep: bool = True) -> dict[str, Any]:
    """An update that can be stored and read again, else Rejected; only if `deep` its depth is measured."""
    if not isinstance(raw, dict) or type(raw.get("update_id")) is not int:
        raise Rejected("expected a JSON object with an integer update_id", 400)
    if deep and _depth(raw) > MAX_DEPTH:
        raise Rejected(f"expected an update at most {MAX_DEPTH} levels deep", 400)
    storable: dict[str, Any] = clean_json(raw)
    return storable


def is_from_group(raw: Mapping[str, Any]) -> bool:
    """Whether a message was written in a group, where the bot must know its own name."""
    message = raw.get("message")
    chat = message.get("chat") if isinstance(message, dict) else None
    return isinstance(chat, dict) and chat.get("type") in ("group", "supergroup")


def completed(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The update with what the library insists on: Telegram's own sample has no `is_bot` and no `type`."""
    whole = copy.deepcopy(dict(raw))
    waiting: list[Any] = [whole]
    while waiting:
        part = waiting.pop()
        waiting += part.values() if isinstance(part, dict) else part
        waiting = [inner for inner in waiting if isinstance(inner, dict | list)]
        if isinstance(part, dict):
            _complete(part)
    return whole


def _complete(part: dict[str, Any]) -> None:
    for name in ("message", "edited_message"):
        _default(part.get(name), date=0, message_id=0)
    for name in ("from", "user"):
        _default(part.get(name), is_bot=False, first_name="")
    _default(part.get("chat"), type="supergroup" if who(part).startswith("-") else "private")


def _default(part: Any, **values: Any) -> None:
    for name, value in values.items() if isinstance(part, dict) else ():
        part.setdefault(name, value)


def who(part: Mapping[str, Any]) -> str:
    """The chat in which something happened, else the person who did it; empty if neither is told."""
    message = part.get("message")
    inner = message.get("chat") if isinstance(message, dict) else None
    for holder in (part.get("chat"), inner, part.get("from"), part.get("user")):
        found = str(holder.get("id", "")) if isinstance(holder, dict) else ""
        if CHAT_ID.fullmatch(found):
            return found
    return ""


def _depth(value: Any) -> int:
    """How deep lists and objects lie in one another, told without recursion."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner = [part for part in level if isinstance(part, dict | list)]
        level = [item for part in inner for item in (part.values() if isinstance(part, dict) else part)]
    return depth - 1


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        raise ValueError("no database can store this number")
    return number


def _refuse_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
