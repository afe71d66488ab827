"""Sending: rows of the outbox are taken, judged, and what became of them is written down.

`sending` is committed just before a row's own request, so a kill leaves only those rows unknown.
Locks are taken in one order everywhere: identities, conversations, messages, each by its key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    Integer,
    Text,
    any_,
    bindparam,
    cast,
    func,
    or_,
    update,
)
from sqlalchemy import select as select_rows
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from crm_store.conversations import Conversation, lock_conversations
from crm_store.db import as_list, listed, listing
from crm_store.history import ANSWERS, PUSHES, Message, is_being_sent, is_queued, is_unsent
from crm_store.identities import lock_identities, use_window
from crm_store.messages import Address, Content, Policy, Sent
from crm_store.outbox import Outgoing
from crm_store.send_facts import Known, look_up
from crm_store.send_rules import Defer, Rules, Send, Skip, Wait, verdict
from crm_store.statements import Rows, Statement

NO_RULES = Rules()
PUSHES_AT_ONCE = 200  # judged together when the first few must all wait
RETRIES = 8  # about ten minutes with the pauses of `_became`
TRIED_TOO_OFTEN = "tried too often"
LONGEST_PAUSE = 600.0  # seconds
ACCEPTED = Sent("accepted")
LOST_AFTER = timedelta(seconds=30)  # every platform call ends within ten

_TABLE = SQLModel.metadata.tables[str(Message.__tablename__)]
_BECAME = Rows(_TABLE, ("status", "reason", "code", "platform_id", "attempts", "due_at"), {"seq": "of_seq"})


def _looking(dialect: str) -> ClauseElement:
    wanted, same = listing(dialect, (_TABLE.c.id,))
    query = select_rows(*(_TABLE.c[name] for name in ("seq", "id", "attempts", "due_at"))).join(
        wanted, same
    )
    return query.where(is_being_sent()).order_by(_TABLE.c.seq).with_for_update(of=_TABLE)


def _accepting(dialect: str) -> ClauseElement:
    accepted = update(_TABLE).values(status="accepted", reason=None)
    if dialect != "postgresql":
        return accepted.where(_TABLE.c.seq == bindparam("of_seq"), is_being_sent())
    # Locked in the order in which everybody locks messages. As a list: a planner that has seen the table
    # while it was small would go on reading all of it. And the status not as the index of what is being
    # sent has it, of whose entries nearly all are dead.
    mine = select_rows(_TABLE.c.seq).where(
        _TABLE.c.seq == any_(cast(bindparam("seqs", type_=Text), ARRAY(BigInteger)))
    )
    mine = mine.where(_TABLE.c.status.concat("") == "sending").order_by(_TABLE.c.seq).with_for_update()
    return accepted.where(_TABLE.c.seq == any_(func.array(mine.scalar_subquery())))


_IN_FLIGHT, _ACCEPT = Statement(_looking), Statement(_accepting)


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request of a platform whose answer can carry what is to be said to an address.

    `carry` says how many of the contents, from the first on, the answer carries. `brings` is the message
    that came with it. `again` is the same, if we had dealt with it: the platform has not got the answer.
    """

    address: Address
    policy: Policy
    carry: Callable[[list[Content]], int]
    again: UUID | None = None
    brings: UUID | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one row. `inline`: an answer carried it, so that no window was used.

    `seq` is the row's, where it is known.
    """

    message_id: UUID
    address: Address
    sent: Sent
    inline: bool = False
    seq: int | None = None

    @property
    def plain_seq(self) -> int | None:
        """The row's, if all that there is to write down is that it was accepted."""
        return self.seq if self.inline and self.sent == ACCEPTED else None


def is_due(session: Session, channel: str, now: datetime) -> bool:
    """Whether any row of the channel may be sent now."""
    return any(_find_due(session, channel, lane, 1, now) for lane in (ANSWERS, PUSHES))


