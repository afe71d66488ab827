"""Send rules: may this row be sent now? One verdict for bot, agent and campaign, with its reason.

Answers are bound by the floor and by the channel. Pushes (campaigns and follow-ups) are bound by the
customer's consent, by a cap on how many they get, and by their quiet hours as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from crm_store.identities import window_left
from crm_store.messages import Policy

LONGEST_CALL = timedelta(seconds=10)  # a window that ends meanwhile is closed to it
KEPT_FOR_ANSWERS = 1  # of the messages that a window allows
LONGEST_WAIT_FOR_FLOOR = timedelta(hours=24)
ASK_FOR_FLOOR_AGAIN = timedelta(minutes=5)
HELD = datetime(9000, 1, 1, tzinfo=UTC)  # due again when somebody says so

AGENT_SPEAKS = "an agent has the floor"
CLOSED = "the conversation is closed"
FLOOR_CHANGED = "the floor has changed since it was written"
PERSON_AWAITED = "the customer waits for a person"
TALKED_TOO_LONG = "an agent has had the floor for a day"
GONE = "the customer has left or blocked us"
ONLY_ANSWERS = "this account may only answer: it goes out with the customer's next message"
CANNOT_PUSH = "this account may only answer, it cannot write by itself"
WINDOW_CLOSED = "the channel's window is closed: the customer has to write first"
WINDOW_USED = "the messages this window allows are used up: the customer has to write first"
WINDOW_SHORT = "it takes more messages than this window still allows: the customer has to write first"
WINDOW_KEPT = "the last message that the channel's window allows is kept for an answer"
STOPPED_BY_CUSTOMER = "the customer said stop"
NEVER_ALLOWED = "the customer has not allowed marketing"
CAPPED = "the customer has had enough messages from us for now"
QUIET = "quiet hours where the customer lives"
CAMPAIGN_STOPPED = "the campaign was stopped"
CAMPAIGN_PAUSED = "the campaign is paused"
REASONS = (
    AGENT_SPEAKS, CLOSED, FLOOR_CHANGED, PERSON_AWAITED, TALKED_TOO_LONG, GONE, ONLY_ANSWERS, CANNOT_PUSH,
    WINDOW_CLOSED, WINDOW_USED, WINDOW_SHORT, WINDOW_KEPT, STOPPED_BY_CUSTOMER, NEVER_ALLOWED, CAPPED,
    QUIET, CAMPAIGN_STOPPED, CAMPAIGN_PAUSED,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds pushes, as the settings say it."""

    opt_in: bool = False  # True: only who has said yes gets any
    quiet: tuple[time, time] | None = None  # from, to; over midnight if to is earlier
    cap: int = 0  # pushes a customer gets within `period`; 0: any number
    period: timedelta = timedelta(days=7)
    zone: str = "UTC"  # where the customer's own is not known


@dataclass(frozen=True, slots=True)
class Push:
    """What binds a campaign's or a follow-up's row, beyond what binds an answer."""

    kind: Literal["campaign", "followup"]
    rules: Rules
    written_at: datetime
    granted: bool | None = None  # the customer's last word on marketing
    asked_since: bool = False  # they asked for this very message after it
    at_their_time: bool = False  # they named the time of this message themselves
    sent: Sequence[datetime] = ()  # pushes that they got within the period, oldest first
    zone: str = ""
    run: str = "running"  # the state of the campaign's run


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a verdict depends on."""

    sender: str  # "bot", "agent", "campaign"
    written_under: int  # the conversation's version when the row was written
    version: int  # the conversation's version now
    floor: str
    policy: Policy
    reachable: bool = True
    windows: Mapping[str, Any] = field(default_factory=dict)
    push: Push | None = None  # None: an answer
    takes: int = 1  # of the messages that a window allows


@dataclass(frozen=True, slots=True)
class Send:
    """Send it now."""


@dataclass(frozen=True, slots=True)
class Defer:
    """It may be sent later: it stays in the outbox until then."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """It cannot be sent by ourselves; it goes with the answer to the customer's next message."""

    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """It must not be sent any more."""

    why: str


Verdict = Send | Defer | Wait | Skip


