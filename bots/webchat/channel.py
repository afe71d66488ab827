"""Web chat: a page of our own, standalone or framed in a shop's pages by `/widget.js`.

A visitor is anonymous: a signed token is all that names them. The wire is JSON over a WebSocket, with
long polling where sockets do not pass; `bots/webchat_*.py` hold its parts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr
from starlette.routing import BaseRoute

from bots.base import Channel, ChannelSettings, Host
from bots.webchat.http import http_routes
from bots.webchat.origin import Origins
from bots.webchat.page import ChatPage
from bots.webchat.reception import Reception
from bots.webchat.seal import Seal, new_key
from bots.webchat.socket import socket_route
from crm_store.messages import Address, Content, Policy, Sent

KEY_LASTS = timedelta(days=3650)
DRAWS = frozenset({"text", "image", "voice", "video", "file", "location", "link", "contact", "buttons"})


def _check_origin(origin: str) -> str:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise ValueError(f"expected an origin such as https://shop.example, got {origin!r}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


class WebchatSettings(ChannelSettings):
    """The keys of a `[[channels]]` table with kind = "webchat". Texts may differ by language code."""

    allowed_origins: list[Annotated[str, AfterValidator(_check_origin)]] = Field(
        [], description='other sites that may show the chat: ["https://shop.example"]'
    )
    title: str | dict[str, str] = Field("", description="the name above the chat")
    greeting: str | dict[str, str] = Field("", description="what an empty chat says first")
    suggestions: dict[str, list[str]] = Field({}, description="questions to tap, by language")
    public_url: str = Field("", description="this server as browsers reach it; else the general public_url")
    signing_key: SecretStr = Field(SecretStr(""), description="signs visitors' tokens; else one is made")
    image_max_mb: int = Field(10, ge=1, le=20, description="largest picture a visitor may send, in MiB")
    new_visitors_per_minute: int = Field(120, ge=1, description="newcomers from one address")


class Webchat(Channel):
    """One chat page and all who write on it."""

    Settings = WebchatSettings

    def __init__(self, settings: Any, host: Host) -> None:
        super().__init__(settings, host)
        self.origins = Origins(settings.public_url, settings.allowed_origins)
        self.reception = Reception(
            self.name, host, self._make_seal, new_visitors=settings.new_visitors_per_minute
        )

    @property
    def policy(self) -> Policy:
        """The page draws all we send, at any time and in any number."""
        return Policy(draws=DRAWS, max_buttons=10)

    async def send(self, to: Address, content: Content) -> Sent:
        """Accepted: the line is stored by who queued it, and whoever follows the address gets it pushed."""
        return Sent("accepted")

    def routes(self) -> list[BaseRoute]:
        """The page, the socket, the upload and the long poll."""
        page = ChatPage(self.settings, self.origins)
        limit = self.settings.image_max_mb * 1024 * 1024
        return [
            *page.routes(),
            socket_route(self.reception, self.origins),
            *http_routes(self.reception, self.origins, image_limit=limit),
        ]

    async def _make_seal(self) -> Seal:
        key = self.settings.signing_key.get_secret_value()
        if not key:
            key = await self.host.remember(f"{self.name}.signing_key", self._make_key)
        return Seal(key.encode(), self.name)

    async def _make_key(self) -> tuple[str, datetime]:
        return new_key(), self.host.now() + KEY_LASTS