def start_sending(
    session: Session,
    channel: str,
    policy: Policy,
    limit: int,
    now: datetime,
    *,
    rules: Rules = NO_RULES,
    answers: int | None = None,
    pushes: int | None = None,
    takes: Callable[[Content], int] = lambda _: 1,
    skipped: Callable[[int], None] = lambda _: None,
) -> tuple[list[Outgoing], int]:
    """Take due rows of a channel, at most one an address; mark those that may go. Answers go first.

    At most `limit` rows, of them so many `answers` and so many `pushes`, if these are given. Returns what
    to send now, and how many rows were looked at (0: nothing is due). `takes` says how many of a window's
    messages a content is, `skipped` is told how many rows will never go.
    """
    judge = partial(_judge_due, session, policy, rules, takes, now, skipped)
    most = limit if answers is None else min(limit, answers)
    found = _find_due(session, channel, ANSWERS, most, now) if most > 0 else {}
    going, looked = judge(found), len(found)
    room = limit - len(going) if pushes is None else min(limit - len(going), pushes)
    # Many that have to wait, such as in quiet hours, are dealt with together.
    for look in (room, PUSHES_AT_ONCE) if room > 0 else ():
        found = _find_due(session, channel, PUSHES, look, now)
        gone = judge(found, room)
        going, looked = going + gone, looked + len(found)
        if gone or len(found) < look:
            break
    session.flush()
    return [_outgoing(row) for row in going], looked


def start_inline(session: Session, requests: Sequence[OpenRequest], now: datetime) -> list[list[Outgoing]]:
    """Take the queued rows of addresses for the answers to requests that are open now.

    Returns what each answer carries; what it does not carry is due, or waits for the next message.
    """
    conversations = lock_conversations(session, _asked_of(session, requests, Message.conversation_id))
    # Asked again under the lock, and locked all at once: in the order in which everybody locks messages.
    seqs = _asked_of(session, requests, Message.seq) if conversations else set()
    query = select(Message).where(col(Message.seq).in_(seqs)).order_by(col(Message.seq))
    found: dict[Address, list[Message]] = defaultdict(list)
    for row in session.exec(query.with_for_update()) if seqs else ():
        if row.conversation_id in conversations:
            found[row.address].append(row)
    taken = [_take(session, request, found[request.address], conversations, now) for request in requests]
    session.flush()
    return taken


def used_by(outcomes: Sequence[Outcome]) -> set[Address]:
    """The addresses whose rows `finish` will lock."""
    return {outcome.address for outcome in outcomes if outcome.sent.gone or _took(outcome)}


