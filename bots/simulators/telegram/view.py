"""What the simulator's page shows, as JSON: chats as people see them, and what went over the wire."""

from __future__ import annotations

from typing import Any

from bots.simulators.telegram.chats import Chat
from bots.simulators.telegram.platform import TelegramPlatform

LOG_LENGTH = 80


def state(platform: TelegramPlatform) -> dict[str, Any]:
    """All but what stands in the chats."""
    webhook = platform.webhook
    return {
        "now": platform.clock.now().isoformat(),
        "bot": platform.bot,
        "webhook": webhook.target.url,
        "waiting": len(platform.updates.waiting),
        "chats": [head(chat) for chat in platform.chats],
        "faults": [
            {"kind": fault.kind, "method": fault.match, "times": fault.times}
            for fault in platform.faults.waiting()
        ],
        "log": log(platform),
    }


def head(chat: Chat) -> dict[str, Any]:
    """A chat without its messages."""
    name = chat.title if chat.is_group else f"{chat.first_name} {chat.last_name}".strip()
    return {"id": chat.id, "name": name, "blocked": chat.blocked, "group": chat.is_group}


def show(platform: TelegramPlatform, chat: Chat) -> dict[str, Any]:
    """A chat with its messages; under `pressing` the buttons whose clocks still turn."""
    turning: dict[int, list[str]] = {}
    for press in platform.chats.presses.values():
        if press.chat_id == chat.id and not press.acknowledged:
            turning.setdefault(press.message_id, []).append(press.data)
    messages = [message | {"pressing": turning.get(message["message_id"], [])} for message in chat.messages]
    return head(chat) | {"messages": messages}


def log(platform: TelegramPlatform) -> list[dict[str, Any]]:
    """Deliveries to the bot and calls of the bot, newest first."""
    lines = [
        {
            "at": delivery.at.isoformat(),
            "way": "out",
            "what": f"update {delivery.update_id}",
            "note": delivery.error or (f"#{delivery.attempt}" if delivery.attempt > 1 else ""),
            "status": delivery.status,
        }
        for delivery in platform.webhook.deliveries[-LOG_LENGTH:]
    ]
    lines += [
        {
            "at": call.at.isoformat(),
            "way": "in",
            "what": call.method,
            "note": call.description or call.chat,
            "status": call.status,
        }
        for call in platform.api.calls[-LOG_LENGTH:]
        if call.method != "getUpdates" or call.status != 200
    ]
    return sorted(lines, key=lambda line: str(line["at"]), reverse=True)[:LOG_LENGTH]
