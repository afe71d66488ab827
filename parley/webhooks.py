"""Webhooks: plain ASGI functions beside the API's application, since every message comes in here."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qsl

import structlog
from starlette.types import Receive, Scope, Send

from bots.base import Channel, Rejected, Reply
from crm_store.messages import Address, Content, Incoming, Sent
from crm_store.outbox import Outgoing
from crm_store.recording import Recorded
from parley.delivery import Delivery
from parley.pipeline import Pipeline

PREFIX = "/webhooks/"
LARGEST_BODY = 256 * 1024  # bytes; the largest update of any platform is a tenth of it
BODY_SECONDS = 10.0

log = structlog.get_logger()


class Webhooks:
    """`GET, POST /webhooks/{channel}`: the platforms' way in."""

    def __init__(self, channels: Sequence[Channel], pipeline: Pipeline, delivery: Delivery) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._pipeline = pipeline
        self._delivery = delivery
        self._waiting: dict[Address, set[asyncio.Event]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        channel = self._channels.get(scope["path"].removeprefix(PREFIX))
        try:
            reply, carried = await self._answer(channel, scope, receive)
        except Rejected as rejected:
            name = channel.name if channel else None
            log.info("webhook.refused", channel=name, status=rejected.status, why=str(rejected))
            reply, carried = Reply(rejected.status, str(rejected).encode()), []
        except Exception:
            # One of the four edges. 503: the platform keeps the message and comes again.
            log.exception("webhook.failed", channel=channel.name if channel else None)
            reply, carried = Reply(503, b"try again"), []
        await _respond(send, reply)
        if carried:
            await self._delivery.finish_inline(carried, Sent("accepted"))

    def answered(self, address: Address) -> None:
        """There may be an answer for whoever waits for this address."""
        for event in self._waiting.get(address, ()):
            event.set()

    async def _answer(
        self, channel: Channel | None, scope: Scope, receive: Receive
    ) -> tuple[Reply, list[Outgoing]]:
        if channel is None:
            raise Rejected("there is no such channel", 404)
        query = _query(scope["query_string"])
        if scope["method"] in ("GET", "HEAD"):
            return channel.challenge(query), []
        if scope["method"] != "POST":
            raise Rejected("expected GET or POST", 405)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _read_body(headers, receive)
        incoming = await channel.receive(headers, query, body)
        if not channel.policy.inline_within or not any(one.wants_reply for one in incoming):
            await self._pipeline.record(incoming)
            return channel.answer(query, incoming, ())[0], []
        return await self._answer_inline(channel, query, incoming)

    async def _answer_inline(
        self, channel: Channel, query: Mapping[str, str], incoming: Sequence[Incoming]
    ) -> tuple[Reply, list[Outgoing]]:
        """Wait a moment for the bot's own words, so that the platform's answer can carry them."""
        address, ready = incoming[-1].address, asyncio.Event()
        self._waiting[address].add(ready)
        try:
            recorded = await self._pipeline.record(incoming)
            if any(not one.repeat for one in recorded):
                with suppress(TimeoutError):
                    await asyncio.wait_for(ready.wait(), channel.policy.inline_within)
        finally:
            self._waiting[address].discard(ready)
            if not self._waiting[address]:
                del self._waiting[address]
        return await self._carry(channel, query, incoming, recorded)

    async def _carry(
        self,
        channel: Channel,
        query: Mapping[str, str],
        incoming: Sequence[Incoming],
        recorded: Sequence[Recorded],
    ) -> tuple[Reply, list[Outgoing]]:
        address = incoming[-1].address
        reply = channel.answer(query, incoming, ())[0]

        def carry(contents: list[Content]) -> int:
            nonlocal reply
            reply, count = channel.answer(query, incoming, contents)
            return count

        rows = await self._delivery.take_inline(address, channel.policy, carry)
        self._delivery.wake(channel.name)
        return reply, rows


def _query(raw: bytes) -> dict[str, str]:
    return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))


async def _read_body(headers: Mapping[str, str], receive: Receive) -> bytes:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > LARGEST_BODY:
        raise Rejected("the body is too large", 413)
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    raise Rejected("the sender went away", 400)
                parts.append(event.get("body", b""))
                size += len(parts[-1])
                if size > LARGEST_BODY:
                    raise Rejected("the body is too large", 413)
                if not event.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise Rejected("the body came too slowly", 408) from None


async def _respond(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.media_type.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
