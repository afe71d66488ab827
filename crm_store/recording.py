"""Recording: what came in is written down once, whoever sends it again. Many messages, one transaction.

Each address is locked first, then its conversation's row: so within a conversation `seq` is the order
of the commits, and a repeat in another process sees the first one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, insert, update
from sqlalchemy import select as select_rows
from sqlmodel import Session, SQLModel, col, select

from crm_store.conversations import LEASE, Conversation
from crm_store.customers import Customer
from crm_store.db import UtcDateTime, listed, new_id
from crm_store.followups import cancel_awaiting
from crm_store.history import Message, insert_messages
from crm_store.identities import Identity, lock_addresses, note_contact
from crm_store.messages import Address, Incoming, clean

_CUSTOMERS, _PEOPLE, _CONVERSATIONS, _MESSAGES = (
    SQLModel.metadata.tables[str(table.__tablename__)]
    for table in (Customer, Identity, Conversation, Message)
)
_TOUCHED = ("windows", "reachable", "profile")
_PERSON = select_rows(
    *(_PEOPLE.c[name] for name in ("channel", "external_id", "customer_id", *_TOUCHED)),
)
_OPEN = (
    select_rows(
        *(
            _CONVERSATIONS.c[name]
            for name in (
                "channel",
                "external_id",
                "id",
                "customer_id",
                "version",
                "leased_by",
                "leased_until",
            )
        )
    )
    .where(_CONVERSATIONS.c.closed_at.is_(None))
    .order_by(_CONVERSATIONS.c.id)
    .with_for_update(of=_CONVERSATIONS)
)
_KNOWN = select_rows(
    *(
        _MESSAGES.c[name]
        for name in ("channel", "external_id", "key", "conversation_id", "id", "seq", "work")
    )
)
_TOUCH_PERSON = (
    update(_PEOPLE)
    .where(_PEOPLE.c.channel == bindparam("of_channel"), _PEOPLE.c.external_id == bindparam("of_id"))
    .values({name: bindparam(name) for name in _TOUCHED})
)
_TOUCH_CONVERSATION = (
    update(_CONVERSATIONS)
    .where(_CONVERSATIONS.c.id == bindparam("of_id"))
    .values(
        leased_by=bindparam("leased_by"),
        leased_until=bindparam("leased_until"),
        heard_at=func.coalesce(bindparam("heard_at", type_=UtcDateTime), _CONVERSATIONS.c.heard_at),
    )
)


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
    session: Session, batch: Sequence[Incoming], worker: str | None, now: datetime
) -> list[Recorded | None]:
    """Write down a batch in its order; `worker` gets the lease of every conversation that is free.

    With None nobody gets it: whoever has room comes for it.

    None stands for what is no message of its own: a delivery receipt. Rows are read and written as they
    are, without objects for them: everything that comes in passes here.
    """
    messages = [incoming for incoming in batch if incoming.receipt is None]
    people = _known_people(session, messages, now)
    known = _known_keys(session, messages)
    new = [i for i in messages if (i.address, clean(i.key)) not in known]
    open_ones = _open_conversations(
        session, {i.address: people[i.address]["customer_id"] for i in new}, now
    )
    leased = {row["id"] for row in open_ones.values() if worker and _is_free(row, worker, now)}
    fresh: dict[tuple[Address, str], dict[str, Any]] = {}
    for incoming in new:
        row = _row(incoming, open_ones[incoming.address], now)
        fresh.setdefault((incoming.address, row["key"]), row)
    rows = list(fresh.values())
    seqs = insert_messages(session, rows)
    _touch_people(session, people, new, now)
    _touch_conversations(session, open_ones, rows, leased, worker, now)
    written = {row["customer_id"] for row in rows if row["work"]}
    if written:
        cancel_awaiting(session, written, now)
    _note_receipts(session, batch)
    return _results(batch, known, fresh, seqs, leased)


def _is_free(conversation: Mapping[str, Any], worker: str, now: datetime) -> bool:
    until = conversation["leased_until"]
    return conversation["leased_by"] in (None, worker) or until is None or until < now


def _known_people(
    session: Session, messages: Sequence[Incoming], now: datetime
) -> dict[Address, dict[str, Any]]:
    """The identity of each address; who writes for the first time gets one, and a customer with it."""
    first = {incoming.address: incoming for incoming in reversed(messages)}
    if not first:
        return {}
    lock_addresses(session, first)
    found = _read(session, _PERSON, (_PEOPLE.c.channel, _PEOPLE.c.external_id), first)
    missing = [address for address in first if address not in found]
    if missing:
        # Nobody else meets them in this moment: their addresses are locked.
        customers = [_customer(first[address], now) for address in missing]
        session.execute(insert(_CUSTOMERS), customers)
        pairs = zip(missing, customers, strict=True)
        new = {address: _identity(first[address], customer["id"], now) for address, customer in pairs}
        session.execute(insert(_PEOPLE), list(new.values()))
        found |= new
    return found


def _read(
    session: Session, query: Select[Any], columns: Sequence[Any], addresses: Collection[Address]
) -> dict[Address, dict[str, Any]]:
    wanted, same = listed(session, columns, [(a.channel, a.external_id) for a in addresses])
    rows = session.execute(query.join(wanted, same)).mappings()
    return {Address(row["channel"], row["external_id"]): dict(row) for row in rows}


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


def _known_keys(session: Session, messages: Sequence[Incoming]) -> dict[tuple[Address, str], Any]:
    if not messages:
        return {}
    triples = [(i.address.channel, i.address.external_id, clean(i.key)) for i in messages]
    wanted, same = listed(session, (_MESSAGES.c.channel, _MESSAGES.c.external_id, _MESSAGES.c.key), triples)
    rows = session.execute(_KNOWN.join(wanted, same))
    return {(Address(row.channel, row.external_id), row.key): row for row in rows}


def _open_conversations(
    session: Session, customers: Mapping[Address, UUID], now: datetime
) -> dict[Address, dict[str, Any]]:
    """The open conversation of each address, locked; where there is none, a new one."""
    if not customers:
        return {}
    # Nobody else opens one: the addresses are locked. One that is being closed is waited for.
    columns = (_CONVERSATIONS.c.channel, _CONVERSATIONS.c.external_id)
    found = _read(session, _OPEN, columns, customers)
    new = {
        address: _conversation(address, customer_id, now)
        for address, customer_id in customers.items()
        if address not in found
    }
    if new:
        session.execute(insert(_CONVERSATIONS), list(new.values()))
    return found | new


def _conversation(address: Address, customer_id: UUID, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "channel": address.channel,
        "external_id": address.external_id,
        "customer_id": customer_id,
        "floor": "bot",
        "version": 1,
        "created_at": now,
        "read_seq": 0,
        "leased_by": None,
        "leased_until": None,
    }


def _row(incoming: Incoming, conversation: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": conversation["id"],
        "customer_id": conversation["customer_id"],
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
        "version": conversation["version"],
    }


def _content(incoming: Incoming) -> dict[str, Any]:
    proofs = [{"kind": proof.kind, "value": clean(proof.value)} for proof in incoming.proofs]
    return incoming.content.to_json() | ({"proofs": proofs} if proofs else {})


def _touch_people(
    session: Session, people: Mapping[Address, dict[str, Any]], new: Sequence[Incoming], now: datetime
) -> None:
    for incoming in new:
        person = people[incoming.address]
        note_contact(person, incoming, now)
        if incoming.profile:
            person["profile"] = dict(incoming.profile)
    changes = [
        {
            "of_channel": address.channel,
            "of_id": address.external_id,
            **{name: people[address][name] for name in _TOUCHED},
        }
        for address in dict.fromkeys(incoming.address for incoming in new)
    ]
    if changes:
        session.connection().execute(_TOUCH_PERSON, changes)


def _touch_conversations(
    session: Session,
    open_ones: Mapping[Address, Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    leased: set[UUID],
    worker: str | None,
    now: datetime,
) -> None:
    touched = {row["conversation_id"] for row in rows}
    heard = {row["conversation_id"] for row in rows if _is_said(row)}
    waiting = {row["conversation_id"] for row in rows if row["work"]}
    changes = [
        {
            "of_id": conversation["id"],
            "heard_at": now if conversation["id"] in heard else None,
            "leased_by": worker if mine else conversation["leased_by"],
            "leased_until": now + LEASE if mine else conversation["leased_until"],
        }
        for conversation in open_ones.values()
        if conversation["id"] in touched
        for mine in (conversation["id"] in leased and conversation["id"] in waiting,)
    ]
    if changes:
        session.connection().execute(_TOUCH_CONVERSATION, changes)


def _is_said(row: Mapping[str, Any]) -> bool:
    """Whether the customer said something: who only subscribes has not written yet."""
    return row["content"]["kind"] != "event" or bool(row["text"] or row["payload"])


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
    known: Mapping[tuple[Address, str], Any],
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


def _repeat(incoming: Incoming, message: Any) -> Recorded:
    return Recorded(
        incoming=incoming,
        conversation_id=message.conversation_id,
        message_id=message.id,
        seq=message.seq,
        repeat=True,
        waiting=message.work == "waiting",
        leased=False,
    )
