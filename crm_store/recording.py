"""Recording: what came in is written down once, whoever sends it again. Many messages, one transaction.

Each address is locked first, then its conversation's row: so within a conversation `seq` is the order
of the commits, and a repeat in another process sees the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ClauseElement, true, update
from sqlalchemy import select as select_rows
from sqlmodel import Session, SQLModel, col, select

from crm_store.conversations import LEASE, Held, open_all, save_held
from crm_store.customers import Customer
from crm_store.db import as_list, listed, listing, new_id
from crm_store.followups import cancel_awaiting
from crm_store.history import Inbound, Message, Seqs, write_messages
from crm_store.identities import Identity, lock_addresses, note_contact
from crm_store.messages import Address, Incoming, clean
from crm_store.standing import TOUCHED, Standing, ask_for_standings
from crm_store.statements import Rows, Statement
from crm_store.streams import Answer

_CUSTOMERS, _PEOPLE, _MESSAGES = (
    SQLModel.metadata.tables[str(table.__tablename__)] for table in (Customer, Identity, Message)
)
_TOUCH = Rows(_PEOPLE, TOUCHED, {"channel": "of_channel", "external_id": "of_id"})
_MEET = Rows(_CUSTOMERS, ("id", "display_name", "language", "created_at", "updated_at"))
_MEET_AT = Rows(_PEOPLE, ("channel", "external_id", "customer_id", *TOUCHED, "created_at"))
_ANSWERS = 1.2  # a message: one in most cases, and numbers that are not needed do no harm

_Key = tuple[Address, str]  # an address, and the platform's key of a message


def _reading_known(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_MESSAGES.c.channel, _MESSAGES.c.external_id, _MESSAGES.c.key))
    names = ("channel", "external_id", "key", "conversation_id", "id", "seq", "work")
    query = select_rows(*(_MESSAGES.c[name] for name in names))
    if dialect != "postgresql":
        return query.join(wanted, same)
    # Each looked up by itself: a planner that has not seen the table lately would rather read all of it.
    found = query.where(same).limit(1).lateral("found")
    return select_rows(*(found.c[name] for name in names)).select_from(wanted).join(found, true())


_KNOWN = Statement(_reading_known)


@dataclass(slots=True)
class Recorded:
    """One incoming message after its commit."""

    incoming: Incoming
    conversation_id: UUID
    message_id: UUID
    seq: int
    repeat: bool
    waiting: bool  # for its turn; a repeat of what has had its turn does not
    leased: bool  # the conversation is now ours to work


@dataclass(slots=True)
class _Known:
    """A message that was recorded before."""

    conversation_id: UUID
    id: UUID
    seq: int
    work: str | None


@dataclass(slots=True)
class Recording:
    """A batch that is being recorded: what turns may go on with in the same transaction, then `write`."""

    results: list[Recorded | None]  # None: no message of its own, a delivery receipt
    rows: dict[UUID, dict[str, Any]]  # its messages by id, to be written; a turn adds what became of them
    seqs: Seqs  # for what is to be written behind them
    held: list[Held]  # conversations with something new, the leases in them set: to be saved
    fresh: list[Inbound]  # what may have its turn in this transaction: nothing else waits before it
    states: dict[UUID, Mapping[str, Any]]  # of dialogues, by conversation; those without one are left out
    blocked: set[Address]  # to which something is to be sent before anything new

    def write_some(
        self, session: Session, ids: Sequence[UUID], answers: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write some of its messages, with what answers them."""
        write_messages(session, [*(self.rows.pop(one) for one in ids), *answers])

    def write(self, session: Session) -> None:
        """Write the messages that are left, and the conversations of all."""
        write_messages(session, list(self.rows.values()))
        save_held(session, self.held)


def record(
    session: Session, batch: Sequence[Incoming], worker: str | None, now: datetime
) -> list[Recorded | None]:
    """Write down a batch in its order; `worker` gets the lease of every conversation that is free.

    With None nobody gets it: whoever has room comes for it. In the result, None stands for what is no
    message of its own: a delivery receipt.
    """
    recording = take_in(session, batch, worker, now)
    recording.write(session)
    return recording.results


def take_in(
    session: Session,
    batch: Sequence[Incoming],
    worker: str | None,
    now: datetime,
    also: Collection[Address] = (),
    meanwhile: Callable[[], None] = lambda: None,
) -> Recording:
    """As `record`, but that messages and conversations are written when their turns are over.

    `also`: addresses that the transaction will lock besides. All are locked at once and first, so that
    no two transactions wait for each other. `meanwhile` is called while the server looks. Rows are read
    and written as they are, without objects for them: everything that comes in passes here.
    """
    asked = [(i, (i.address, clean(i.key))) for i in batch if i.receipt is None]
    lock_addresses(session, {address for _, (address, _) in asked}.union(also))
    first = {address: incoming for incoming, (address, _) in reversed(asked)}
    # All is asked for before any of it is waited for.
    met, repeats = ask_for_standings(session, first), _ask_for_known(session, [key for _, key in asked])
    seqs = Seqs(session, round(len(asked) * (1 + _ANSWERS)))
    meanwhile()
    standings = _standings(session, first, met(), now)
    known = repeats()
    new = [(i, key) for i, key in asked if key not in known]
    _open_conversations(session, {key[0]: standings[key[0]] for _, key in new}, now)
    fresh: dict[_Key, tuple[Incoming, dict[str, Any]]] = {}
    for incoming, key in new:
        if key not in fresh:
            fresh[key] = incoming, _row(incoming, key, standings[key[0]], seqs.take(), now)
    rows = [row for _, row in fresh.values()]
    _touch_people(session, standings, [i for i, _ in new], now)
    ready, leased, held = _touch_conversations(standings, rows, worker, now)
    awaited = {one.person["customer_id"] for one in standings.values() if one.is_awaited}
    written = awaited.intersection(row["customer_id"] for row in rows if row["work"])
    if written:
        cancel_awaiting(session, written, now)
    _note_receipts(session, batch)
    return Recording(
        results=_results(batch, known, {key: row for key, (_, row) in fresh.items()}, leased),
        rows={row["id"]: row for row in rows},
        seqs=seqs,
        held=held,
        fresh=[
            _inbound(incoming, row)
            for incoming, row in fresh.values()
            if row["work"] and row["conversation_id"] in ready
        ],
        states={one.held.id: one.state for one in standings.values() if one.held and one.state},
        blocked={address for address, one in standings.items() if one.is_blocked},
    )


