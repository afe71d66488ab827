"""Standings: all that is known of an address in the moment in which something comes in from it.

Read with two statements for any number of addresses, since every message needs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, exists
from sqlalchemy import select as select_rows
from sqlmodel import Session, SQLModel

from crm_store.conversations import Conversation, Held, ask_to_hold
from crm_store.db import as_list, listing
from crm_store.dialogues import DialogueRow
from crm_store.followups import is_awaited
from crm_store.history import Message, goes_first, is_waiting
from crm_store.identities import Identity
from crm_store.messages import Address
from crm_store.statements import Statement
from crm_store.streams import Answer

TOUCHED = ("windows", "reachable", "profile")  # of an identity: what a message may change
PERSONAL = ("customer_id", *TOUCHED)

_PEOPLE, _CONVERSATIONS, _DIALOGUES, _MESSAGES = (
    SQLModel.metadata.tables[str(table.__tablename__)]
    for table in (Identity, Conversation, DialogueRow, Message)
)


@dataclass(slots=True)
class Standing:
    """How one address is found. The caller holds its lock, and that of its conversation's row."""

    person: dict[str, Any]  # of its identity: what `PERSONAL` names
    held: Held | None = None  # the open conversation
    state: Mapping[str, Any] | None = None  # where its dialogue stands
    is_behind: bool = False  # something in it waits for its turn already
    is_blocked: bool = False  # something is to be sent to the address before anything new
    is_awaited: bool = False  # something is planned for the case that the customer does not write


def _looking(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_PEOPLE.c.channel, _PEOPLE.c.external_id))
    talk, said = _CONVERSATIONS.c, _MESSAGES.c
    here = (said.channel == _PEOPLE.c.channel) & (said.external_id == _PEOPLE.c.external_id)
    is_open = (talk.channel == _PEOPLE.c.channel) & (talk.external_id == _PEOPLE.c.external_id)
    return (
        select_rows(
            _PEOPLE.c.channel,
            _PEOPLE.c.external_id,
            *(_PEOPLE.c[name] for name in PERSONAL),
            _DIALOGUES.c.state,
            exists().where((said.conversation_id == talk.id) & is_waiting()),
            exists().where(here & goes_first()),
            is_awaited(_PEOPLE.c.customer_id),
        )
        .select_from(_PEOPLE)
        .join(wanted, same)
        .outerjoin(_CONVERSATIONS, is_open & talk.closed_at.is_(None))
        .outerjoin(_DIALOGUES, _DIALOGUES.c.conversation_id == talk.id)
    )


_LOOK = Statement(_looking)


def ask_for_standings(session: Session, addresses: Collection[Address]) -> Answer[dict[Address, Standing]]:
    """The standing of each address that we have met; the rows of open conversations are locked."""
    if not addresses:
        return dict
    # Locked first: what is read after it is what the last one who held it has left.
    held = ask_to_hold(session, addresses)
    rows = _LOOK.ask(session, rows=as_list([(one.channel, one.external_id) for one in addresses]))
    return lambda: _standings(held(), rows())


def _standings(held: Mapping[Address, Held], rows: Iterable[tuple[Any, ...]]) -> dict[Address, Standing]:
    found = {}
    for channel, external_id, *rest in rows:
        address, mine = Address(channel, external_id), len(PERSONAL)
        person = dict(zip(PERSONAL, rest[:mine], strict=True))
        found[address] = Standing(person, held.get(address), *rest[mine:])
    return found
