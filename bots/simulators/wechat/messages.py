"""Customer-service messages: what an account writes to one customer within the allowance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bots.simulators.wechat.calls import Call, endpoint
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.platform import Platform
from bots.simulators.wechat.reply import news
from bots.simulators.wechat.screen import Seen, draw_menu, draw_text

TEXT_BYTES = 2048
TYPING_SHOWN = timedelta(seconds=15)
OK: Mapping[str, Any] = {"errcode": 0, "errmsg": "ok"}


@endpoint("/cgi-bin/message/custom/send", right="customer_service")
def send_custom(platform: Platform, call: Call) -> dict[str, Any]:
    """Write to one customer. The message is read before the allowance is touched."""
    body = call.json()
    customer = platform.get_customer(body.get("touser"))
    seen = draw_message(platform, body)
    if not customer.following:
        raise ApiError(45015)
    customer.allowance.take(platform.now())
    platform.show(customer, seen)
    return dict(OK)


@endpoint("/cgi-bin/message/custom/typing", right="customer_service")
def type_custom(platform: Platform, call: Call) -> dict[str, Any]:
    """Show the customer that somebody is typing, or stop showing it. Costs nothing of the allowance."""
    body = call.json()
    customer = platform.get_customer(body.get("touser"))
    command = body.get("command")
    if command not in ("Typing", "CancelTyping"):
        raise ApiError(45072)
    if not customer.following or not customer.allowance.buckets(platform.now()):
        raise ApiError(45015)
    customer.typing_until = platform.now() + TYPING_SHOWN if command == "Typing" else None
    platform.changes.notify()
    return dict(OK)


def draw_message(platform: Platform, body: Mapping[str, Any], how: str = "custom") -> Seen:
    """What the customer would see of a message in the API's form.

    40008 for an unknown type, 47001 for a part that is missing or of the wrong shape, 40007 for a file
    that is not there, 45002 for a text above 2048 bytes, 44004 for an empty one.
    """
    kind = body.get("msgtype")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ApiError(40008)
    part = body.get(kind)
    if not isinstance(part, dict):
        raise ApiError(47001, f"{kind} is missing")
    return replace(_KINDS[kind](platform, part), how=how)


def _string(part: Mapping[str, Any], name: str) -> str:
    value = part.get(name, "")
    if not isinstance(value, str):
        raise ApiError(47001, f"{name} is no string")
    return value


def check_text(text: str) -> str:
    """The text: 44004 if it is empty, 45002 above 2048 bytes."""
    if not text:
        raise ApiError(44004)
    if len(text.encode(errors="surrogatepass")) > TEXT_BYTES:
        raise ApiError(45002)
    return text


def _text(platform: Platform, part: Mapping[str, Any]) -> Seen:
    return draw_text(check_text(_string(part, "content")))


def _medium(*kinds: str) -> Callable[[Platform, Mapping[str, Any]], Seen]:
    def draw(platform: Platform, part: Mapping[str, Any]) -> Seen:
        medium = platform.media.get(_string(part, "media_id"), platform.now(), *kinds)
        return Seen(kinds[0], _string(part, "title"), media=f"/simulator/media/{medium.media_id}")

    return draw


def _menu(platform: Platform, part: Mapping[str, Any]) -> Seen:
    items = part.get("list")
    if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
        raise ApiError(47001, "msgmenu.list holds no items")
    for item in items:
        if not item.get("content") or not isinstance(item.get("id"), str | int):
            raise ApiError(47001, "an item of msgmenu.list needs id and content")
    check_text("".join(str(item["content"]) for item in items))
    return draw_menu(part)


def _news(platform: Platform, part: Mapping[str, Any]) -> Seen:
    articles = part.get("articles")
    if not isinstance(articles, list) or len(articles) != 1 or not isinstance(articles[0], dict):
        raise ApiError(45008 if isinstance(articles, list) and len(articles) > 1 else 47001)
    return news(articles[0])


def _music(platform: Platform, part: Mapping[str, Any]) -> Seen:
    platform.media.get(_string(part, "thumb_media_id"), platform.now(), "thumb", "image")
    return Seen("music", _string(part, "title"), data={"url": _string(part, "musicurl")})


def _miniprogram(platform: Platform, part: Mapping[str, Any]) -> Seen:
    platform.media.get(_string(part, "thumb_media_id"), platform.now(), "thumb", "image")
    data = {"appid": _string(part, "appid"), "pagepath": _string(part, "pagepath")}
    return Seen("miniprogram", _string(part, "title"), data=data)


_KINDS: Mapping[str, Callable[[Platform, Mapping[str, Any]], Seen]] = {
    "text": _text,
    "image": _medium("image"),
    "voice": _medium("voice"),
    "video": _medium("video"),
    "msgmenu": _menu,
    "news": _news,
    "music": _music,
    "miniprogrampage": _miniprogram,
}
