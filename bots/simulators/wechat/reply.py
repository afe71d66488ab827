"""Reads what a webhook answered to a push, and refuses what the platform would refuse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bots.simulators.wechat.account import Account
from bots.simulators.wechat.errors import ApiError
from bots.simulators.wechat.screen import Seen, draw_text
from bots.simulators.wechat.wire import Envelope, Unreadable, read_json, read_xml, sign

TEXT_BYTES = 2048
MediaAddress = Callable[..., str]  # (media_id, *kinds) -> address; ApiError if there is no such file


def read_reply(
    body: bytes, account: Account, openid: str, aes_key: str, media: MediaAddress
) -> Seen | None:
    """What the customer sees of an answer; None for `success` and for an empty body.

    `aes_key` is the key that the push was encrypted with. Unreadable names the rule that was broken.
    """
    if body in (b"", b"success"):
        return None
    reply = _parse(body, account, aes_key)
    _check_names(reply, account, openid)
    kind = _text_of(reply, "MsgType")
    if kind not in _KINDS:
        raise Unreadable(f"MsgType {kind!r} is no passive reply; expected one of {', '.join(_KINDS)}")
    try:
        seen = _KINDS[kind](reply, media)
    except ApiError as error:
        raise Unreadable(f"MsgType {kind}: {error}") from error
    return replace(seen, how="passive")


def _parse(body: bytes, account: Account, aes_key: str) -> dict[str, Any]:
    read = read_json if account.format == "json" else read_xml
    reply = read(body)
    if "Encrypt" not in reply:
        if account.mode == "safe":
            raise Unreadable("the reply is not encrypted, but the account is in safe mode")
        return reply
    if account.mode == "plain":
        raise Unreadable("the reply is encrypted, but the account is in plain mode")
    sealed, signature, timestamp, nonce = (
        _text_of(reply, name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
    )
    if sign(account.token, timestamp, nonce, sealed) != signature:
        raise Unreadable("MsgSignature does not fit token, TimeStamp, Nonce and Encrypt")
    return read(Envelope(aes_key, account.app_id).open(sealed).encode())


def _text_of(reply: Mapping[str, Any], name: str) -> str:
    value = reply.get(name, "")
    if isinstance(value, dict | list) or value == "":
        raise Unreadable(f"{name} is missing")
    return str(value)


def _check_names(reply: Mapping[str, Any], account: Account, openid: str) -> None:
    to, by = _text_of(reply, "ToUserName"), _text_of(reply, "FromUserName")
    if to != openid:
        raise Unreadable(f"ToUserName: expected the customer's openid {openid}, got {to}")
    if by != account.original_id:
        raise Unreadable(f"FromUserName: expected the account {account.original_id}, got {by}")
    if not _text_of(reply, "CreateTime").isdecimal():
        raise Unreadable("CreateTime is not a whole number of seconds")


def _part(reply: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = reply.get(name)
    if not isinstance(part, dict):
        raise Unreadable(f"{name} is missing")
    return part


def _text(reply: Mapping[str, Any], media: MediaAddress) -> Seen:
    content = _text_of(reply, "Content")
    if len(content.encode()) > TEXT_BYTES:
        raise Unreadable(f"Content has {len(content.encode())} bytes, at most {TEXT_BYTES} are allowed")
    return draw_text(content)


def _medium(element: str, kind: str) -> Callable[[Mapping[str, Any], MediaAddress], Seen]:
    def read(reply: Mapping[str, Any], media: MediaAddress) -> Seen:
        part = _part(reply, element)
        return Seen(kind, str(part.get("Title", "")), media=media(_text_of(part, "MediaId"), kind))

    return read


def _music(reply: Mapping[str, Any], media: MediaAddress) -> Seen:
    part = _part(reply, "Music")
    media(_text_of(part, "ThumbMediaId"), "thumb", "image")
    return Seen("music", str(part.get("Title", "")), data={"url": str(part.get("MusicUrl", ""))})


def _news(reply: Mapping[str, Any], media: MediaAddress) -> Seen:
    items = _part(reply, "Articles").get("item")
    articles = items if isinstance(items, list) else [items]
    if _text_of(reply, "ArticleCount") != str(len(articles)):
        raise Unreadable(f"ArticleCount is not the number of articles ({len(articles)})")
    if not isinstance(articles[0], dict):
        raise Unreadable("Articles holds no item")
    # Of several articles the app shows the first.
    return news({name.lower(): value for name, value in articles[0].items()})


def news(article: Mapping[str, Any]) -> Seen:
    """A card with a title, a description, a picture and a link, all optional but the title."""
    fields = {name: str(article.get(name) or "") for name in ("description", "url", "picurl")}
    return Seen("news", str(article.get("title") or ""), data=fields)


def _transfer(reply: Mapping[str, Any], media: MediaAddress) -> Seen:
    account = reply.get("TransInfo", {})
    who = account.get("KfAccount", "") if isinstance(account, dict) else ""
    return Seen("transfer", "已转接人工客服", by="platform", data={"kf_account": who, "note": "transfer"})


_KINDS: Mapping[str, Callable[[Mapping[str, Any], MediaAddress], Seen]] = {
    "text": _text,
    "image": _medium("Image", "image"),
    "voice": _medium("Voice", "voice"),
    "video": _medium("Video", "video"),
    "music": _music,
    "news": _news,
    "transfer_customer_service": _transfer,
}