def _inbound(incoming: Incoming, row: Mapping[str, Any]) -> Inbound:
    return Inbound(
        row["id"],
        row["seq"],
        row["conversation_id"],
        incoming.address,
        row["key"],
        row["text"],
        row["payload"],
        incoming.content,
        row["created_at"],
        proofs=row["content"].get("proofs", ()),
    )


def _standings(
    session: Session, first: Mapping[Address, Incoming], met: Mapping[Address, Standing], now: datetime
) -> dict[Address, Standing]:
    """The standing of each address; who writes for the first time gets one, and a customer with it."""
    found = dict(met)
    missing = [address for address in first if address not in found]
    if missing:
        # Nobody else meets them in this moment: their addresses are locked.
        customers = [_customer(first[address], now) for address in missing]
        _MEET.write(session, customers)
        pairs = zip(missing, customers, strict=True)
        people = {address: _identity(first[address], customer["id"], now) for address, customer in pairs}
        _MEET_AT.write(session, list(people.values()))
        found |= {address: Standing(person) for address, person in people.items()}
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


def _ask_for_known(session: Session, keys: Sequence[_Key]) -> Answer[dict[_Key, _Known]]:
    if not keys:
        return dict
    triples = [(address.channel, address.external_id, key) for address, key in keys]
    rows = _KNOWN.ask(session, rows=as_list(triples))
    return lambda: {
        (Address(channel, external_id), key): _Known(*rest) for channel, external_id, key, *rest in rows()
    }


def _open_conversations(session: Session, standings: Mapping[Address, Standing], now: datetime) -> None:
    """Where there is no open conversation, a new one."""
    opened = []
    for address, standing in standings.items():
        if standing.held is None:
            # Nobody else opens one: the address is locked. One that is being closed was waited for.
            customer_id = standing.person["customer_id"]
            standing.held = Held(new_id(), address.channel, address.external_id, customer_id)
            opened.append(standing.held)
    open_all(session, opened, now)


def _row(incoming: Incoming, key: _Key, standing: Standing, seq: int, now: datetime) -> dict[str, Any]:
    held = standing.held
    assert held
    return {
        "seq": seq,
        "id": new_id(),
        "conversation_id": held.id,
        "customer_id": held.customer_id,
        "channel": held.channel,
        "external_id": held.external_id,
        "direction": "in",
        "sender": "customer",
        "key": key[1],
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
    session: Session, standings: Mapping[Address, Standing], new: Sequence[Incoming], now: datetime
) -> None:
    before: dict[Address, dict[str, Any]] = {}
    for incoming in new:
        person = standings[incoming.address].person
        before.setdefault(incoming.address, {name: person[name] for name in TOUCHED})
        note_contact(person, incoming, now)
        if incoming.profile:
            person["profile"] = dict(incoming.profile)
    changes = []
    for address, old in before.items():
        person = standings[address].person
        values = {name: person[name] for name in TOUCHED}
        if values != old:
            changes.append({"of_channel": address.channel, "of_id": address.external_id, **values})
    _TOUCH.write(session, changes)


def _touch_conversations(
    standings: Mapping[Address, Standing],
    rows: Sequence[Mapping[str, Any]],
    worker: str | None,
    now: datetime,
) -> tuple[set[UUID], set[UUID], list[Held]]:
    """Of conversations with something new: where it may have its turn, those that are ours, all."""
    touched = {row["conversation_id"] for row in rows}
    found = {s.held.id: (s, s.held) for s in standings.values() if s.held and s.held.id in touched}
    free = {key for key, (_, one) in found.items() if worker and one.is_free(now)}
    leased = free | {key for key, (_, one) in found.items() if worker and one.leased_by == worker}
    for row in rows:
        _, one = found[row["conversation_id"]]
        if _is_said(row):
            one.heard_at = now
        if row["work"] and one.id in leased:
            one.leased_by, one.leased_until = worker, now + LEASE
    ready = {key for key in free if not found[key][0].is_behind}
    return ready, leased, [one for _, one in found.values()]


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
    known: Mapping[_Key, _Known],
    fresh: Mapping[_Key, dict[str, Any]],
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
                seq=row["seq"],
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
