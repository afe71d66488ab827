"""What a round of work has led to: turns that were had, what they say, and who is let go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_store import outbox
from crm_store.conversations import Held
from crm_store.history import Inbound, Seqs
from crm_store.messages import Address
from crm_store.outbox import Outgoing
from parley.remote import Asking
from parley.turns import Acted
from parley.waiting import Key


@dataclass(slots=True)
class Worked:
    """What a round of work led to."""

    more: set[UUID] = field(default_factory=set)  # still leased, and more is waiting
    done: set[UUID] = field(default_factory=set)  # conversations that were let go
    queued: set[str] = field(default_factory=set)  # channels on which something is due
    # For messages whose request is open: what answers them. These rows are being sent already.
    offered: dict[Key, list[Outgoing]] = field(default_factory=dict)
    elsewhere: set[Key] = field(default_factory=set)  # worked off; another process may hold their request
    asking: dict[UUID, Asking] = field(default_factory=dict)  # an action server has to be asked first
    turns: int = 0  # so many messages have had theirs

    def add(self, other: Worked) -> None:
        """What another round led to, too."""
        self.more |= other.more
        self.done |= other.done
        self.queued |= other.queued
        self.offered |= other.offered
        self.elsewhere |= other.elsewhere
        self.asking |= other.asking
        self.turns += other.turns


@dataclass(slots=True)
class Turns:
    """What messages have led to, in their order, before it is written."""

    acted: list[tuple[Inbound, Acted]] = field(default_factory=list)
    offered: dict[Key, list[Outgoing]] = field(default_factory=dict)  # for requests that are open
    straight: set[UUID] = field(default_factory=set)  # messages whose open request carries the answer

    @property
    def messages(self) -> list[Inbound]:
        """Those that have had their turn."""
        return [message for message, _ in self.acted]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All that was said."""
        return [row for _, acted in self.acted for row in acted.rows]


def start(turns: Turns, inline: Collection[Key], blocked: Collection[Address], now: datetime) -> None:
    """Open requests carry what was said, unless something is in the way: it is being sent already."""
    for message, acted in turns.acted:
        key = message.address, message.key
        if key not in inline:
            continue
        turns.offered[key] = []
        if message.address not in blocked:
            turns.straight.add(message.id)
            for row in acted.rows:
                outbox.start_with(row, now)


def numbered(turns: Turns, seqs: Seqs) -> Worked:
    """What turns have said gets its numbers, and is handed to those who are to send it."""
    worked = Worked(offered=turns.offered, turns=len(turns.acted))
    for message, acted in turns.acted:
        for row in acted.rows:
            row["seq"] = seqs.take()
            outgoing = outbox.outgoing_of(row, row["seq"])
            if message.id in turns.straight:
                worked.offered[message.address, message.key].append(outgoing)
            else:
                worked.queued.add(outgoing.address.channel)
    return worked


def let_go(worked: Worked, mine: Mapping[UUID, Held], waiting: Iterable[UUID]) -> None:
    """Drop the leases of conversations in which nothing waits; their rows are locked by us."""
    worked.more = set(waiting)
    for held in mine.values():
        if held.id not in worked.more:
            held.leased_by = held.leased_until = None
    worked.done = set(mine) - worked.more
