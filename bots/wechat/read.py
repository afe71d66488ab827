"""What a push of a WeChat official account says: every message type and event as an `Incoming`."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bots.base import Rejected
from bots.wechat.events import QUIET_EVENTS, result_of_template
from bots.wechat.menu import Menu
from bots.wechat.wire import Push
from crm_store.messages import Address, Content, Incoming, Media, Receipt, Window

MESSAGE = Window("message", timedelta(hours=48), 5)
MENU = Window("menu", timedelta(minutes=1), 3)
FOLLOW = Window("follow", timedelta(minutes=1), 3)
SCAN = Window("scan", timedelta(minutes=1), 3)
KEY_LIMIT = 200  # characters

_OPENID = re.compile(r"[!-~]{1,128}")
_UNIX_TIME = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Pushed(Incoming):
    """An Incoming with the push it came in, from which its passive reply is addressed and locked."""

    push: Push | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Meaning:
    """What one push says, without who said it and when. An event is quiet unless it says otherwise."""

    content: Content
    payload: str = ""
    wants_reply: bool = False
    opens: Window | None = None
    reachable: bool | None = None
    receipt: Receipt | None = None


def read(push: Push, channel: str, menu: Menu) -> Pushed:
    """The push as an Incoming; `Rejected` (400) if it does not say who sent it or what it is."""
    openid, kind = push.text("FromUserName"), push.text("MsgType").lower()
    if not _OPENID.fullmatch(openid):
        raise Rejected("the push has no FromUserName", 400)
    if not kind:
        raise Rejected("the push has no MsgType", 400)
    meaning = _event(push) if kind == "event" else _message(push, kind, menu.read_id)
    return Pushed(
        address=Address(channel, openid),
        key=_key(push, openid),
        content=meaning.content,
        payload=meaning.payload,
        wants_reply=meaning.wants_reply,
        sent_at=_time(push.text("CreateTime")),
        opens=meaning.opens,
        reachable=meaning.reachable,
        receipt=meaning.receipt,
        push=push,
    )


def _key(push: Push, openid: str) -> str:
    """MsgId where there is one; events have none and two may share sender and second."""
    event = push.text("Event")
    key = push.text("MsgId")
    if event and push.text("MsgID"):
        key = f"{event}:{push.text('MsgID')}"
    elif event or not key:
        kind = event or push.text("MsgType")
        key = ":".join((openid, push.text("CreateTime"), kind, push.text("EventKey")))
    if len(key) > KEY_LIMIT:
        key = f"{key[: KEY_LIMIT - 65]}:{hashlib.sha256(key.encode()).hexdigest()}"
    return key


def _time(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if _UNIX_TIME.fullmatch(text) else None


def _unknown(push: Push, name: str) -> Content:
    return Content("unknown", data={"name": name, "raw": dict(push.fields)})


# Messages


def _message(push: Push, kind: str, read_id: Callable[[str, str], str]) -> Meaning:
    read_content = _MESSAGES.get(kind)
    content = read_content(push) if read_content else None
    payload = ""
    if kind == "text":
        payload = read_id(push.text("bizmsgmenuid"), push.text("FromUserName"))
    return Meaning(content or _unknown(push, kind), payload, wants_reply=True, opens=MESSAGE)


def _text(push: Push) -> Content | None:
    return Content(text=push.text("Content")) if isinstance(push.fields.get("Content"), str) else None


def _image(push: Push) -> Content | None:
    media = Media(push.text("PicUrl"), push.text("MediaId"))
    return Content("image", media=media) if media.url or media.platform_id else None


def _voice(push: Push) -> Content | None:
    audio = push.text("Format").lower()
    media = Media(platform_id=push.text("MediaId"), content_type=f"audio/{audio}" if audio else "")
    return Content("voice", push.text("Recognition"), media=media) if media.platform_id else None


def _video(push: Push) -> Content | None:
    media = Media(platform_id=push.text("MediaId"))
    thumbnail = push.text("ThumbMediaId")
    data = {"thumbnail": thumbnail} if thumbnail else {}
    return Content("video", media=media, data=data) if media.platform_id else None


def _location(push: Push) -> Content | None:
    latitude, longitude = _degrees(push.text("Location_X"), 90), _degrees(push.text("Location_Y"), 180)
    if latitude is None or longitude is None:
        return None
    label = push.text("Label")
    return Content("location", label, data={"latitude": latitude, "longitude": longitude, "label": label})


def _degrees(text: str, limit: float) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= limit else None


def _link(push: Push) -> Content | None:
    data = {"url": push.text("Url"), "title": push.text("Title"), "description": push.text("Description")}
    return Content("link", data["title"], data=data) if any(data.values()) else None


_MESSAGES: Mapping[str, Callable[[Push], Content | None]] = {
    "text": _text,
    "image": _image,
    "voice": _voice,
    "video": _video,
    "shortvideo": _video,
    "location": _location,
    "link": _link,
}

# Events


def _event(push: Push) -> Meaning:
    name = push.text("Event").lower()
    if read_event := _EVENTS.get(name):
        return read_event(push)
    if (fields := QUIET_EVENTS.get(name)) is None:
        return Meaning(_unknown(push, name))
    return Meaning(_say(name, **{key: push.text(path) for key, path in fields.items()}))


def _say(name: str, text: str = "", **data: Any) -> Content:
    filled = {key: value for key, value in data.items() if value != ""}
    return Content("event", text, data={"name": name, **filled})


def _follow(push: Push) -> Meaning:
    key = push.text("EventKey")
    content = _say(
        "follow",
        scene=key.removeprefix("qrscene_") if key.startswith("qrscene_") else "",
        trade=key.removeprefix("last_trade_no_") if key.startswith("last_trade_no_") else "",
    )
    return Meaning(content, wants_reply=True, opens=FOLLOW, reachable=True)


def _unfollow(_: Push) -> Meaning:
    return Meaning(_say("unfollow"), reachable=False)


def _scan(push: Push) -> Meaning:
    return Meaning(_say("scan", scene=push.text("EventKey")), wants_reply=True, opens=SCAN)


def _click(push: Push) -> Meaning:
    """A menu key `/intent{…}` is a payload; any other key is read as if it had been typed."""
    key = push.text("EventKey")
    payload = key if key.startswith("/") else ""
    content = _say("menu", "" if payload else key, key=key)
    return Meaning(content, payload, wants_reply=True, opens=MENU)


def _scan_code(push: Push) -> Meaning:
    """Only after `scancode_waitmsg` the customer is told to wait for a message."""
    name = push.text("Event").lower()
    scanned, kind = push.text("ScanCodeInfo.ScanResult"), push.text("ScanCodeInfo.ScanType")
    content = _say(name, key=push.text("EventKey"), result=scanned, type=kind)
    return Meaning(content, wants_reply=name == "scancode_waitmsg", opens=MENU)


def _template_result(push: Push) -> Meaning:
    status, reason = result_of_template(push.text("Status"))
    receipt = Receipt(push.text("MsgID"), status, reason)
    return Meaning(_say("template_result", status=push.text("Status")), receipt=receipt)


def _permits(push: Push) -> Meaning:
    """Permits for subscription messages; the element around the list has had several names."""
    lists = [
        value["List"] for value in push.fields.values() if isinstance(value, Mapping) and "List" in value
    ]
    items = lists[0] if lists and isinstance(lists[0], list) else lists
    permits = [dict(item) for item in items if isinstance(item, Mapping)]
    content = _say(push.text("Event").lower(), permits=permits)
    result = permits[0] if len(permits) == 1 else {}
    if not (isinstance(message := result.get("MsgID"), str) and message):
        return Meaning(content)
    delivered = result.get("ErrorCode") == "0"
    reason = (
        ""
        if delivered
        else f"WeChat could not deliver it: {result.get('ErrorStatus') or 'no reason given'}"
    )
    return Meaning(content, receipt=Receipt(message, "delivered" if delivered else "failed", reason))


_EVENTS: Mapping[str, Callable[[Push], Meaning]] = {
    "subscribe": _follow,
    "unsubscribe": _unfollow,
    "scan": _scan,
    "click": _click,
    "scancode_push": _scan_code,
    "scancode_waitmsg": _scan_code,
    "templatesendjobfinish": _template_result,
    "subscribe_msg_popup_event": _permits,
    "subscribe_msg_change_event": _permits,
    "subscribe_msg_sent_event": _permits,
}
