"""The terminal: `parley chat`. One person, who may also type `/intent{…}`, since it is their own bot."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from bots.base import Channel
from crm_store.messages import Address, Content, Incoming, Policy, Sent

VISITOR = "me"


class Terminal(Channel):
    """Reads lines that are handed to `say`, and hands what is sent to whoever reads `heard`."""

    def __init__(self, settings: Any, host: Any) -> None:
        super().__init__(settings, host)
        self.heard: asyncio.Queue[Content] = asyncio.Queue()

    @property
    def policy(self) -> Policy:
        """Text, and buttons as numbered lines."""
        return Policy(draws=frozenset({"text", "buttons"}), max_buttons=20)

    @property
    def visitor(self) -> Address:
        """Where the one person in front of the terminal is reached."""
        return self.address(VISITOR)

    async def say(self, text: str, payload: str = "") -> None:
        """Record a line; a line that starts with a slash is a payload."""
        payload = payload or (text if text.startswith("/") else "")
        await self.host.record([Incoming(self.visitor, uuid4().hex, Content(text=text), payload)])

    async def send(self, to: Address, content: Content) -> Sent:
        """Show it."""
        self.heard.put_nowait(content)
        return Sent("accepted")


def drawn(content: Content) -> str:
    """A content as lines of a terminal."""
    lines = [content.text] if content.text else []
    if content.media:
        lines.append(f"[{content.kind}] {content.media.url}")
    lines += [f"  {place}. {button.title}" for place, button in enumerate(content.buttons, 1)]
    return "\n".join(lines)
