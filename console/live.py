"""Live: what happens is drawn once and told to all open consoles, as server-sent events.

One task follows the feed while anybody listens. It says which conversations changed; what they look like
now is read from the database, so nothing can be told wrong, and whoever missed something looks anew.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from console import drawing, lines
from console.host import Host
from console.inbox import names_of_staff
from console.routing import admit
from console.standing import standing_of
from crm_store import customers, identities, inbox
from crm_store.conversations import Conversation
from crm_store.inbox import Entry
from crm_store.messages import Address, Policy
from crm_store.sign_ins import find_signed_in

MOST_WAITING = 200  # events; who reads no more is told to look anew
BEAT_SECONDS = 15.0
LAST_LINES = 20  # of an open conversation, in which a status may have changed
AT_ONCE = 50  # conversations that are drawn together
AGAIN_SECONDS = 2.0  # between two times that all consoles look anew

log = structlog.get_logger()
BEAT = "event: beat\ndata: \n\n"
AGAIN = "event: again\ndata: \n\n"
TYPING = "event: typing\ndata: \n\n"


@dataclass(eq=False, slots=True)
class Listener:
    """One open console."""

    secret: str
    language: str
    conversation_id: UUID | None
    events: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))

    def offer(self, event: str | None) -> None:
        """Tell it something, or (None) that it is over."""
        if self.events.full():
            while not self.events.empty():
                self.events.get_nowait()
            event = AGAIN if event is not None else None
        self.events.put_nowait(event)


class Live:
    """All open consoles of this process."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._listeners: set[Listener] = set()
        self._telling: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def answer(self, request: Request) -> Response:
        """`GET /console/live`: events until the browser goes or the session ends."""
        _, secret = await run_in_threadpool(admit, request, "inbox")
        wanted = request.query_params.get("conversation", "")
        language = request.state.visit.language
        listener = Listener(secret, language, _id(wanted))
        address = await run_in_threadpool(self._address_of, listener.conversation_id)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(
            self._events(listener, address), media_type="text/event-stream", headers=headers
        )

    def end(self, secret: str) -> None:
        """The session is over, from whatever thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end, secret)

    def _end(self, secret: str) -> None:
        for listener in self._listeners:
            if listener.secret == secret:
                listener.offer(None)

    async def _events(self, listener: Listener, address: Address | None) -> AsyncIterator[str]:
        self._join(listener)
        typing = asyncio.create_task(self._tell_typing(listener, address))
        try:
            yield "retry: 1000\nevent: here\ndata: \n\n"
            while True:
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        event = await listener.events.get()
                except TimeoutError:
                    if not await run_in_threadpool(self._still_signed_in, listener.secret):
                        return
                    event = BEAT
                if event is None:
                    return
                yield event
        finally:
            typing.cancel()
            self._leave(listener)

    def _join(self, listener: Listener) -> None:
        self._loop = asyncio.get_running_loop()
        self._listeners.add(listener)
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    def _leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._telling is not None:
            self._telling.cancel()
            self._telling = None

    async def _tell_typing(self, listener: Listener, address: Address | None) -> None:
        if address is not None:
            async with self._host.feed.typing(address) as seen:
                async for _ in seen:
                    listener.offer(TYPING)

    def _address_of(self, conversation_id: UUID | None) -> Address | None:
        with self._host.database.reading() as session:
            found = session.get(Conversation, conversation_id) if conversation_id else None
            return found.address if found else None

    def _still_signed_in(self, secret: str) -> bool:
        with_end = find_signed_in(self._host.database, secret, self._host.now(), moves_on=False)
        return with_end is not None

    async def _tell(self) -> None:
        async with self._host.feed.follow() as changes:
            async for ids in changes:
                began = time.monotonic()
                told = await self._tell_of(ids)
                # However much happens, the half of the time is left to others.
                took = min(time.monotonic() - began, 1.0)
                await asyncio.sleep(took if told else AGAIN_SECONDS)
        for listener in self._listeners:
            listener.offer(None)

    async def _tell_of(self, ids: Collection[UUID]) -> bool:
        """Tell what these look like now; False: all were told to look for themselves."""
        listeners = tuple(self._listeners)
        if not 0 < len(ids) <= AT_ONCE:
            _offer_all(listeners, AGAIN)
            return False
        languages = {listener.language for listener in listeners}
        opened = {listener.conversation_id for listener in listeners} & set(ids)
        try:
            news = await run_in_threadpool(self._draw, ids, languages, opened)
        except Exception:
            log.exception("news.undrawn")
            _offer_all(listeners, AGAIN)
            return False
        for listener in listeners:
            own = listener.conversation_id
            for conversation_id, event in news[listener.language].items():
                listener.offer(event.full if conversation_id == own else event.short)
        return True

    def _draw(
        self, ids: Collection[UUID], languages: Iterable[str], opened: Collection[UUID | None]
    ) -> dict[str, dict[UUID | None, _News]]:
        with self._host.database.reading() as session:
            found = session.exec(select(Conversation).where(col(Conversation.id).in_(ids))).all()
            counts = inbox.count(session)
            told = {"waiting": counts.waiting, "held": dict(counts.held)}
            entries = [each for each in inbox.entries(session, found) if each.conversation.heard_at]
            people = names_of_staff(session)
            last = _News(short=_event("counts", told), full=_event("counts", told))
            return {
                language: {
                    entry.conversation.id: self._news(session, entry, language, people, opened)
                    for entry in entries
                }
                | {None: last}
                for language in languages
            }

    def _news(
        self,
        session: Session,
        entry: Entry,
        language: str,
        people: Mapping[str, str],
        opened: Collection[UUID | None],
    ) -> _News:
        found = entry.conversation
        row = drawing.draw(self._host, "inbox/row.html", language, entry=entry, people=people, open_id=None)
        short: dict[str, Any] = {
            "id": str(found.id),
            "floor": found.floor,
            "agent": found.agent or "",
            "channel": found.channel,
            "heard": found.heard_at.isoformat() if found.heard_at else "",
            "row": row,
        }
        event = _event("conversation", short)
        if found.id not in opened:
            return _News(event, event)
        return _News(event, _event("conversation", short | self._inside(session, found, language, people)))

    def _inside(
        self, session: Session, found: Conversation, language: str, people: Mapping[str, str]
    ) -> dict[str, str]:
        page = lines.page_of(session, found.id, limit=LAST_LINES)
        customer = customers.get_customer(session, found.customer_id)
        policy = self._host.policies.get(found.channel, Policy())
        standing = standing_of(policy, identities.find_identity(session, found.address), self._host.now())
        page = lines.Lines(page.lines, None)
        values = {"page": page, "conversation": found, "people": people, "customer": customer}
        return {
            "lines": drawing.draw(self._host, "conversation/lines.html", language, **values),
            "standing": drawing.draw(
                self._host, "conversation/standing.html", language, standing=standing, conversation=found
            ),
        }


@dataclass(frozen=True, slots=True)
class _News:
    """What is told of a conversation: to all, and to those who have it open."""

    short: str
    full: str


def _event(name: str, data: Mapping[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def _offer_all(listeners: Iterable[Listener], event: str) -> None:
    for listener in listeners:
        listener.offer(event)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
