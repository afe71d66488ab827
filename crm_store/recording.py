"""Recording: what came in is written down once, whoever sends it again. Many messages, one transaction.

Each address is locked first, then its conversation's row: so within a conversation `seq` is the order
of the commits, and a repeat in another process sees the first one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from crm_store.conversations import LEASE, Conversation, lock_conversations
from crm_store.customers import Customer
from crm_store.db import listed, new_id
from crm_store.followups import cancel_awaiting
from crm_store.history import Message
from crm_store.identities import Identity, lock_identities, open_window
from crm_store.messages import Address, Incoming, clean


@dataclass(frozen=True, slots=True)
class Recorded:
    """One incoming message after its commit."""

    incoming: Incoming
    conversation_id: UUID
    message_id: UUID
    seq: int
    repeat: bool
    waiting: bool  # for its turn; a repeat of what has had its turn does not
    leased: bool  # the conversation is now ours to work


def record(
    session: Session, batch: Sequence[Incoming], worker: str, now: datetime
) -> list[Recorded | None]:
    """Write down a batch in its order; `worker` gets the lease of every conversation that is free.

    None stands for what is no message of its own: a delivery receipt.
    """
    messages = [incoming for incoming in batch if incoming.receipt is None]
    identities = _known_identities(session, messages, now)
    known = _known_keys(session, messages)
    new = [i for i in messages if (i.address, clean(i.key)) not in known]
    open_ones = _open_conversations(session, {i.address: identities[i.address] for i in new}, now)
    leased = {c.id for c in open_ones.values() if _lease(c, worker, now)}
    fresh: dict[tuple[Address, str], dict[str, Any]] = {}
    for incoming in new:
        row = _row(incoming, open_ones[incoming.address], now)
        fresh.setdefault((incoming.address, row["key"]), row)
    rows = list(fresh.values())
    seqs = _insert(session, rows)
    _touch_identities(session, identities, new, now)
    _touch_conversations(session, open_ones, rows, leased, worker, now)
    written = {row["customer_id"] for row in rows if row["work"]}
    if written:
        cancel_awaiting(session, written, now)
    _note_receipts(session, batch)
    return _results(batch, known, fresh, seqs, leased)


def _lease(conversation: Conversation, worker: str, now: datetime) -> bool:
    until = conversation.leased_until
    return conversation.leased_by in (None, worker) or until is None or until < now


def _known_identities(
    session: Session, messages: Sequence[Incoming], now: datetime
) -> dict[Address, Identity]:
    first = {incoming.address: incoming for incoming in reversed(messages)}
    if not first:
        return {}
    found = lock_identities(session, first.keys())
    missing = [address for address in first if address not in found]
    if not missing:
        return found
    # Nobody else meets them in this moment: their addresses are locked.
    customers = {address: _customer(first[address], now) for address in missing}
    session.execute(insert(Customer), list(customers.values()))
    new = [_identity(first[address], customers[address]["id"], now) for address in missing]
    session.execute(insert(Identity), new)
    return found | lock_identities(session, missing)


def _customer(incoming: Incoming, now: datetime) -> dict[str, Any]:
    profile = incoming.profile
    return {
        "id": new_id(),
        "display_name": clean(profile.get("display_name", ""))[:200],
        "language": clean(profile.get("language", ""))[:20],
        "created_at": now,
        "updated_at": now,
    }


def _identity(incoming: Incoming, customer_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "channel": incoming.address.channel,
        "external_id": incoming.address.external_id,
        "customer_id": customer_id,
        "reachable": True,
        "profile": dict(incoming.profile),
        "windows": {},
        "created_at": now,
    }


def _known_keys(session: Session, messages: Sequence[Incoming]) -> dict[tuple[Address, str], Message]:
    if not messages:
        return {}
    triples = [(i.address.channel, i.address.external_id, clean(i.key)) for i in messages]
    columns = (col(Message.channel), col(Message.external_id), col(Message.key))
    wanted, same = listed(session, columns, triples)
    query = select(Message).join(wanted, same)
    return {(found.address, found.key or ""): found for found in session.exec(query)}


def _open_conversations(
    session: Session, identities: Mapping[Address, Identity], now: datetime
) -> dict[Address, Conversation]:
    if not identities:
        return {}
    columns = (col(Conversation.channel), col(Conversation.external_id))
    wanted, same = listed(
        session, columns, [(address.channel, address.external_id) for address in identities]
    )
    query = select(Conversation.id).join(wanted, same).where(col(Conversation.closed_at).is_(None))
    locked = lock_conversations(session, session.exec(query).all())
    # One that was closed between the two queries is not open any more.
    found = {c.address: c for c in locked.values() if c.closed_at is None}
    missing = sorted((a for a in identities if a not in found), key=str)
    if missing:
        new = [_conversation(address, identities[address].customer_id, now) for address in missing]
        session.execute(insert(Conversation), new)
        found |= {c.address: c for c in lock_conversations(session, [row["id"] for row in new]).values()}
    return found


def _conversation(address: Address, customer_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "channel": address.channel,
        "external_id": address.external_id,
        "customer_id": customer_id,
        "floor": "bot",
        "version": 1,
        "created_at": now,
        "last_message_at": now,
    }


def _row(incoming: Incoming, conversation: Conversation, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": conversation.id,
        "customer_id": conversation.customer_id,
        "channel": incoming.address.channel,
        "external_id": incoming.address.external_id,
        "direction": "in",
        "sender": "customer",
        "source": "",
        "key": clean(incoming.key),
        "text": clean(incoming.content.text),
        "content": _content(incoming),
        "payload": clean(incoming.payload),
        "created_at": now,
        "work": "waiting" if incoming.wants_reply else None,
        "attempts": 0,
        "status": "received",
        "version": conversation.version,
    }


def _content(incoming: Incoming) -> dict[str, Any]:
    proofs = [{"kind": proof.kind, "value": clean(proof.value)} for proof in incoming.proofs]
    return incoming.content.to_json() | ({"proofs": proofs} if proofs else {})


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> dict[UUID, int]:
    if not rows:
        return {}
    statement = insert(Message).returning(col(Message.id), col(Message.seq))
    return dict(session.execute(statement, rows).all())


def _touch_identities(
    session: Session, identities: Mapping[Address, Identity], new: Sequence[Incoming], now: datetime
) -> None:
    for incoming in new:
        identity = identities[incoming.address]
        if incoming.opens:
            identity.windows = open_window(identity.windows, incoming.opens, now)
        if incoming.reachable is not None:
            identity.reachable = incoming.reachable
        elif incoming.wants_reply and not identity.reachable:
            identity.reachable = True  # Who writes to us can be reached.
        if incoming.profile and dict(incoming.profile) != identity.profile:
            identity.profile = dict(incoming.profile)
        session.add(identity)
    session.flush()


def _touch_conversations(
    session: Session,
    open_ones: Mapping[Address, Conversation],
    rows: Sequence[dict[str, Any]],
    leased: set[UUID],
    worker: str,
    now: datetime,
) -> None:
    touched = {row["conversation_id"] for row in rows}
    waiting = {row["conversation_id"] for row in rows if row["work"]}
    changes = [
        {
            "id": conversation.id,
            "last_message_at": now,
            "leased_by": worker if mine else conversation.leased_by,
            "leased_until": now + LEASE if mine else conversation.leased_until,
        }
        for conversation in open_ones.values()
        if conversation.id in touched
        for mine in (conversation.id in leased and conversation.id in waiting,)
    ]
    if changes:
        session.execute(update(Conversation), changes)


def _note_receipts(session: Session, batch: Sequence[Incoming]) -> None:
    receipts = [(i.address.channel, i.receipt) for i in batch if i.receipt]
    if not receipts:
        return
    _lock_sent(session, [(channel, receipt.platform_id) for channel, receipt in receipts])
    for channel, receipt in receipts:
        later = {"accepted": ("sending", "unknown"), "delivered": ("accepted", "sending", "unknown")}
        before = later.get(receipt.status, ("accepted", "sending", "unknown", "delivered"))
        session.execute(
            update(Message)
            .where(
                col(Message.channel) == channel,
                col(Message.platform_id) == receipt.platform_id,
                col(Message.direction) == "out",
                col(Message.status).in_(before),
            )
            .values(status=receipt.status, reason=receipt.reason or None)
        )


def _lock_sent(session: Session, pairs: Sequence[tuple[str, str]]) -> None:
    # In the order in which everybody locks messages: that of the platform's ids is another one.
    wanted, same = listed(session, (col(Message.channel), col(Message.platform_id)), pairs)
    rows = select(Message.seq).join(wanted, same).order_by(col(Message.seq))
    session.exec(rows.with_for_update(of=Message)).all()


def _results(
    batch: Sequence[Incoming],
    known: Mapping[tuple[Address, str], Message],
    fresh: Mapping[tuple[Address, str], dict[str, Any]],
    seqs: Mapping[UUID, int],
    leased: set[UUID],
) -> list[Recorded | None]:
    results: list[Recorded | None] = []
    seen: set[UUID] = set()
    for incoming in batch:
        if incoming.receipt:
            results.append(None)
            continue
        identity = (incoming.address, clean(incoming.key))
        if identity in known:
            results.append(_repeat(incoming, known[identity]))
            continue
        row = fresh[identity]
        results.append(
            Recorded(
                incoming=incoming,
                conversation_id=row["conversation_id"],
                message_id=row["id"],
                seq=seqs[row["id"]],
                repeat=row["id"] in seen,
                waiting=row["work"] is not None,
                leased=row["conversation_id"] in leased and row["work"] is not None,
            )
        )
        seen.add(row["id"])
    return results


def _repeat(incoming: Incoming, message: Message) -> Recorded:
    return Recorded(
        incoming=incoming,
        conversation_id=message.conversation_id,
        message_id=message.id,
        seq=message.seq or 0,
        repeat=True,
        waiting=message.work == "waiting",
        leased=False,
    )
