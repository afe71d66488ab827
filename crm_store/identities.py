"""Identities: the addresses at which a customer can be reached, and the send windows open there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Index, text
from sqlmodel import Field, Session, SQLModel, col, select

from crm_store.db import CleanText, UtcDateTime, WholeJson, as_list, listed
from crm_store.messages import Address, Incoming, Window
from crm_store.statements import Statement

_LEFT = "left us"  # stands among the windows from when somebody left on
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_REMEMBERED = 20  # sends, of which the last may have crossed a trigger that is still to come in


class Identity(SQLModel, table=True):
    """One account of a customer on one of our channels."""

    __tablename__ = "identities"
    __table_args__ = (
        Index("ix_identities_customer", "customer_id"),
        {"info": {"personal": {"external_id": "pseudonym", "profile": "erase"}}},
    )

    channel: str = Field(sa_column=Column(CleanText, primary_key=True))
    external_id: str = Field(sa_column=Column(CleanText, primary_key=True))
    customer_id: UUID = Field(foreign_key="customers.id")
    reachable: bool = True
    profile: dict[str, Any] = Field(default_factory=dict, sa_column=Column(WholeJson, nullable=False))
    # By trigger: {"at", "until": ISO times, "left", "of": number or null, "used": times of what was sent}.
    # Buckets do not add up: see `window_left`.
    windows: dict[str, Any] = Field(default_factory=dict, sa_column=Column(WholeJson, nullable=False))
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))

    @property
    def address(self) -> Address:
        """Where it is reached."""
        return Address(self.channel, self.external_id)


def find_identity(session: Session, address: Address) -> Identity | None:
    """Whose address this is."""
    return session.get(Identity, (address.channel, address.external_id))


def identities_at(session: Session, addresses: Collection[Address]) -> dict[Address, Identity]:
    """Whose addresses these are; one query for any number of them."""
    if not addresses:
        return {}
    columns = (col(Identity.channel), col(Identity.external_id))
    wanted, same = listed(session, columns, [(a.channel, a.external_id) for a in addresses])
    return {found.address: found for found in session.exec(select(Identity).join(wanted, same))}


def identities_of(session: Session, customer_ids: Collection[UUID]) -> dict[UUID, list[Identity]]:
    """All addresses of these customers, oldest first; one query for any number of them."""
    query = select(Identity).where(col(Identity.customer_id).in_(customer_ids))
    order = (col(Identity.created_at), col(Identity.channel), col(Identity.external_id))
    found: dict[UUID, list[Identity]] = defaultdict(list)
    for row in session.exec(query.order_by(*order)):
        found[row.customer_id].append(row)
    return found


def lock_identities(session: Session, addresses: Collection[Address]) -> dict[Address, Identity]:
    """The rows of these addresses, which are locked until the transaction ends, met before or not."""
    if not addresses:
        return {}
    lock_addresses(session, addresses)
    pairs = [(address.channel, address.external_id) for address in addresses]
    wanted, same = listed(session, (col(Identity.channel), col(Identity.external_id)), pairs)
    return {found.address: found for found in session.exec(select(Identity).join(wanted, same))}


def lock_addresses(session: Session, addresses: Collection[Address]) -> None:
    """Lock the addresses themselves, not their rows: one that nobody has met yet has no row to lock.

    All are locked at once and in one order, so that no two transactions wait for each other, whoever
    meets an address first and whoever erases it meanwhile. A server keeps as many such locks as its
    `max_locks_per_transaction` times `max_connections` (6,400 by default).
    """
    if not addresses or session.get_bind().dialect.name == "sqlite":
        return  # One transaction writes at a time.
    rows = as_list([(address.channel, address.external_id) for address in addresses])
    _LOCK_ADDRESSES.run_once(session, {"rows": rows})


# The inner query is not merged into the outer one, as it has an order of its own.
_LOCK_ADDRESSES = Statement(
    lambda _dialect: text(
        "SELECT pg_advisory_xact_lock(key) FROM ("
        " SELECT DISTINCT hashtextextended(r.value::text, 0) AS key"
        " FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS r(value) ORDER BY key) AS ordered"
    )
)


def note_contact(person: dict[str, Any], incoming: Incoming, now: datetime) -> None:
    """What a message says of whether its sender can be reached, and how often they may be written to.

    Platforms hand in again and in another order: what counts is when it happened there. Their times are
    whole seconds; within one, who left has no window any more.
    """
    at, windows = min(incoming.sent_at or now, now), person["windows"]
    left_at = _begun(windows.get(_LEFT, {}))
    if incoming.reachable is False:
        # What was opened since then was opened by somebody who had come back.
        since = {name: bucket for name, bucket in windows.items() if _begun(bucket) > at}
        if _LEFT not in since:
            person["reachable"] = bool(since)
            person["windows"] = since | {_LEFT: {"at": at.isoformat(), "until": at.isoformat(), "left": 0}}
    elif left_at <= at:
        if incoming.opens and left_at < at:
            person["windows"] = open_window(windows, incoming.opens, now, at)
        if incoming.reachable or incoming.wants_reply:
            person["reachable"] = True  # Who writes to us can be reached.


def open_window(
    windows: Mapping[str, Any], window: Window, now: datetime, at: datetime | None = None
) -> dict[str, Any]:
    """The windows after a trigger has set its own bucket anew; `at`: when it did so at the platform.

    What was sent since then counts already: a message may have crossed the trigger on its way.
    """
    at = at or now
    if window.trigger in windows and _begun(windows[window.trigger]) > at:
        return dict(windows)  # It comes late: a later one counts.
    used = sorted(_used(windows))
    since = [each for each in used if datetime.fromisoformat(each) >= at]
    left = None if window.count is None else max(0, window.count - len(since))
    bucket = {"at": at.isoformat(), "until": (at + window.lasts).isoformat(), "left": left}
    # What was sent before is remembered all the same: an earlier trigger may still come in.
    return {**windows, window.trigger: bucket | {"of": window.count, "used": used[-_REMEMBERED:]}}


def _begun(bucket: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(bucket["at"]) if "at" in bucket else _LONG_AGO


def _used(windows: Mapping[str, Any]) -> set[str]:
    return {moment for bucket in windows.values() for moment in bucket.get("used", ())}


def _moments(begin: datetime, count: int) -> set[str]:
    return {(begin + timedelta(microseconds=number)).isoformat() for number in range(count)}


def window_left(windows: Mapping[str, Any], now: datetime) -> tuple[str, int | None, datetime] | None:
    """The best open window: its trigger, how many messages are left (None: any), its end.

    None when no window is open; a window that is open but used up has 0 left.
    """
    open_ones = [
        (trigger, bucket["left"], until)
        for trigger, bucket in windows.items()
        if (until := datetime.fromisoformat(bucket["until"])) > now
    ]
    return max(open_ones, key=lambda w: (w[1] is None, w[1] or 0, w[2]), default=None)


def use_window(windows: Mapping[str, Any], now: datetime, count: int = 1) -> dict[str, Any]:
    """The windows after so many messages were sent: each counts against every window that is open."""
    known = _used(windows)
    while len(known & (used := _moments(now, count))):
        now += timedelta(microseconds=1)  # No two sends have the same moment.

    def use(bucket: Mapping[str, Any]) -> Mapping[str, Any]:
        left = bucket["left"]
        if left and datetime.fromisoformat(bucket["until"]) > now:
            left = max(0, left - count)
        # Remembered in any case: a trigger that is still to come in may have been before it.
        return {**bucket, "left": left, "used": sorted({*bucket.get("used", ()), *used})[-_REMEMBERED:]}

    return {trigger: use(bucket) for trigger, bucket in windows.items()}
