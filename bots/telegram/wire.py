"""Telegram's wire, inward: the bytes of an update as an `Incoming`. No I/O here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from telegram import CallbackQuery, Chat, ChatMemberUpdated, Message, Update

from bots.telegram.raw import CHAT_ID, completed, who
from crm_store.messages import Address, Content, Incoming, Kind, Media, Proof

TITLE_PREFIX = "t:"  # callback data of a button whose payload is too long for Telegram

_START = re.compile(r"/start(?:@\w+)?(?:\s+(?P<payload>\S+))?\s*", re.ASCII)
# What the library raises for an update whose parts are missing or of another type than promised.
_UNBUILDABLE = (TypeError, KeyError, AttributeError, ValueError, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class Me:
    """The bot itself, as far as it is known."""

    id: int
    username: str = ""


def read(raw: dict[str, Any], channel: str, me: Me) -> Incoming | None:
    """What an update means; None where nobody speaks in it, such as the state of a poll.

    An update that the library cannot build is completed and tried again, and is kind "unknown" at last:
    an error would make Telegram send it for a day.
    """
    for candidate in (raw, completed(raw)):
        try:
            update = Update.de_json(candidate, None)
            incoming = _read(update, channel, me)
        except _UNBUILDABLE:
            continue
        if incoming and _is_sound(incoming):
            kept = {"raw": raw} if incoming.content.kind == "unknown" else incoming.content.data
            return replace(incoming, content=replace(incoming.content, data=kept))
    return _unknown(raw, channel)


def _read(update: Update, channel: str, me: Me) -> Incoming | None:
    if update.message:
        incoming = _message(update.message, me)
    elif update.edited_message:
        incoming = _edited(update.edited_message)
    elif update.callback_query:
        incoming = _pressed(update.callback_query)
    elif update.my_chat_member:
        incoming = _membership(update.my_chat_member)
    else:
        return None
    address = Address(channel, incoming.address.external_id)
    return replace(incoming, address=address, key=str(update.update_id))


def _message(message: Message, me: Me) -> Incoming:
    content = _content(message)
    wants_reply = not (message.from_user and message.from_user.is_bot)
    if _is_group(message.chat):
        wants_reply = wants_reply and _speaks_to(message, me)
        content = replace(content, text=_without_mention(content.text, me))
    start = _START.fullmatch(content.text) if content.kind == "text" else None
    if start:
        payload = {"start": start["payload"]} if start["payload"] else {}
        content = Content("event", text="/start", data={"name": "follow"} | payload)
    return Incoming(
        _address(message.chat),
        key="",
        content=content,
        wants_reply=wants_reply,
        sent_at=message.date if message.date.timestamp() > 0 else None,
        profile=_profile(message),
        proofs=_proofs(message),
        reachable=True if start else None,
    )


def _content(message: Message) -> Content:
    words = message.text or message.caption or ""
    if message.text is not None:
        return Content("text", text=words)
    if message.contact:
        person = message.contact
        name = " ".join(filter(None, (person.first_name, person.last_name)))
        return Content("contact", data={"phone_number": person.phone_number, "name": name})
    if message.location:
        place: dict[str, Any] = {
            "latitude": float(message.location.latitude),
            "longitude": float(message.location.longitude),
        }
        if message.venue:
            place["label"] = ", ".join(filter(None, (message.venue.title, message.venue.address)))
        return Content("location", text=words, data=place)
    found = _media(message)
    if found is None:
        return Content("unknown", text=words)
    kind, media = found
    return Content(kind, text=(message.sticker.emoji or "") if message.sticker else words, media=media)


def _media(message: Message) -> tuple[Kind, Media] | None:
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return "image", _file(largest, "image/jpeg")
    if message.sticker:
        moving = "video/webm" if message.sticker.is_video else "application/x-tgsticker"
        still = not (message.sticker.is_video or message.sticker.is_animated)
        return "image", _file(message.sticker, "image/webp" if still else moving)
    if message.voice:
        return "voice", _file(message.voice)
    if film := message.video or message.animation or message.video_note:
        return "video", _file(film)
    if file := message.document or message.audio:
        return "file", _file(file)
    return None


def _file(part: Any, content_type: str = "") -> Media:
    return Media(
        platform_id=part.file_id,
        content_type=content_type or getattr(part, "mime_type", None) or "",
        name=getattr(part, "file_name", None) or "",
        size=part.file_size or 0,
    )


def _proofs(message: Message) -> tuple[Proof, ...]:
    """Somebody's own number, and only if the address is that person's and not a group's."""
    person, sender = message.contact, message.from_user
    if person and sender and person.user_id == sender.id == message.chat.id:
        return (Proof("phone", person.phone_number),)
    return ()