def accept(session: Session, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Write down which rows were accepted, where that is all there is to write; the others are left."""
    _accept(session, [one.plain_seq for one in outcomes if one.plain_seq is not None])
    return [one for one in outcomes if one.plain_seq is None]


def finish(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write down what became of rows that were being sent."""
    finish_others(session, accept(session, outcomes), now)


def finish_others(session: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write down what became of rows that were not just accepted."""
    if not outcomes:
        return
    used = {o.address: o for o in outcomes if o.sent.gone or _took(o)}
    for address, identity in lock_identities(session, used).items():
        if used[address].sent.gone:
            identity.reachable = False
        elif identity.windows:
            identity.windows = use_window(identity.windows, now, _took(used[address]))
        session.add(identity)
    session.flush()
    sent_of = {outcome.message_id: outcome.sent for outcome in outcomes}
    found = _IN_FLIGHT.fetch(session, rows=as_list([(one.hex,) for one in sent_of]))
    became = [
        {"of_seq": seq} | _became(sent_of[message_id], attempts, due_at, now)
        for seq, message_id, attempts, due_at in found
    ]
    _BECAME.write(session, became)


def _accept(session: Session, seqs: Sequence[int]) -> None:
    if session.get_bind().dialect.name == "sqlite":
        _ACCEPT.run(session, [{"of_seq": seq} for seq in seqs])
    elif seqs:
        _ACCEPT.run_once(session, {"seqs": f"{{{','.join(map(str, seqs))}}}"})


def put_back(session: Session, rows: Collection[Outgoing], now: datetime) -> None:
    """Rows that no request carries after all are due again; nobody has tried to send them."""
    taken = {row.id: row.taken_at for row in rows}
    query = select(Message).where(col(Message.id).in_(taken), col(Message.status) == "sending")
    for row in session.exec(query.order_by(col(Message.seq)).with_for_update()):
        # Another request for the same message may have taken it since.
        if row.sent_at == taken[row.id]:
            row.status, row.sent_at, row.due_at, row.carried_by = "queued", None, now, None
            session.add(row)


def give_up_lost(session: Session, now: datetime, *, all_of_them: bool = False) -> int:
    """Rows whose sender has died while sending become unknown; they are never sent again by themselves."""
    lost_ones = [is_being_sent()]
    if not all_of_them:
        lost_ones.append(col(Message.sent_at) < now - LOST_AFTER)
    sent = select(Message.channel, Message.external_id).where(*lost_ones, col(Message.carried_by).is_(None))
    for identity in lock_identities(session, {Address(*one) for one in session.exec(sent)}).values():
        if identity.windows:  # It may have arrived.
            identity.windows = use_window(identity.windows, now)
            session.add(identity)
    session.flush()
    sending = select(Message.seq).where(*lost_ones)
    # "+ 0": SQLite would rather read the whole table in this order than sort the few rows there are.
    lost = sending.order_by(col(Message.seq) + 0).with_for_update()
    query = update(Message).where(col(Message.seq).in_(lost))
    values = {"status": "unknown", "reason": "the process stopped while it was being sent"}
    return int(session.execute(query.values(values)).rowcount)  # type: ignore[attr-defined]


def _find_due(
    session: Session, channel: str, lane: int, limit: int, now: datetime
) -> dict[int | None, UUID]:
    """The rows of a lane that are due, as seq and conversation, the longest due first."""
    return dict(_DUE.fetch(session, channel=channel, lane=lane, now=now, most=limit))


def _judge_due(
    session: Session,
    policy: Policy,
    rules: Rules,
    takes: Callable[[Content], int],
    now: datetime,
    skipped: Callable[[int], None],
    found: Mapping[int | None, UUID],
    most: int | None = None,
) -> list[Message]:
    """Those that may go, at most so many; what became of the others stands in their rows."""
    if not found:
        return []
    conversations = lock_conversations(session, set(found.values()))
    still = (is_queued(), col(Message.due_at) <= now, ~_earlier(now))
    query = select(Message).where(col(Message.seq).in_(found), *still).order_by(col(Message.seq))
    rows = session.exec(query.with_for_update(skip_locked=True)).all()
    known = look_up(session, rows, conversations, rules, now)
    going: list[Message] = []
    for row in rows:
        if most is not None and len(going) >= most:
            break
        # Where no window is needed, nobody has to count.
        if _may_go(session, row, known, policy, now, takes(row.said) if policy.needs_window else 1):
            going.append(row)
    skipped(sum(row.status == "skipped" for row in rows))
    return going


def _finding(_dialect: str) -> ClauseElement:
    now: BindParameter[Any] = bindparam("now")
    due = (
        is_queued(),
        _TABLE.c.channel == bindparam("channel"),
        _TABLE.c.lane == bindparam("lane"),
        _TABLE.c.due_at <= now,
        ~_earlier(now),
    )
    query = select_rows(_TABLE.c.seq, _TABLE.c.conversation_id).where(*due)
    return query.order_by(_TABLE.c.due_at).limit(bindparam("most", type_=Integer))


def _earlier(now: datetime | BindParameter[Any]) -> ColumnElement[bool]:
    """Whether another row of the address is being sent, or goes before this one and is due or was tried."""
    other = aliased(Message)
    same = (
        col(other.channel) == col(Message.channel),
        col(other.external_id) == col(Message.external_id),
    )
    # One that the platform asked us to try later keeps its place; one that is planned for later has none.
    in_line = or_(col(other.due_at) <= now, col(other.attempts) > 0)
    first = or_(
        col(other.lane) < col(Message.lane),
        (col(other.lane) == col(Message.lane)) & (col(other.seq) < col(Message.seq)),
    )
    return (
        select(col(other.seq))
        .where(*same, is_unsent(other), or_(col(other.status) == "sending", in_line & first))
        .exists()
    )


_DUE = Statement(_finding)  # asked twice a second for each channel, also where nothing is ever due


def _asked_of(session: Session, requests: Sequence[OpenRequest], column: Any) -> set[Any]:
    """This column of all rows that the answers to the requests might carry."""
    columns = (col(Message.channel), col(Message.external_id))
    wanted, same = listed(session, columns, [(r.address.channel, r.address.external_id) for r in requests])
    found = set(session.exec(select(column).join(wanted, same).where(is_unsent())))
    for request in requests:
        if request.again:
            given = select(column).where(*_of(request.address), _was_given(request.again))
            found.update(session.exec(given))
    return found


def _take(
    session: Session,
    request: OpenRequest,
    found: Sequence[Message],
    conversations: dict[UUID, Conversation],
    now: datetime,
) -> list[Outgoing]:
    if request.again and (given := [row for row in found if row.carried_by == request.again]):
        return _give_again(session, request, given, conversations, now)
    if any(row.status == "sending" for row in found):
        return []  # Something is under way to the address already; nothing may overtake it.
    rows = [row for row in found if row.status == "queued" and row.lane == ANSWERS]
    # The answer to a request needs neither window nor the right to push.
    known = look_up(session, rows, conversations, NO_RULES, now)
    going = [row for row in rows if _may_go(session, row, known, Policy(), now)]
    carried = request.carry([row.said for row in going]) if going else 0
    for row in going[:carried]:
        row.carried_by = request.brings
    for row in going[carried:]:
        row.status, row.sent_at = "queued", None
        row.due_at = now if request.policy.push else None
        row.reason = None if request.policy.push else "waits for the customer's next message"
    return [_outgoing(row) for row in going[:carried]]


def _of(address: Address) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return col(Message.channel) == address.channel, col(Message.external_id) == address.external_id


def _was_given(to: UUID) -> ColumnElement[bool]:
    """What the answer to the request of a message has carried, whatever became of it."""
    return (col(Message.carried_by) == to) & col(Message.status).in_(("sending", "accepted", "unknown"))


def _give_again(
    session: Session,
    request: OpenRequest,
    given: Sequence[Message],
    conversations: dict[UUID, Conversation],
    now: datetime,
) -> list[Outgoing]:
    """The same answer to the same message, unless somebody else speaks now."""
    known = look_up(session, given, conversations, NO_RULES, now)
    if not all(isinstance(verdict(known.facts(row, Policy()), now), Send) for row in given):
        return []
    carried = request.carry([row.said for row in given])
    for row in given[:carried]:
        if row.status != "accepted":
            row.status, row.sent_at, row.reason = "sending", now, None
            session.add(row)
    return [_outgoing(row) for row in given[:carried]]


def _may_go(
    session: Session, row: Message, known: Known, policy: Policy, now: datetime, takes: int = 1
) -> bool:
    """Judge a row whose conversation is locked, so that a takeover comes before or after, never between."""
    session.add(row)
    match verdict(known.facts(row, policy, takes), now):
        case Send():
            row.status, row.sent_at, row.reason, row.carried_by = "sending", now, None, None
            known.note_sent(row, now)
            return True
        case Defer(until, why):
            row.due_at, row.reason = until, why
        case Wait(why):
            row.due_at, row.reason = None, why
        case Skip(why):
            row.status, row.reason = "skipped", why
    return False


def _took(outcome: Outcome) -> int:
    """How many of a window's messages the platform has counted, as far as one can know."""
    if outcome.inline:
        return 0
    if outcome.sent.took is not None:
        return outcome.sent.took
    return int(outcome.sent.status in ("accepted", "unknown"))


def _became(sent: Sent, attempts: int, due_at: datetime | None, now: datetime) -> dict[str, Any]:
    """The columns of a row that was being sent: its end, or its next try."""
    status, reason = sent.status, sent.reason or None
    if status == "queued":
        attempts += 1
        pause = sent.retry_after if sent.retry_after is not None else min(2.0**attempts, LONGEST_PAUSE)
        due_at = now + timedelta(seconds=pause)
        if attempts > RETRIES:
            status, reason = "failed", reason or TRIED_TOO_OFTEN
    return {
        "status": status,
        "reason": reason,
        "code": sent.code or None,
        "platform_id": sent.platform_id or None,
        "attempts": attempts,
        "due_at": due_at,
    }


def _outgoing(row: Message) -> Outgoing:
    return Outgoing(
        id=row.id,
        seq=row.seq or 0,
        conversation_id=row.conversation_id,
        address=row.address,
        sender=row.sender,
        content=row.said,
        created_at=row.created_at,
        reply_to=row.reply_to,
        taken_at=row.sent_at,
        lane=row.lane,
    )