def verdict(facts: Facts, now: datetime) -> Verdict:
    """Consent, floor, reachability, the channel's window and quota, cap, quiet hours, in this order."""
    push = facts.push
    refused = (push and _unwanted(push)) or _silenced(facts, now)
    if refused:
        return refused
    if not facts.reachable:
        return Skip(GONE)
    if not facts.policy.push:
        return Skip(CANNOT_PUSH) if push else Wait(ONLY_ANSWERS)
    if facts.policy.needs_window:
        why = closed_window(facts.windows, now, is_push=push is not None, takes=facts.takes)
        if why:
            return Skip(why)
    return (push and _too_much(push, now)) or Send()


def unwanted(granted: bool | None, rules: Rules) -> str | None:
    """Why a customer gets no marketing, by their last word on it."""
    if granted is False:
        return STOPPED_BY_CUSTOMER
    return NEVER_ALLOWED if granted is None and rules.opt_in else None


def closed_window(
    windows: Mapping[str, Any], now: datetime, *, is_push: bool, takes: int = 1
) -> str | None:
    """Why something that takes so many messages may not be sent in the windows that a channel needs."""
    best = window_left(windows, now + LONGEST_CALL)
    if best is None:
        return WINDOW_CLOSED
    left = best[1]
    if left is None:
        return None
    if left < takes:
        return WINDOW_SHORT if left else WINDOW_USED
    return WINDOW_KEPT if is_push and left - takes < KEPT_FOR_ANSWERS else None


def capped_until(sent: Sequence[datetime], rules: Rules) -> datetime | None:
    """When the next push may go to a customer who got these; None: now."""
    if not rules.cap or len(sent) < rules.cap:
        return None
    return sent[-rules.cap] + rules.period


def quiet_until(rules: Rules, zone: str, now: datetime) -> datetime | None:
    """When the customer's quiet hours end; None outside of them."""
    if rules.quiet is None:
        return None
    begins, ends = rules.quiet
    local = now.astimezone(_zone(zone) or _zone(rules.zone) or UTC)
    if not _is_within(local.time(), begins, ends):
        return None
    tomorrow = local.time() >= ends
    day = local.date() + timedelta(days=1 if tomorrow else 0)
    until = datetime.combine(day, ends, local.tzinfo)
    # When clocks are put back, the hour of the end comes twice: the one that is still to come counts.
    return max((until, until.replace(fold=1)), key=lambda t: t.astimezone(UTC) > now).astimezone(UTC)


def _is_within(at: time, begins: time, ends: time) -> bool:
    return begins <= at < ends if begins <= ends else at >= begins or at < ends


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None  # What a customer's record says of their zone may be anything.


def _unwanted(push: Push) -> Verdict | None:
    if push.run == "stopped":
        return Skip(CAMPAIGN_STOPPED)
    if push.run == "paused":
        return Defer(HELD, CAMPAIGN_PAUSED)
    why = unwanted(push.granted, push.rules)
    return Skip(why) if why and not push.asked_since else None


def _silenced(facts: Facts, now: datetime) -> Verdict | None:
    """Whether somebody else speaks."""
    if facts.push and facts.push.kind == "campaign":
        if facts.floor not in ("agent", "waiting"):
            return None
        if now - facts.push.written_at >= LONGEST_WAIT_FOR_FLOOR:
            return Skip(TALKED_TOO_LONG)
        why = AGENT_SPEAKS if facts.floor == "agent" else PERSON_AWAITED
        return Defer(now + ASK_FOR_FLOOR_AGAIN, why)
    if facts.sender != "bot":
        return None
    if facts.push:
        return {"agent": Skip(AGENT_SPEAKS), "waiting": Skip(PERSON_AWAITED)}.get(facts.floor)
    if facts.floor not in ("bot", "waiting"):
        return Skip(AGENT_SPEAKS if facts.floor == "agent" else CLOSED)
    return None if facts.written_under == facts.version else Skip(FLOOR_CHANGED)


def _too_much(push: Push, now: datetime) -> Verdict | None:
    if push.at_their_time:
        return None  # "Remind me at ten in the evening" means ten, not nine the next morning.
    until = capped_until(push.sent, push.rules)
    if until is not None and until > now:
        return Skip(CAPPED) if push.kind == "campaign" else Defer(until, CAPPED)
    quiet = quiet_until(push.rules, push.zone, now)
    return Defer(quiet, QUIET) if quiet else None
