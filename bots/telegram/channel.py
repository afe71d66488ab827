"""Telegram: a bot account, heard by webhook or by polling, written to through the Bot API."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

import structlog
from pydantic import Field, SecretStr, field_validator, model_validator

from bots.base import Channel, ChannelSettings, Rejected, Reply
from bots.telegram.draw import MAX_BUTTONS, TEXT_LIMIT, Part, draw
from bots.telegram.http import PAUSE_SECONDS, SEND_SECONDS, ApiError, ApiRefused, BotApi, NoAnswer, outcome
from bots.telegram.poll import WANTED_UPDATES, Poller
from bots.telegram.raw import is_from_group, parse
from bots.telegram.wire import Me, read
from crm_store.messages import Address, Content, Incoming, Media, Policy, Sent, Status

log = structlog.get_logger()


class TelegramSettings(ChannelSettings):
    """The keys of a Telegram channel."""

    bot_token: SecretStr = Field(description="as BotFather gives it: 123456:ABC-DEF")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="proves that an update is Telegram's; needed for mode = webhook"
    )
    mode: Literal["webhook", "polling"] = Field("webhook", description="polling needs no public address")
    api_base_url: str = Field("https://api.telegram.org", min_length=1, description="where the Bot API is")

    @field_validator("bot_token")
    @classmethod
    def _token_fits_into_an_address(cls, token: SecretStr) -> SecretStr:
        if not re.fullmatch(r"[\w:-]+", token.get_secret_value(), re.ASCII):
            raise ValueError("expected a token as BotFather gives it: 123456:ABC-DEF")
        return token

    @model_validator(mode="after")
    def _webhook_has_a_secret(self) -> Self:
        secret = self.webhook_secret.get_secret_value()
        if self.mode == "webhook" and not secret:
            raise ValueError(
                'webhook_secret is required: without it (or mode = "polling") anybody could post'
            )
        if secret and not re.fullmatch(r"[\w-]{1,256}", secret, re.ASCII):
            raise ValueError(
                "webhook_secret: expected 1 to 256 of A-Z, a-z, 0-9, _ and -, as Telegram does"
            )
        return self


class Telegram(Channel):
    """One bot on Telegram. An address is a chat: of one person, or of a group."""

    Settings = TelegramSettings
    first_pause: ClassVar[float] = 1.0  # seconds between polls that fail, doubled each time
    longest_pause: ClassVar[float] = 30.0
    send_seconds: ClassVar[float] = SEND_SECONDS

    def __init__(self, settings: Any, host: Any) -> None:
        super().__init__(settings, host)
        self._api = BotApi(lambda: host.http, settings.api_base_url, settings.bot_token)
        self._background: set[asyncio.Task[None]] = set()

    @property
    def policy(self) -> Policy:
        """What Telegram draws, and how fast it takes messages."""
        return Policy(
            draws=frozenset({"text", "image", "buttons", "location"}),
            max_buttons=MAX_BUTTONS,
            text_limit=TEXT_LIMIT,
            per_second=30,
        )

    @property
    def polls(self) -> bool:
        """Whether updates are fetched instead of posted to us."""
        return bool(self.settings.mode == "polling")

    async def receive(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
    ) -> list[Incoming]:
        """The message of one update; Rejected without the secret that setWebhook agreed on."""
        if self.polls:
            raise Rejected("this channel polls: it has no webhook", 405)
        shown = headers.get("x-telegram-bot-api-secret-token", "")
        secret: str = self.settings.webhook_secret.get_secret_value()
        if not hmac.compare_digest(shown.encode(errors="replace"), secret.encode()):
            raise Rejected("the secret token is missing or wrong", 403)
        return await self._understand(parse(body))

    def answer(
        self, query: Mapping[str, str], incoming: Sequence[Incoming], contents: Sequence[Content]
    ) -> tuple[Reply, int]:
        """Nothing, or for a pressed button the call that stops its clock from turning.

        Whether that call succeeds is never seen, and need not be.
        """
        for message in incoming:
            if pressed := message.content.data.get("callback_query_id"):
                call = {"method": "answerCallbackQuery", "callback_query_id": pressed}
                return Reply(200, json.dumps(call).encode(), "application/json"), 0
        return Reply(), 0

    async def send(self, to: Address, content: Content) -> Sent:
        """Send a content as one or more messages; the id is that of the first.

        What arrived in part counts as failed, and the reason says so: sent again it would come twice.
        """
        if not re.fullmatch(r"-?\d{1,20}", to.external_id, re.ASCII):
            return Sent("failed", reason="expected the number of a chat", code="address")
        parts = draw(content)
        if not parts:
            return Sent("skipped", reason="there is nothing in it that Telegram could show")
        chat = int(to.external_id)
        first = await self._send_part(chat, parts[0])
        if first.status != "accepted":
            return first
        for done, part in enumerate(parts[1:], start=1):
            sent = await self._send_next(chat, part)
            if sent.status != "accepted":
                status: Status = "unknown" if sent.status == "unknown" else "failed"
                reason = f"only {done} of {len(parts)} parts were delivered: {sent.reason}"
                return Sent(status, first.platform_id, reason, sent.code, gone=sent.gone)
        return first

    async def _send_next(self, chat: int, part: Part) -> Sent:
        """Send what belongs to a message already begun: a short pause is waited for here."""
        sent = await self._send_part(chat, part)
        if sent.status == "queued" and (sent.retry_after or 0) <= PAUSE_SECONDS:
            await asyncio.sleep(sent.retry_after or 0)
            sent = await self._send_part(chat, part)
        return sent

    async def connect(self, public_url: str) -> None:
        """Tell Telegram where to post our updates, an https address; ParleyError says why it would not."""
        await self._api.call(
            "setWebhook",
            {
                "url": f"{public_url.rstrip('/')}/webhooks/{self.name}",
                "secret_token": self.settings.webhook_secret.get_secret_value(),
                "allowed_updates": WANTED_UPDATES,
            },
        )
        log.info("webhook.set", channel=self.name)

    async def fetch(self, media: Media) -> Media:
        """The same picture, voice or file, kept here and served by us; ParleyError if it cannot be had."""
        found = await self._api.call("getFile", {"file_id": media.platform_id})
        path = found.get("file_path") if isinstance(found, dict) else None
        if not isinstance(path, str):
            raise NoAnswer("Telegram named no path for the file")
        data = await self._api.download(path)
        name = media.name or path.rpartition("/")[2]
        content_type = media.content_type or "application/octet-stream"
        url = await self.host.keep(data, content_type, name)
        return replace(media, url=url, size=len(data))

    async def run(self) -> None:
        """Fetch updates and record them, until cancelled."""
        await Poller(self._api, self.name, self.first_pause, self.longest_pause).run(self._take)

    async def _take(self, updates: list[dict[str, Any]]) -> None:
        incoming = [message for raw in updates for message in await self._understand(raw)]
        if incoming:
            await self.host.record(incoming)
            self._acknowledge(incoming)

    async def _understand(self, raw: dict[str, Any]) -> list[Incoming]:
        username = await self._username() if is_from_group(raw) else ""
        incoming = read(raw, self.name, Me(self._id, username))
        if incoming is None:
            log.info("update.ignored", channel=self.name, update=raw["update_id"])
        return [incoming] if incoming else []

    @property
    def _id(self) -> int:
        """The bot's own number, which its token begins with."""
        number = self.settings.bot_token.get_secret_value().partition(":")[0]
        return int(number) if number.isdecimal() else 0

    async def _username(self) -> str:
        return await self.host.remember(f"{self.name}:{self._id}:username", self._ask_username)

    async def _ask_username(self) -> tuple[str, datetime]:
        """The bot's name without @, asked again after a day; after a minute if there was no answer."""
        try:
            me = await self._api.call("getMe", {})
        except ApiError as error:
            log.warning("username.missed", channel=self.name, reason=str(error))
            return "", self.host.now() + timedelta(minutes=1)
        name = me.get("username") if isinstance(me, dict) else None
        return str(name or ""), self.host.now() + timedelta(days=1)

    async def _send_part(self, chat: int, part: Part) -> Sent:
        method, parameters = part.call()
        try:
            result = await self._api.call(method, {"chat_id": chat} | parameters, self.send_seconds)
        except ApiRefused as error:
            sent = outcome(error)
            spoiled = error.code == 400 and not (sent.gone or error.moved_to)
            return await self._send_part(chat, part.in_words()) if part.photo and spoiled else sent
        except ApiError as error:
            return outcome(error)
        message_id = result.get("message_id", "") if isinstance(result, dict) else ""
        return Sent("accepted", str(message_id))

    def _acknowledge(self, incoming: Sequence[Incoming]) -> None:
        """Stop the clocks on pressed buttons; nobody waits for it."""
        for message in incoming:
            if pressed := message.content.data.get("callback_query_id"):
                task = asyncio.create_task(self._stop_clock(str(pressed)))
                self._background.add(task)
                task.add_done_callback(self._background.discard)

    async def _stop_clock(self, pressed: str) -> None:
        with suppress(ApiError):
            await self._api.call("answerCallbackQuery", {"callback_query_id": pressed})