def _edited(message: Message) -> Incoming:
    content = Content("event", text=message.text or message.caption or "", data={"name": "edited"})
    at = message.edit_date or message.date
    return Incoming(
        _address(message.chat), "", content, wants_reply=False, sent_at=at, profile=_profile(message)
    )


def _pressed(query: CallbackQuery) -> Incoming:
    """A press of a button: shown by the button's title, and still to be acknowledged."""
    data = query.data
    if data is None:
        raise ValueError("a game's button has no data")
    title, short = _title_of(query, data), data.startswith(TITLE_PREFIX)
    text = title or (data.removeprefix(TITLE_PREFIX) if short else data)
    chat = query.message.chat if query.message else None
    user = query.from_user
    return Incoming(
        _address(chat) if chat else Address("", str(user.id)),
        key="",
        content=Content("text", text=text, data={"callback_query_id": query.id}),
        payload="" if short else data,
        profile=_person(user) if chat is None or not _is_group(chat) else {},
    )


def _title_of(query: CallbackQuery, data: str) -> str:
    markup = query.message.reply_markup if isinstance(query.message, Message) else None
    rows = markup.inline_keyboard if markup else ()
    return next((key.text for row in rows for key in row if key.callback_data == data), "")


def _membership(change: ChatMemberUpdated) -> Incoming:
    member = change.new_chat_member
    here = member.status not in ("kicked", "left") and getattr(member, "is_member", True)
    content = Content("event", data={"name": "returned" if here else "unfollow"})
    profile = {} if _is_group(change.chat) else _person(change.from_user)
    return Incoming(
        _address(change.chat),
        key="",
        content=content,
        wants_reply=False,
        sent_at=change.date,
        profile=profile,
        reachable=here,
    )


def _is_group(chat: Chat) -> bool:
    return chat.type in ("group", "supergroup")


def _speaks_to(message: Message, me: Me) -> bool:
    """Whether a message in a group is meant for the bot: an answer to it, or its name is in it."""
    answered = message.reply_to_message
    if answered and answered.from_user and answered.from_user.id == me.id:
        return True
    name = f"@{me.username}".casefold()
    for entity, words in (message.parse_entities() | message.parse_caption_entities()).items():
        if entity.type == "text_mention" and entity.user and entity.user.id == me.id:
            return True
        called = words[words.find("@") :] if entity.type in ("mention", "bot_command") else ""
        if me.username and called.casefold() == name:
            return True
    return False


def _without_mention(text: str, me: Me) -> str:
    if not me.username:
        return text
    mention = re.compile(rf"(?<!\w)@{re.escape(me.username)}(?!\w)", re.IGNORECASE)
    return mention.sub("", text).strip().lstrip(",，:： ") if mention.search(text) else text


def _address(chat: Chat) -> Address:
    return Address("", str(chat.id))


def _profile(message: Message) -> dict[str, str]:
    if _is_group(message.chat):
        return {"display_name": message.chat.title} if message.chat.title else {}
    return _person(message.from_user) if message.from_user else {}


def _person(user: Any) -> dict[str, str]:
    known = {"display_name": user.full_name, "language": user.language_code, "username": user.username}
    return {name: value for name, value in known.items() if value}


def _is_sound(incoming: Incoming) -> bool:
    """Whether everything is of the type it should be: the library takes what it is given."""
    content, media = incoming.content, incoming.content.media
    words: list[object] = [content.text, incoming.payload, *incoming.profile.values()]
    words += [proof.value for proof in incoming.proofs]
    words += [value for value in content.data.values() if not isinstance(value, float)]
    words += [media.platform_id, media.content_type, media.name] if media else []
    return (
        all(isinstance(word, str) for word in words)
        and (media is None or isinstance(media.size, int))
        and CHAT_ID.fullmatch(incoming.address.external_id) is not None
    )


def _unknown(raw: Mapping[str, Any], channel: str) -> Incoming | None:
    for name, part in raw.items():
        if isinstance(part, dict) and (external_id := who(part)):
            return Incoming(
                Address(channel, external_id),
                key=str(raw["update_id"]),
                content=Content("unknown", data={"raw": raw}),
                wants_reply=name == "message" and not external_id.startswith("-"),
            )
    return None
