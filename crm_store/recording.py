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

from sqlalchemy import ClauseElement, insert, update
from sqlalchemy import select as select_rows
from sqlmodel import Session, SQLModel, col, select

from crm_store.conversations import LEASE, Held, hold_open, open_all, save_held
from crm_store.customers import Customer
from crm_store.db import as_list, listed, listing, new_id
from crm_store.followups import cancel_awaiting
from crm_store.history import Inbound, Message, insert_messages, list_waiting
from crm_store.identities import Identity, lock_addresses, note_contact
from crm_store.messages import Address, Incoming, clean
from crm_store.statements import Rows, Statement

_CUSTOMERS, _PEOPLE, _MESSAGES = (
    SQLModel.metadata.tables[str(table.__tablename__)] for table in (Customer, Identity, Message)
)
_TOUCHED = ("windows", "reachable", "profile")
_TOUCH = Rows(_PEOPLE, _TOUCHED, {"channel": "of_channel", "external_id": "of_id"})


def _reading_people(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_PEOPLE.c.channel, _PEOPLE.c.external_id))
    names = ("channel", "external_id", "customer_id", *_TOUCHED)
    return select_rows(*(_PEOPLE.c[name] for name in names)).join(wanted, same)


def _reading_known(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_MESSAGES.c.channel, _MESSAGES.c.external_id, _MESSAGES.c.key))
    names = ("channel", "external_id", "key", "conversation_id", "id", "seq", "work")
    return select_rows(*(_MESSAGES.c[name] for name in names)).join(wanted, same)


_PERSON, _KNOWN = Statement(_reading_people), Statement(_reading_known)


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


@dataclass(frozen=True, slots=True)
class _Known:
    """A message that was recorded before."""

    conversation_id: UUID
    id: UUID
    seq: int
    work: str | None


@dataclass(slots=True)
class Recording:
    """A batch that is written down, but for its conversations: what a turn may go on with at once."""

    results: list[Recorded | None]  # None: no message of its own, a delivery receipt
    held: list[Held]  # conversations with something new, the leases in them set: to be saved
    fresh: list[Inbound]  # what may have its turn in this transaction: nothing else waits before it


def record(
    session: Session, batch: Sequence[Incoming], worker: str | None, now: datetime
) -> list[Recorded | None]:
    """Write down a batch in its order; `worker` gets the lease of every conversation that is free.

    With None nobody gets it: whoever has room comes for it. In the result, None stands for what is no
    message of its own: a delivery receipt.
    """
    recording = write_down(session, batch, worker, now)
    save_held(session, recording.held)
    return recording.results


def write_down(session: Session, batch: Sequence[Incoming], worker: str | None, now: datetime) -> Recording:
    """As `record`; the caller saves the conversations that are held, after whatever turns follow.

    Rows are read and written as they are, without objects for them: everything that comes in passes here.
    """
    messages = [incoming for incoming in batch if incoming.receipt is None]
    people = _known_people(session, messages, now)
    known = _known_keys(session, messages)
    new = [i for i in messages if (i.address, clean(i.key)) not in known]
    open_ones = _open_conversations(
        session, {i.address: people[i.address]["customer_id"] for i in new}, now
    )
    free = {held.id for held in open_ones.values() if worker and held.is_free(now)}
    mine = free | {held.id for held in open_ones.values() if worker and held.leased_by == worker}
    behind = set(list_waiting(session, free).values()) if free else set()
    fresh: dict[tuple[Address, str], tuple[Incoming, dict[str, Any]]] = {}
    for incoming in new:
        row = _row(incoming, open_ones[incoming.address], now)
        fresh.setdefault((incoming.address, row["key"]), (incoming, row))
    rows = [row for _, row in fresh.values()]
    seqs = insert_messages(session, rows)
    _touch_people(session, people, new, now)
    touched = _touch_conversations(open_ones, rows, mine, worker, now)
    written = {row["customer_id"] for row in rows if row["work"]}
    if written:
        cancel_awaiting(session, written, now)
    _note_receipts(session, batch)
    return Recording(
        results=_results(batch, known, {key: row for key, (_, row) in fresh.items()}, seqs, mine),
        held=touched,
        fresh=[
            _inbound(incoming, row, seqs[row["id"]])
            for incoming, row in fresh.values()
            if row["work"] and row["conversation_id"] in free - behind
        ],
    )


