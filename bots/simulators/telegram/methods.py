"""The methods of the local Bot API: what a bot may ask for, and why it is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bots.simulators.telegram.chats import Chat, Chats
from bots.simulators.telegram.errors import Refusal
from bots.simulators.telegram.limits import Limits
from bots.simulators.telegram.updates import Updates
from bots.simulators.telegram.webhook import Target, Webhook

TEXT_LIMIT, CAPTION_LIMIT = 4096, 1024  # UTF-16 units
DATA_LIMIT = 64  # bytes

Parameters = Mapping[str, Any]


class Methods:
    """Each method of the API is a coroutine here, named `on_` and its name in lower case."""

    def __init__(
        self, bot: dict[str, Any], chats: Chats, updates: Updates, webhook: Webhook, limits: Limits
    ) -> None:
        self._bot = bot
        self._chats = chats
        self._updates = updates
        self._webhook = webhook
        self._limits = limits

    async def call(self, method: str, asked: Parameters) -> Any:
        """The result of a method; Refusal if it cannot be."""
        found = getattr(self, f"on_{method.lower()}", None)
        if found is None:
            raise Refusal(404, "Not Found: method not found")
        return await found(asked)

    async def on_getme(self, asked: Parameters) -> Any:
        """The bot itself."""
        return self._bot | {"can_join_groups": True, "supports_inline_queries": False}

    async def on_setwebhook(self, asked: Parameters) -> Any:
        """Have updates posted; any http address will do here."""
        url, secret = str(asked.get("url", "")), str(asked.get("secret_token", ""))
        if url and not re.match(r"https?://[^/\s]+", url):
            raise Refusal.bad("bad webhook: invalid webhook URL specified")
        if secret and not re.fullmatch(r"[\w-]{1,256}", secret, re.ASCII):
            raise Refusal.bad("secret token contains unallowed characters")
        allowed = list_of(asked.get("allowed_updates"))
        most = number(asked.get("max_connections"), 40)
        self._webhook.point_at(Target(url, secret, most, allowed))
        return True

    async def on_deletewebhook(self, asked: Parameters) -> Any:
        """Have updates kept for getUpdates again."""
        if truth(asked.get("drop_pending_updates")):
            self._updates.waiting.clear()
        self._webhook.point_at(Target())
        return True

    async def on_getwebhookinfo(self, asked: Parameters) -> Any:
        """Where updates go, and how well that works."""
        target = self._webhook.target
        info: dict[str, Any] = {
            "url": target.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.waiting),
            "max_connections": target.max_connections,
            "allowed_updates": target.allowed_updates,
        }
        for last in self._webhook.deliveries[-1:]:
            if not 200 <= last.status < 300:
                said = (
                    f"Wrong response from the webhook: {last.status}"
                    if last.status
                    else "Connection failed"
                )
                info |= {"last_error_date": int(last.at.timestamp()), "last_error_message": said}
        return info

    async def on_getupdates(self, asked: Parameters) -> Any:
        """Updates from an offset on, waiting for the first up to `timeout` seconds."""
        limit = min(max(number(asked.get("limit"), 100), 1), 100)
        seconds = min(max(number(asked.get("timeout"), 0), 0), 50)
        return await self._updates.poll(number(asked.get("offset"), 0), limit, seconds)

    async def on_sendmessage(self, asked: Parameters) -> Any:
        """A text in a chat."""
        text = str(asked.get("text") or "").strip()
        chat = self._reach(asked)
        if not text:
            raise Refusal.bad("message text is empty")
        check_entities(text, str(asked.get("parse_mode") or ""))
        if units(text) > TEXT_LIMIT:
            raise Refusal.bad("message is too long")
        return self._show(chat, {"text": text}, asked)

    async def on_sendphoto(self, asked: Parameters) -> Any:
        """A picture in a chat, by address or file id; it is not fetched from its address."""
        chat = self._reach(asked)
        photo, caption = str(asked.get("photo") or ""), str(asked.get("caption") or "")
        if not photo:
            raise Refusal.bad("there is no photo in the request")
        if units(caption) > CAPTION_LIMIT:
            raise Refusal.bad("message caption is too long")
        if not photo.startswith(("http://", "https://")) and photo not in self._chats.files:
            raise Refusal.bad("wrong file identifier/HTTP URL specified")
        sizes = [{"file_id": photo, "file_unique_id": photo[-32:], "width": 1280, "height": 960}]
        return self._show(chat, {"photo": sizes} | ({"caption": caption} if caption else {}), asked)

    async def on_sendlocation(self, asked: Parameters) -> Any:
        """A place in a chat."""
        chat = self._reach(asked)
        try:
            latitude, longitude = float(asked["latitude"]), float(asked["longitude"])
        except (KeyError, TypeError, ValueError):
            raise Refusal.bad("can't parse location") from None
        if abs(latitude) > 90 or abs(longitude) > 180:
            raise Refusal.bad("wrong latitude or longitude")
        return self._show(chat, {"location": {"latitude": latitude, "longitude": longitude}}, asked)

    async def on_sendchataction(self, asked: Parameters) -> Any:
        """The bot is seen typing."""
        self._reach(asked, counts=False)
        return True

    async def on_answercallbackquery(self, asked: Parameters) -> Any:
        """Stop the clock on a pressed button."""
        press = self._chats.presses.get(str(asked.get("callback_query_id", "")))
        if press is None:
            raise Refusal.bad("query is too old and response timeout expired or query ID is invalid")
        press.acknowledged = True
        return True

    async def on_getfile(self, asked: Parameters) -> Any:
        """Where a file lies."""
        file_id = str(asked.get("file_id", ""))
        stored = self._chats.files.get(file_id)
        if stored is None:
            raise Refusal.bad("invalid file_id")
        size = {"file_size": len(stored.data), "file_path": stored.path}
        return {"file_id": file_id, "file_unique_id": file_id[-8:]} | size

    async def on_getchat(self, asked: Parameters) -> Any:
        """A chat that the bot knows."""
        return self._find(asked).as_chat() | {"accent_color_id": 0, "max_reaction_count": 11}

    def _find(self, asked: Parameters) -> Chat:
        if asked.get("chat_id") in (None, ""):
            raise Refusal.bad("chat_id is empty")
        chat = self._chats.find(number(asked["chat_id"], 0))
        if chat is None:
            raise Refusal.bad("chat not found")
        return chat

    def _reach(self, asked: Parameters, counts: bool = True) -> Chat:
        """The chat to write to, if it can be written to now."""
        chat = self._find(asked)
        if chat.moved_to:
            raise Refusal(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=chat.moved_to,
            )
        if chat.blocked:
            who = "kicked from the group chat" if chat.is_group else "blocked by the user"
            raise Refusal(403, f"Forbidden: bot was {who}")
        if counts:
            self._limits.check(chat.id)
        return chat

    def _show(self, chat: Chat, message: dict[str, Any], asked: Parameters) -> dict[str, Any]:
        markup = asked.get("reply_markup")
        if isinstance(markup, str):
            markup = object_of(markup)
        if markup:
            check_keyboard(markup)
            message |= {"reply_markup": markup}
        return self._chats.show(chat, message)


def check_keyboard(markup: Any) -> None:
    """Refuse an inline keyboard that Telegram would refuse; other keyboards pass."""
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise Refusal.bad("object expected as reply markup")
    for key in (key for row in rows for key in row):
        if not isinstance(key, dict) or not str(key.get("text") or "").strip():
            raise Refusal.bad("inline keyboard button text must be non-empty")
        data = key.get("callback_data")
        if data is None and "url" not in key:
            raise Refusal.bad("can't parse inline keyboard button: Text buttons are unallowed")
        if data is not None and not 1 <= len(str(data).encode()) <= DATA_LIMIT:
            raise Refusal.bad("BUTTON_DATA_INVALID")


def check_entities(text: str, parse_mode: str) -> None:
    """Refuse marked-up text that does not parse; a rough check of what is most often wrong."""
    spoiled = None
    if parse_mode.lower() == "html":
        spoiled = re.search(r"<(?!/?(?:a|b|i|u|s|code|pre|em|strong|blockquote|tg-spoiler)\b)", text)
    elif parse_mode.lower() == "markdownv2":
        spoiled = re.search(r"(?<!\\)[.!#+={}|-]", text)
    if spoiled:
        offset = len(text[: spoiled.start()].encode())
        raise Refusal.bad(
            f"can't parse entities: Can't find end of the entity starting at byte offset {offset}"
        )


def units(text: str) -> int:
    """The length in UTF-16 units, as the platform counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def number(value: Any, default: int) -> int:
    """A whole number that may have come as text."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def truth(value: Any) -> bool:
    """A yes or no that may have come as text."""
    return value is True or str(value).lower() in ("true", "1")


def list_of(value: Any) -> list[str]:
    """A list that may have come as JSON text; empty for anything else."""
    found = object_of(value) if isinstance(value, str) else value
    return [str(item) for item in found] if isinstance(found, list) else []


def object_of(text: str) -> Any:
    """A parameter that is JSON inside of a form."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        raise Refusal.bad("can't parse a JSON object in the request") from None
