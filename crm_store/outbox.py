"""The outbox: all that is to be sent, whoever wrote it. Rows are queued here and sent by one function.

`sending` is committed just before a row's own request, so a kill leaves only those rows unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from crm_store.conversations import Conversation
from crm_store.db import new_id
from crm_store.history import Message
from crm_store.identities import Identity, use_window
from crm_store.messages import Address, Content, Policy, Sender, Sent, clean
from crm_store.send_rules import Facts, Send, Skip, Wait, verdict

RETRIES = 8  # about half an hour with `_pause`
LOST_AFTER = timedelta(seconds=30)  # every platform call ends within ten


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A row that may be sent now."""

    id: UUID
    seq: int
    conversation_id: UUID
    address: Address
    sender: str
    content: Content
    created_at: datetime
    attempts: int


def draft(
    conversation: Conversation,
    content: Content,
    *,
    sender: Sender,
    source: str,
    now: datetime,
    due_at: datetime | None = None,
    key: str | None = None,
    reply_to: UUID | None = None,
) -> dict[str, Any]:
    """A row for the outbox; `queue` writes it. `key` makes a second row of the same answer impossible."""
    return {
        "id": new_id(),
        "conversation_id": conversation.id,
        "customer_id": conversation.customer_id,
        "channel": conversation.channel,
        "external_id": conversation.external_id,
        "direction": "out",
        "sender": sender,
        "source": source,
        "key": key,
        "text": clean(content.text),
        "content": content.to_json(),
        "payload": "",
        "created_at": now,
        "attempts": 0,
        "status": "queued",
        "due_at": due_at or now,
        "version": conversation.version,
        "reply_to": reply_to,
    }


def queue(session: Session, rows: Sequence[dict[str, Any]]) -> dict[UUID, int]:
    """Put rows into the outbox, in their order; returns the seq of each id.

    The caller holds the lock of their conversations, so that seq is the order of the commits.
    """
    if not rows:
        return {}
    statement = insert(Message).returning(col(Message.id), col(Message.seq))
    return dict(session.execute(statement, rows).all())


def is_due(session: Session, channel: str, now: datetime) -> bool:
    """Whether any row of the channel may be sent now."""
    due = (col(Message.channel) == channel, col(Message.status) == "queued", col(Message.due_at) <= now)
    return session.exec(select(Message.id).where(*due, ~_earlier(now)).limit(1)).first() is not None


def start_sending(
    session: Session, channel: str, policy: Policy, limit: int, now: datetime
) -> tuple[list[Outgoing], int]:
    """Take due rows of a channel, at most one an address and the oldest; mark those that may go.

    Returns what to send now, and how many rows were looked at (0: nothing is due).
    """
    due = [col(Message.channel) == channel, col(Message.status) == "queued", col(Message.due_at) <= now]
    query = select(Message).where(*due, ~_earlier(now)).order_by(col(Message.seq)).limit(limit)
    rows = session.exec(query.with_for_update(skip_locked=True)).all()
    facts = _facts(session, rows, policy)
    going = [row for row in rows if _judge(session, row, facts[row.id], now)]
    session.flush()
    return [_outgoing(row) for row in going], len(rows)


def start_inline(
    session: Session,
    address: Address,
    policy: Policy,
    carry: Callable[[list[Content]], int],
    now: datetime,
) -> list[Outgoing]:
    """Take the address's queued rows for the answer to a request that is open now.

    `carry` says how many of the contents, from the first on, the answer carries; the others are due.
    """
    query = select(Message).where(
        col(Message.channel) == address.channel,
        col(Message.external_id) == address.external_id,
        col(Message.status) == "queued",
        or_(col(Message.due_at).is_(None), col(Message.sender).in_(("bot", "agent"))),
    )
    rows = session.exec(query.order_by(col(Message.seq)).with_for_update(skip_locked=True)).all()
    # The answer to a request needs neither window nor the right to push.
    facts = _facts(session, rows, Policy())
    going = [row for row in rows if _judge(session, row, facts[row.id], now)]
    carried = carry([row.said for row in going]) if going else 0
    for row in going[carried:]:
        row.status, row.sent_at = "queued", None
        row.due_at = now if policy.push else None
        row.reason = None if policy.push else "waits for the customer's next message"
    session.flush()
    return [_outgoing(row) for row in going[:carried]]


