"""The people's side of the local Telegram: chats, what stands in them, what a person does there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from bots.simulators.clock import Clock
from bots.simulators.telegram.updates import Updates


@dataclass(slots=True)
class Chat:
    """A chat with one person, or a group (negative id), as the people in it see it."""

    id: int
    first_name: str = "Customer"
    last_name: str = ""
    username: str = ""
    language_code: str = "zh-hans"
    title: str = ""
    blocked: bool = False
    moved_to: int = 0  # the supergroup that this group has become
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_group(self) -> bool:
        """Whether it is a group."""
        return self.id < 0

    def as_chat(self) -> dict[str, Any]:
        """The API's Chat object."""
        if self.is_group:
            return {"id": self.id, "type": "supergroup", "title": self.title or "Group"}
        names = {"first_name": self.first_name, "last_name": self.last_name, "username": self.username}
        return {"id": self.id, "type": "private"} | {name: value for name, value in names.items() if value}

    def as_user(self) -> dict[str, Any]:
        """The API's User object of who writes here."""
        names = {
            name: value for name, value in self.as_chat().items() if name not in ("id", "type", "title")
        }
        names = names or {"first_name": self.first_name}
        return {"id": abs(self.id), "is_bot": False, "language_code": self.language_code} | names

    def find(self, message_id: int) -> dict[str, Any]:
        """A message that stands in the chat; LookupError if there is none of that number."""
        for message in self.messages:
            if message["message_id"] == message_id:
                return message
        raise LookupError(f"there is no message {message_id} in chat {self.id}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file somebody has sent."""

    path: str
    data: bytes
    content_type: str


@dataclass(slots=True)
class Press:
    """A button somebody has tapped; its clock turns until the bot has acknowledged it."""

    chat_id: int
    message_id: int
    data: str
    acknowledged: bool = False


class Chats:
    """All chats of the bot, and what people do in them. Each deed becomes an update for the bot."""

    def __init__(self, clock: Clock, updates: Updates, bot: dict[str, Any]) -> None:
        self._clock = clock
        self._updates = updates
        self._bot = bot
        self._message_ids = count(1)
        self._file_ids = count(1)
        self._query_ids = count(4_000_000_001)
        self._chats: dict[int, Chat] = {}
        self.files: dict[str, StoredFile] = {}
        self.presses: dict[str, Press] = {}  # by the id of the callback query

    def __iter__(self) -> Iterator[Chat]:
        return iter(self._chats.values())

    def find(self, chat_id: int) -> Chat | None:
        """A chat that the bot knows, because somebody has written there."""
        return self._chats.get(chat_id)

    def join(self, chat_id: int, **who: str) -> Chat:
        """The chat of that number, made if need be; `who` sets first_name, last_name, username, title …"""
        chat = self._chats.setdefault(chat_id, Chat(chat_id))
        for name, value in who.items():
            setattr(chat, name, value)
        return chat

    def write(self, chat_id: int, text: str, **more: Any) -> dict[str, Any]:
        """Somebody writes; returns the update. `more` goes into the message (`reply_to_message` …)."""
        return self._post(chat_id, {"text": text, "entities": entities_of(text)} | more)

    def edit(self, chat_id: int, message_id: int, text: str) -> dict[str, Any]:
        """Somebody changes a text already sent."""
        message = self.join(chat_id).find(message_id)
        message |= {"text": text, "edit_date": self._now()}
        return self._updates.add("edited_message", message)

    def send_photo(self, chat_id: int, data: bytes, caption: str = "") -> dict[str, Any]:
        """Somebody sends a picture, which arrives in two sizes."""
        large = self.store(data, "photos", "jpg", "image/jpeg")
        small = large | {"file_id": f"{large['file_id']}s", "file_size": max(1, len(data) // 10)}
        self.files[small["file_id"]] = self.files[large["file_id"]]
        sizes = [small | {"width": 90, "height": 67}, large | {"width": 1280, "height": 960}]
        return self._post(chat_id, {"photo": sizes} | ({"caption": caption} if caption else {}))

    def send_contact(self, chat_id: int, phone_number: str, own: bool = True) -> dict[str, Any]:
        """Somebody shares a telephone number, their `own` or another's."""
        chat = self.join(chat_id)
        contact: dict[str, Any] = {"phone_number": phone_number, "first_name": chat.first_name}
        return self._post(chat_id, {"contact": contact | ({"user_id": chat.id} if own else {})})

    def send_location(self, chat_id: int, latitude: float, longitude: float) -> dict[str, Any]:
        """Somebody shares a place, in degrees."""
        return self._post(chat_id, {"location": {"latitude": latitude, "longitude": longitude}})

    def press(self, chat_id: int, message_id: int, data: str) -> dict[str, Any]:
        """Somebody taps a button under a message of the bot."""
        chat = self._open(chat_id)
        query_id = str(next(self._query_ids))
        message = chat.find(message_id)
        self.presses[query_id] = Press(chat_id, message_id, data)
        query = {
            "id": query_id,
            "from": chat.as_user(),
            "message": message,
            "chat_instance": str(-chat.id),
            "data": data,
        }
        return self._updates.add("callback_query", query)

    def block(self, chat_id: int, blocked: bool = True) -> dict[str, Any]:
        """Somebody blocks the bot, or lets it in again."""
        chat = self.join(chat_id)
        chat.blocked = blocked
        before, after = ("member", "kicked") if blocked else ("kicked", "member")
        change = {
            "chat": chat.as_chat(),
            "from": chat.as_user(),
            "date": self._now(),
            "old_chat_member": self._member(before),
            "new_chat_member": self._member(after),
        }
        return self._updates.add("my_chat_member", change)

    def show(self, chat: Chat, message: dict[str, Any]) -> dict[str, Any]:
        """A message of the bot appears in a chat; returns it as the API does."""
        head = {"message_id": next(self._message_ids), "from": self._bot, "chat": chat.as_chat()}
        whole = head | {"date": self._now()} | message
        chat.messages.append(whole)
        self._updates.changed.ring()
        return whole

    def store(self, data: bytes, folder: str, suffix: str, content_type: str) -> dict[str, Any]:
        """Keep a file; returns the fields by which messages name it."""
        number = next(self._file_ids)
        file_id = f"AgACAgUAAx{number:05}"
        self.files[file_id] = StoredFile(f"{folder}/file_{number}.{suffix}", data, content_type)
        return {"file_id": file_id, "file_unique_id": f"AQAD{number:05}", "file_size": len(data)}

    def _post(self, chat_id: int, message: dict[str, Any]) -> dict[str, Any]:
        chat = self._open(chat_id)
        head = {"message_id": next(self._message_ids), "from": chat.as_user(), "chat": chat.as_chat()}
        whole = head | {"date": self._now()} | {name: value for name, value in message.items() if value}
        chat.messages.append(whole)
        return self._updates.add("message", whole)

    def _open(self, chat_id: int) -> Chat:
        chat = self.join(chat_id)
        if chat.blocked:
            raise ValueError(f"chat {chat_id} has blocked the bot: unblock it first")
        return chat

    def _member(self, status: str) -> dict[str, Any]:
        member = {"user": self._bot, "status": status}
        return member | ({"until_date": 0} if status == "kicked" else {})

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def entities_of(text: str) -> list[dict[str, Any]]:
    """Where commands and @names stand in a text, counted in UTF-16 units."""
    found, start = [], 0
    for word in text.split():
        start = text.index(word, start)
        kind = {"/": "bot_command", "@": "mention"}.get(word[0])
        if kind and len(word) > 1:
            offset, length = (len(part.encode("utf-16-le")) // 2 for part in (text[:start], word))
            found.append({"type": kind, "offset": offset, "length": length})
        start += len(word)
    return found