def _inbound(incoming: Incoming, row: Mapping[str, Any], seq: int) -> Inbound:
    return Inbound(
        row["id"],
        seq,
        row["conversation_id"],
        incoming.address,
        row["key"],
        row["text"],
        row["payload"],
        incoming.content,
        row["created_at"],
        proofs=row["content"].get("proofs", ()),
    )


def _known_people(
    session: Session, messages: Sequence[Incoming], now: datetime
) -> dict[Address, dict[str, Any]]:
    """The identity of each address; who writes for the first time gets one, and a customer with it."""
    first = {incoming.address: incoming for incoming in reversed(messages)}
    if not first:
        return {}
    lock_addresses(session, first)
    rows = _PERSON.fetch(session, rows=as_list([(a.channel, a.external_id) for a in first]))
    found = {
        Address(channel, external_id): dict(zip(("customer_id", *_TOUCHED), rest, strict=True))
        for channel, external_id, *rest in rows
    }
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


def _known_keys(session: Session, messages: Sequence[Incoming]) -> dict[tuple[Address, str], _Known]:
    if not messages:
        return {}
    triples = [(i.address.channel, i.address.external_id, clean(i.key)) for i in messages]
    rows = _KNOWN.fetch(session, rows=as_list(triples))
    return {
        (Address(channel, external_id), key): _Known(*rest) for channel, external_id, key, *rest in rows
    }


def _open_conversations(
    session: Session, customers: Mapping[Address, UUID], now: datetime
) -> dict[Address, Held]:
    """The open conversation of each address, locked; where there is none, a new one."""
    if not customers:
        return {}
    # Nobody else opens one: the addresses are locked. One that is being closed is waited for.
    found = hold_open(session, customers)
    new = {
        address: Held(new_id(), address.channel, address.external_id, customer_id)
        for address, customer_id in customers.items()
        if address not in found
    }
    open_all(session, list(new.values()), now)
    return found | new


def _row(incoming: Incoming, held: Held, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "conversation_id": held.id,
        "customer_id": held.customer_id,
        "channel": incoming.address.channel,
        "external_id": incoming.address.external_id,
        "direction": "in",
        "sender": "customer",
        "key": clean(incoming.key),
        "text": clean(incoming.content.text),
        "content": _content(incoming),
        "payload": clean(incoming.payload),
        "created_at": now,
        "work": "waiting" if incoming.wants_reply else None,
        "status": "received",
        "version": held.version,
    }


def _content(incoming: Incoming) -> dict[str, Any]:
    proofs = [{"kind": proof.kind, "value": clean(proof.value)} for proof in incoming.proofs]
    return incoming.content.to_json() | ({"proofs": proofs} if proofs else {})


def _touch_people(
    session: Session, people: Mapping[Address, dict[str, Any]], new: Sequence[Incoming], now: datetime
) -> None:
    before = {i.address: {name: people[i.address][name] for name in _TOUCHED} for i in new}
    for incoming in new:
        person = people[incoming.address]
        note_contact(person, incoming, now)
        if incoming.profile:
            person["profile"] = dict(incoming.profile)
    changes = []
    for address, old in before.items():
        values = {name: people[address][name] for name in _TOUCHED}
        if values != old:
            changes.append({"of_channel": address.channel, "of_id": address.external_id, **values})
    _TOUCH.write(session, changes)


def _touch_conversations(
    open_ones: Mapping[Address, Held],
    rows: Sequence[Mapping[str, Any]],
    mine: Collection[UUID],
    worker: str | None,
    now: datetime,
) -> list[Held]:
    held = {one.id: one for one in open_ones.values()}
    for row in rows:
        one = held[row["conversation_id"]]
        if _is_said(row):
            one.heard_at = now
        if row["work"] and one.id in mine:
            one.leased_by, one.leased_until = worker, now + LEASE
    return [held[one] for one in dict.fromkeys(row["conversation_id"] for row in rows)]


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
    known: Mapping[tuple[Address, str], _Known],
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


def _repeat(incoming: Incoming, message: _Known) -> Recorded:
    return Recorded(
        incoming=incoming,
        conversation_id=message.conversation_id,
        message_id=message.id,
        seq=message.seq,
        repeat=True,
        waiting=message.work == "waiting",
        leased=False,
    )