def let_go(session: Session, address: Address, now: datetime) -> None:
    """Nobody waits for the inline answer any more: what is queued for the address is due now."""
    session.execute(
        update(Message)
        .where(
            col(Message.channel) == address.channel,
            col(Message.external_id) == address.external_id,
            col(Message.status) == "queued",
            col(Message.due_at) > now,
            col(Message.sender) == "bot",
            col(Message.attempts) == 0,
        )
        .values(due_at=now)
    )


def finish(session: Session, results: Mapping[UUID, Sent], now: datetime, *, inline: bool = False) -> None:
    """Write down what became of rows that were being sent."""
    query = select(Message).where(col(Message.id).in_(results), col(Message.status) == "sending")
    touched: dict[Address, Sent] = {}
    for row in session.exec(query.order_by(col(Message.seq)).with_for_update()):
        sent = results[row.id]
        if sent.status == "queued":
            _again(row, sent, now)
        else:
            row.status, row.reason = sent.status, sent.reason or None
        row.code, row.platform_id = sent.code or None, sent.platform_id or None
        session.add(row)
        if sent.gone or (sent.status == "accepted" and not inline):
            touched[row.address] = sent
    session.flush()
    for address in sorted(
        touched, key=str
    ):  # One order everywhere: no two transactions wait for each other.
        _touch_identity(session, address, touched[address], now)


def give_up_lost(session: Session, now: datetime, *, all_of_them: bool = False) -> int:
    """Rows whose sender has died while sending become unknown; they are never sent again by themselves."""
    query = update(Message).where(col(Message.status) == "sending")
    if not all_of_them:
        query = query.where(col(Message.sent_at) < now - LOST_AFTER)
    values = {"status": "unknown", "reason": "the process stopped while it was being sent"}
    return int(session.execute(query.values(values)).rowcount)  # type: ignore[attr-defined]


def _earlier(now: datetime) -> Any:
    other = aliased(Message)
    same = (
        col(other.channel) == col(Message.channel),
        col(other.external_id) == col(Message.external_id),
    )
    unsent = or_(
        col(other.status) == "sending",
        (col(other.status) == "queued") & (col(other.due_at) <= now) & (col(other.seq) < col(Message.seq)),
    )
    return select(col(other.seq)).where(*same, unsent).exists()


def _facts(session: Session, rows: Collection[Message], policy: Policy) -> dict[UUID, Facts]:
    # FOR SHARE: a takeover commits either before we read its floor or after `sending` is committed.
    ids = {row.conversation_id for row in rows}
    query = select(Conversation).where(col(Conversation.id).in_(ids)).order_by(col(Conversation.id))
    conversations = {c.id: c for c in session.exec(query.with_for_update(read=True))} if ids else {}
    facts = {}
    for row in rows:
        conversation = conversations[row.conversation_id]
        identity = session.get_one(Identity, (row.channel, row.external_id))
        facts[row.id] = Facts(
            sender=row.sender,
            written_under=row.version,
            version=conversation.version,
            floor=conversation.floor,
            policy=policy,
            reachable=identity.reachable,
            windows=identity.windows,
        )
    return facts


def _judge(session: Session, row: Message, facts: Facts, now: datetime) -> bool:
    session.add(row)
    match verdict(facts, now):
        case Send():
            row.status, row.sent_at, row.reason = "sending", now, None
            return True
        case Wait(why):
            row.due_at, row.reason = None, why
        case Skip(why):
            row.status, row.reason = "skipped", why
    return False


def _again(row: Message, sent: Sent, now: datetime) -> None:
    row.attempts += 1
    if row.attempts > RETRIES:
        row.status, row.reason = "failed", sent.reason or "tried too often"
        return
    pause = sent.retry_after if sent.retry_after is not None else float(min(2**row.attempts, 600))
    row.status, row.due_at, row.reason = "queued", now + timedelta(seconds=pause), sent.reason or None


def _touch_identity(session: Session, address: Address, sent: Sent, now: datetime) -> None:
    identity = session.get_one(
        Identity, (address.channel, address.external_id), with_for_update=True, populate_existing=True
    )
    if sent.gone:
        identity.reachable = False
    elif identity.windows:
        identity.windows = use_window(identity.windows, now)
    session.add(identity)
    session.flush()


def _outgoing(row: Message) -> Outgoing:
    return Outgoing(
        id=row.id,
        seq=row.seq or 0,
        conversation_id=row.conversation_id,
        address=row.address,
        sender=row.sender,
        content=row.said,
        created_at=row.created_at,
        attempts=row.attempts,
    )
