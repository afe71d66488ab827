"""What console and API are given of the rest of the house, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlmodel import Session

from console.library import Library
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.faq import FaqEntry
from crm_store.faq_edits import Draft
from crm_store.history import Message
from crm_store.media import MediaFolder
from crm_store.messages import Address, Policy
from crm_store.send_rules import Rules


class Feed(Protocol):
    """Tells in which conversations something has changed: a message, its status, the floor."""

    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[frozenset[UUID]]]:
        """The ids of conversations that changed since the last time; none: too many to tell, look anew."""

    def typing(self, address: Address) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        """Each time that the person at this address is seen typing."""


class Still:
    """The feed of a house in which nothing ever happens."""

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[AsyncIterator[frozenset[UUID]]]:
        """No change."""

        async def never() -> AsyncIterator[frozenset[UUID]]:
            await asyncio.Event().wait()
            yield frozenset()

        yield never()

    @asynccontextmanager
    async def typing(self, _: Address) -> AsyncIterator[AsyncIterator[None]]:
        """Nobody."""

        async def never() -> AsyncIterator[None]:
            await asyncio.Event().wait()
            yield None

        yield never()


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that a language model has drawn from."""

    document: str
    title: str
    quote: str
    page: int = 0  # from 1; 0: the document has no pages


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a language model proposes to somebody who reads it before anything becomes of it."""

    text: str = ""
    language: str = ""
    sources: Sequence[Source] = ()
    warnings: Sequence[str] = ()  # `words.model["warn_…"]`: what speaks against it
    fault: str = ""  # `words.model["fault_…"]`: why there is nothing

    @property
    def is_doubtful(self) -> bool:
        """Whether somebody may have spoken to the model through a message or a document."""
        return bool({"link", "orders"} & set(self.warnings))


@dataclass(frozen=True, slots=True)
class Labels:
    """What a language model takes questions for: names of entries and intents by question; empty: none."""

    found: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


class Assist(Protocol):
    """A language model, where one is set up. Calls take as long as it thinks; its faults are told."""

    @property
    def uses(self) -> frozenset[str]:
        """What it may be asked for: "reply", "draft", "label"."""

    def suggest(self, conversation_id: UUID) -> Suggestion:
        """A reply to what the customer said last."""

    def draft(self, question: str, language: str = "") -> Suggestion:
        """An answer to a question, from the company's documents."""

    def label(self, questions: Sequence[str]) -> Labels:
        """What each question may be about, of all that the bot knows."""

    def is_spent(self) -> bool:
        """Whether the day's budget is used up."""


def _nothing(*_: object) -> None:
    """For calls that nobody listens to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The rest of the house. All calls are made from worker threads, and, but for one, after a commit."""

    database: Database
    now: Callable[[], datetime]
    queued: Callable[[str], None] = _nothing  # something waits in the outbox of the channel of this name
    floor_changed: Callable[[Address, str], None] = _nothing  # who may speak on this address now
    changed: Callable[[UUID], None] = _nothing  # something in this conversation, for open consoles
    # The bot has the floor again, in the same transaction; whether it had something to say.
    given_back: Callable[[Session, Conversation], bool] = lambda *_: False
    feed: Feed = field(default_factory=Still)
    policies: Mapping[str, Policy] = field(default_factory=dict)  # by channel
    rules: Rules = field(default_factory=Rules)  # what binds campaigns and follow-ups
    media: MediaFolder | None = None
    public_url: str = "http://127.0.0.1:8000"
    timezone: str = "Asia/Shanghai"  # for times where no script draws them in the reader's own
    # What the bot makes of a text now, and roughly with a draft in place of an entry (None: a new one).
    preview: Callable[[str, Draft | None, FaqEntry | None], Mapping[str, Any]] | None = None
    # The bot's rules and stories as a graph: see `parley/storybook.py`. None: there is no bot.
    stories: Callable[[], Mapping[str, Any]] | None = None
    # A conversation as a test story, run at once: see `parley/retelling.py`. None: there is no bot.
    retold: (
        Callable[
            [Sequence[Message], tuple[int, int], str, Iterable[tuple[str, str]] | None], Mapping[str, Any]
        ]
        | None
    ) = None
    intents: Callable[[], Sequence[str]] = tuple  # that an example may be taught for
    entries_changed: Callable[[], None] = _nothing  # FAQ entries, or what is to be learned
    assist: Assist | None = None
    library: Library | None = None  # the company's documents

    def may_ask(self, use: str) -> bool:
        """Whether a language model may be asked for this: see `Assist.uses`."""
        return self.assist is not None and use in self.assist.uses
