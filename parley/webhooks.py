"""Webhooks: plain ASGI functions beside the API's application, since every message comes in here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError
from starlette.types import Receive, Scope, Send

from bots.base import Channel, Rejected, Reply
from crm_store.messages import Content, Incoming, Sent, clean
from crm_store.outbox import Outgoing
from crm_store.sending import ACCEPTED, OpenRequest
from parley.delivery import Delivery
from parley.peer import Peer, read_query
from parley.pipeline import Pipeline
from parley.telling import Telling
from parley.threads import in_thread
from parley.waiting import Tries, Waiting

PREFIX = "/webhooks/"

log = structlog.get_logger()


class Webhooks:
    """`GET, POST /webhooks/{channel}`: the platforms' way in."""

    def __init__(
        self,
        channels: Sequence[Channel],
        pipeline: Pipeline,
        delivery: Delivery,
        waiting: Waiting,
        put_off: Callable[[UUID], list[Outgoing]],
        now: Callable[[], datetime],
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._pipeline = pipeline
        self._delivery = delivery
        self._waiting = waiting
        self._put_off = put_off  # says that a message's answer comes later
        self._tries = Tries(now)
        self._telling = Telling()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        channel = self._channels.get(scope["path"].removeprefix(PREFIX))
        peer, carried = Peer(receive), list[Outgoing]()
        try:
            reply, carried = await self._answer(channel, scope, peer)
        except Rejected as rejected:
            name = channel.name if channel else None
            log.info("webhook.refused", channel=name, status=rejected.status, why=str(rejected))
            reply = Reply(rejected.status, str(rejected).encode())
        except (OperationalError, TimeoutError) as error:
            why = type(error).__name__
            log.warning("webhook.held", channel=channel.name if channel else None, error=why)
            reply = await self._not_kept(channel, peer)
        except Exception:
            # One of the four edges.
            log.exception("webhook.failed", channel=channel.name if channel else None)
            reply = await self._not_kept(channel, peer)
        if not channel or not carried:
            peer.close()
            await _respond(send, reply)
            return
        with self._telling.to(carried[0].address):
            left = peer.has_left()
            peer.close()
            if left:
                await self._not_heard(channel, carried)
                return
            await _respond(send, reply)
            await self._delivery.finish_inline(carried, ACCEPTED)

    async def _answer(
        self, channel: Channel | None, scope: Scope, peer: Peer
    ) -> tuple[Reply, list[Outgoing]]:
        if channel is None:
            raise Rejected("there is no such channel", 404)
        query = read_query(scope["query_string"])
        if scope["method"] in ("GET", "HEAD"):
            return channel.challenge(query), []
        if scope["method"] != "POST":
            raise Rejected("expected GET or POST", 405)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        incoming = await channel.receive(headers, query, await peer.read_body(headers))
        if not channel.policy.inline_within or not any(one.wants_reply for one in incoming):
            await self._pipeline.record(incoming)
            return channel.answer(query, incoming, ())[0], []
        return await self._answer_inline(channel, query, incoming, peer)

    async def _answer_inline(
        self, channel: Channel, query: Mapping[str, str], incoming: Sequence[Incoming], peer: Peer
    ) -> tuple[Reply, list[Outgoing]]:
        """Wait a moment for the bot's own words, so that the platform's answer can carry them."""
        if not channel.policy.push:
            self._tries.note((incoming[-1].address, clean(incoming[-1].key)))
        until = asyncio.get_running_loop().time() + channel.policy.inline_within
        with self._waiting.open(incoming[-1]) as offer:
            recorded = await self._pipeline.record(incoming)
            again = next((one for one in recorded if one.repeat and not one.waiting), None)
            if again is not None and not offer.made:
                # It comes again though we have dealt with it: the platform did not get the answer.
                await self._telling.is_over(incoming[-1].address, until)
                return await self._carry(channel, query, incoming, again.message_id, again=True)
            await offer.wait(until - asyncio.get_running_loop().time())
            if not offer.words:
                await self._telling.is_over(incoming[-1].address, until)
                reply, rows = await self._carry(channel, query, incoming, recorded[-1].message_id)
                # Meanwhile the bot's words may have come after all.
                if rows or (not offer.words and (offer.made or channel.policy.push)):
                    return reply, rows
            if offer.words:
                reply, count = channel.answer(query, incoming, [row.content for row in offer.words])
                return reply, offer.take(count)
        return await self._let_run_out(channel, query, incoming, recorded[-1].message_id, peer)

    async def _let_run_out(
        self,
        channel: Channel,
        query: Mapping[str, str],
        incoming: Sequence[Incoming],
        message_id: UUID,
        peer: Peer,
    ) -> tuple[Reply, list[Outgoing]]:
        """Where only an answer can carry it, the platform is to come again while the bot still thinks.

        To its last try it gets the word that the answer comes with the customer's next message.
        """
        policy, key = channel.policy, (incoming[-1].address, clean(incoming[-1].key))
        if not self._tries.is_last(key, incoming[-1].sent_at, policy):
            await peer.leaves(policy.gives_up_after * 1.5 - policy.inline_within)
            return Reply(503, b"try again"), []
        rows = await in_thread(self._put_off, message_id)
        if not rows:
            return await self._carry(channel, query, incoming, message_id, again=True)
        reply, count = channel.answer(query, incoming, [row.content for row in rows])
        return reply, rows[:count]

    async def _not_kept(self, channel: Channel | None, peer: Peer) -> Reply:
        """503: the platform keeps the message and comes again.

        One that takes answers from its webhook tells the customer of an answer that makes no sense. So
        it gets none: it hangs up by itself, and comes again.
        """
        if channel and channel.policy.inline_within:
            await peer.leaves(channel.policy.gives_up_after * 1.5)
        return Reply(503, b"try again")

    async def _carry(
        self,
        channel: Channel,
        query: Mapping[str, str],
        incoming: Sequence[Incoming],
        brings: UUID,
        *,
        again: bool = False,
    ) -> tuple[Reply, list[Outgoing]]:
        """Answer with what stands in the outbox for the address, if anything does."""
        reply = channel.answer(query, incoming, ())[0]

        def carry(contents: list[Content]) -> int:
            nonlocal reply
            reply, count = channel.answer(query, incoming, contents)
            return count

        address = incoming[-1].address
        request = OpenRequest(address, channel.policy, carry, brings if again else None, brings)
        rows = await self._delivery.take_inline(request)
        self._delivery.wake(channel.name)
        return reply, rows

    async def _not_heard(self, channel: Channel, rows: list[Outgoing]) -> None:
        """The platform hung up before the answer: another way, or its next try, has to carry it."""
        log.info("answer.unheard", channel=channel.name, messages=[str(row.id) for row in rows])
        if channel.policy.push:
            await self._delivery.put_back(rows)
        else:
            sent = Sent("unknown", reason="the platform hung up before it got the answer")
            await self._delivery.finish_inline(rows, sent)


async def _respond(send: Send, reply: Reply) -> None:
    headers = [
        (b"content-type", reply.media_type.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode()),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
