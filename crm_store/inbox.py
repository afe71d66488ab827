"""The inbox: conversations in which the customer has written, the last heard first, as a list shows them.

One index (channel, floor, heard_at) serves every view of it: each channel and floor is read in its own
order, a page of each, and the pages are merged. So no view reads more than it shows, of however many rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Text, and_, func, literal_column, or_, true, union_all
from sqlalchemy import select as select_rows
from sqlmodel import Session, col, select

from crm_store.channels import ChannelRow
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.history import Message
from crm_store.messages import FLOORS

ATTENDED = ("waiting", "agent")  # floors under which somebody has to read what comes in
Place = tuple[datetime, UUID]  # where a page ended: heard_at and id of its last conversation


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the list."""

    conversation: Conversation
    name: str  # the customer's; may be empty
    last: Message | None  # the last words of either side, campaigns left out
    unread: int  # of the customer's messages that no staff has seen; 0 while the bot answers


@dataclass(frozen=True, slots=True)
class Counts:
    """How many conversations wait for a person, and how many each agent has."""

    waiting: int
    held: Mapping[str, int]  # by the agent's short name


def list_inbox(
    session: Session,
    *,
    floors: Collection[str] = FLOORS,
    channel: str = "",
    agent: str = "",
    before: Place | None = None,
    limit: int = 50,
) -> list[Conversation]:
    """Conversations, the last heard first, heard before `before`; with an agent only those they have."""
    if agent:
        mine = _page(_behind(before), _HELD, col(Conversation.agent) == agent, limit=limit)
        ids = [row.id for row in session.execute(mine)]
    else:
        channels = [channel] if channel else session.exec(select(ChannelRow.name)).all()
        pages = [
            _page(
                _behind(before),
                col(Conversation.heard_at).is_not(None),
                col(Conversation.channel) == name,
                col(Conversation.floor) == floor,
                limit=limit,
            )
            for name in channels
            for floor in floors
        ]
        ids = _merged(session, pages, limit)
    query = select(Conversation).where(col(Conversation.id).in_(ids))
    return sorted(session.exec(query), key=lambda found: ids.index(found.id))


def count(session: Session) -> Counts:
    """How many conversations wait for a person, and how many each agent has."""
    waiting = select(func.count()).where(
        col(Conversation.floor) == "waiting", col(Conversation.heard_at).is_not(None)
    )
    held = (
        select(Conversation.agent, func.count())
        .where(_HELD, col(Conversation.heard_at).is_not(None))
        .group_by(col(Conversation.agent))
    )
    return Counts(session.exec(waiting).one(), Counter({str(name): n for name, n in session.exec(held)}))


def entries(session: Session, conversations: Sequence[Conversation]) -> list[Entry]:
    """What a list shows of these conversations; three queries for any number of them."""
    ids = [found.id for found in conversations]
    people = select(Customer.id, Customer.display_name).where(
        col(Customer.id).in_({found.customer_id for found in conversations})
    )
    names = dict(session.exec(people).all())
    newest = (
        select(Message.seq)
        .where(col(Message.conversation_id) == col(Conversation.id))
        # What everybody was sent tells nothing of this conversation.
        .where(col(Message.sender) != "campaign")
        # Of somebody who waits it tells what they want, not that the bot has told them to wait.
        .where(or_(col(Conversation.floor) != "waiting", col(Message.direction) == "in"))
        .order_by(col(Message.seq).desc())
        .limit(1)
        .correlate(Conversation)
        .scalar_subquery()
    )
    lasts = select(Message).where(
        col(Message.seq).in_(select(newest).select_from(Conversation).where(col(Conversation.id).in_(ids)))
    )
    last = {found.conversation_id: found for found in session.exec(lasts)}
    unread = _unread(session, [found.id for found in conversations if found.floor in ATTENDED])
    return [
        Entry(found, names.get(found.customer_id, ""), last.get(found.id), unread.get(found.id, 0))
        for found in conversations
    ]


# A partial index is only used where the query says its condition literally, not with a parameter.
_HELD = col(Conversation.floor) == literal_column("'agent'", Text)


def _behind(before: Place | None) -> ColumnElement[bool]:
    if before is None:
        return true()
    heard_at, conversation_id = before
    return or_(
        col(Conversation.heard_at) < heard_at,
        and_(col(Conversation.heard_at) == heard_at, col(Conversation.id) < conversation_id),
    )


def _page(*where: ColumnElement[bool], limit: int) -> Select[UUID, datetime | None]:
    order = (col(Conversation.heard_at).desc(), col(Conversation.id).desc())
    columns = (col(Conversation.id), col(Conversation.heard_at))
    return select_rows(*columns).where(*where).order_by(*order).limit(limit)


def _merged(session: Session, pages: Sequence[Select[UUID, datetime | None]], limit: int) -> list[UUID]:
    if not pages:
        return []
    rows = union_all(*(select_rows(page.subquery()) for page in pages)).subquery()
    query = select_rows(rows.c.id).order_by(rows.c.heard_at.desc(), rows.c.id.desc()).limit(limit)
    return list(session.scalars(query))


def _unread(session: Session, ids: Sequence[UUID]) -> dict[UUID, int]:
    if not ids:
        return {}
    query = (
        select(Message.conversation_id, func.count())
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(
            col(Message.conversation_id).in_(ids),
            col(Message.seq) > col(Conversation.read_seq),
            col(Message.direction) == "in",
        )
        .group_by(col(Message.conversation_id))
    )
    return dict(session.exec(query).all())
