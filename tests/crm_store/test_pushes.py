"""Pushes in random histories: rules are kept whatever happens before, and no answer waits for a push."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete, update
from sqlmodel import Session, SQLModel, col, select

from crm_store import consents, conversations, customers, outbox, send_rules, sending
from crm_store.campaign_runs import CampaignRun
from crm_store.campaigns import Campaign
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import Identity, identities_of, window_left
from crm_store.messages import Address, Content, Incoming, Policy, Sent, Window
from crm_store.recording import record
from crm_store.send_rules import Rules
from crm_store.sending import OpenRequest, Outcome

START = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
RULES = Rules(quiet=(time(21), time(9)), cap=2, period=timedelta(days=2), zone="Asia/Shanghai")
POLICIES = {"free": Policy(), "windowed": Policy(needs_window=True)}
PLACES = ("free", "free again", "windowed")  # a person may have two accounts on one channel
SELDOM = st.sampled_from([False, False, False, False, True])
ZONES = ("Asia/Shanghai", "America/New_York")
PEOPLE = 3
PUSH_REASONS = (send_rules.CAPPED, send_rules.QUIET, send_rules.STOPPED_BY_CUSTOMER)


def address_of(place: str, number: int) -> Address:
    return Address(place.split()[0], f"{place[-1]}{number}")


class Histories(RuleBasedStateMachine):
    """Three people with addresses on two channels, two campaigns, and time that passes."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.now, self.key, self.runs = START, 0, list[UUID]()
        self.stopped: dict[UUID, bool] = {}
        self.flying: list[Outcome] = []
        with self.database.writing() as session:
            for table in reversed(SQLModel.metadata.sorted_tables):
                session.execute(delete(table))
            self.people = [self._meet(session, number) for number in range(PEOPLE)]
            for _ in range(2):
                campaign = Campaign(name="c", created_by="t", created_at=START, updated_at=START)
                session.add(campaign)
                session.flush()
                run = CampaignRun(
                    campaign_id=campaign.id, planned_at=START, started_at=START, worked_at=START
                )
                session.add(run)
                self.runs.append(run.id)

    def _meet(self, session: Session, number: int) -> UUID:
        found = record(session, [self._said(place, number) for place in PLACES], "w", START)
        ids = [session.get_one(Conversation, r.conversation_id).customer_id for r in found if r]
        # One person: what is said on either address is said by them.
        others = update(Identity).where(col(Identity.customer_id).in_(ids))
        session.execute(others.values(customer_id=ids[0]))
        zone = ZONES[number % 2]
        customers.set_attribute(session, ids[0], "timezone", zone, source="import", now=START)
        return ids[0]

    def _said(self, place: str, number: int) -> Incoming:
        self.key += 1
        to = address_of(place, number)
        window = Window("message", timedelta(hours=48), 2) if to.channel == "windowed" else None
        return Incoming(to, f"k{self.key}", Content(text="hi"), opens=window)

    @rule(number=st.integers(0, PEOPLE - 1), place=st.sampled_from(PLACES))
    def the_customer_writes(self, number: int, place: str) -> None:
        with self.database.writing() as session:
            record(session, [self._said(place, number)], "w", self.now)

    @rule(number=st.integers(0, PEOPLE - 1), granted=SELDOM.map(lambda seldom: not seldom))
    def the_customer_decides(self, number: int, granted: bool) -> None:
        person = self.people[number]
        with self.database.writing() as session:
            say = consents.grant if granted else consents.withdraw
            say(session, person, "marketing", source_id=None, now=self.now)
        self.stopped[person] = not granted

    @rule(
        number=st.integers(0, PEOPLE - 1),
        place=st.sampled_from(PLACES),
        kind=st.sampled_from(["campaign", "answer", "followup"]),
        run=st.integers(0, 1),
    )
    def something_is_queued(self, number: int, place: str, kind: str, run: int) -> None:
        source = {"campaign": f"campaign:{self.runs[run]}", "answer": "action:faq"}.get(
            kind, f"followup:{UUID(int=number)}"
        )
        with self.database.writing() as session:
            to = address_of(place, number)
            address = (
                col(Conversation.channel) == to.channel,
                col(Conversation.external_id) == to.external_id,
            )
            found = session.exec(select(Conversation).where(*address)).one()
            sender = "campaign" if kind == "campaign" else "bot"
            content = Content(text=kind)
            outbox.queue(
                session,
                [outbox.draft(found, content, sender=sender, source=source, now=self.now)],  # type: ignore[arg-type]
            )

    @rule(number=st.integers(0, PEOPLE - 1), place=st.sampled_from(PLACES), take=SELDOM)
    def the_floor_changes(self, number: int, place: str, take: bool) -> None:
        with self.database.writing() as session:
            to = address_of(place, number)
            address = (
                col(Conversation.channel) == to.channel,
                col(Conversation.external_id) == to.external_id,
            )
            found = session.exec(select(Conversation.id).where(*address)).one()
            if take:
                conversations.take_over(session, found, "lin")
            else:
                conversations.release(session, found)

    @rule(run=st.integers(0, 1), places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=3))
    def a_campaign_goes_to_all(self, run: int, places: list[str]) -> None:
        for place in places:
            for number in range(PEOPLE):
                self.something_is_queued(number, place, "campaign", run)

    @rule(hours=st.sampled_from([1, 2, 11, 30]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours, minutes=7)

    @rule(arrives=st.booleans())
    def all_that_is_due_goes_out(self, arrives: bool) -> None:
        for channel in sorted(POLICIES):
            self.what_is_due_goes_out(channel, 8)
        if arrives:
            self.what_is_under_way_arrives()

    @rule(channel=st.sampled_from(sorted(POLICIES)), room=st.integers(1, 8))
    def what_is_due_goes_out(self, channel: str, room: int) -> None:
        before = self._before()
        with self.database.writing() as session:
            rows, _ = sending.start_sending(
                session, channel, POLICIES[channel], room, self.now, rules=RULES
            )
        for row in rows:
            with self.database.reading() as session:
                message = session.exec(select(Message).where(col(Message.id) == row.id)).one()
            if message.lane:
                self._check(message, *before[row.address])
            self.flying.append(Outcome(row.id, row.address, Sent("accepted", platform_id=str(row.id))))

    def _before(self) -> dict[Address, tuple[UUID, Identity, str]]:
        with self.database.reading() as session:
            floors = {c.address: c.floor for c in session.exec(select(Conversation))}
            return {
                i.address: (person, i, floors[i.address])
                for person, found in identities_of(session, self.people).items()
                for i in found
            }

    def _check(self, message: Message, person: UUID, identity: Identity, floor: str) -> None:
        assert not self.stopped.get(person)
        zone = ZONES[self.people.index(person) % 2]
        assert 9 <= self.now.astimezone(ZoneInfo(zone)).hour < 21
        assert floor == "bot"
        if message.channel == "windowed":
            left = window_left(identity.windows, self.now)
            assert left is not None
            assert (left[1] or 0) >= 2

    @rule()
    def what_is_under_way_arrives(self) -> None:
        with self.database.writing() as session:
            sending.finish(session, self.flying, self.now)
        self.flying.clear()

    @invariant()
    def nobody_gets_more_than_the_cap(self) -> None:
        with self.database.reading() as session:
            query = select(Message).where(
                col(Message.lane) == 1, col(Message.status).in_(["sending", "accepted"])
            )
            owners = {i.address: i.customer_id for i in session.exec(select(Identity))}
            sent = defaultdict[UUID, list[datetime]](list)
            for message in session.exec(query.order_by(col(Message.sent_at))):
                assert message.sent_at
                sent[owners[message.address]].append(message.sent_at)
        for times in sent.values():
            for first, third in zip(times, times[2:], strict=False):
                assert third - first >= RULES.period

    @invariant()
    def an_answer_is_never_put_off(self) -> None:
        with self.database.reading() as session:
            for message in session.exec(select(Message).where(col(Message.lane) == 0)):
                assert message.due_at is None or message.due_at <= self.now
                assert message.reason not in (
                    send_rules.CAPPED,
                    send_rules.QUIET,
                    send_rules.STOPPED_BY_CUSTOMER,
                )


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_rules_hold_in_any_history(kind: str, request: pytest.FixtureRequest) -> None:
    database = Database(request.getfixturevalue(f"{kind}_url"))
    machine = type("Machine", (Histories,), {"database": database})
    examples = 40 if kind == "sqlite" else 12
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # Shrinking would take minutes.
        ),
    )
    database.close()


def open_ones(database: Database, *names: str) -> list[Conversation]:
    with database.writing() as session:
        batch = [Incoming(Address("shop", name), f"k{name}", Content(text="hi")) for name in names]
        found = [r.conversation_id for r in record(session, batch, "w", START) if r]
        return [conversations.get_conversation(session, each) for each in found]


def test_an_answer_goes_before_pushes_that_were_queued_before_it(database: Database) -> None:
    anna, ben = open_ones(database, "anna", "ben")
    with database.writing() as session:
        for to, text, source in (
            (anna, "push", "campaign:" + str(UUID(int=1))),
            (ben, "push", "campaign:" + str(UUID(int=1))),
            (anna, "answer", "action:faq"),
        ):
            sender = "campaign" if text == "push" else "bot"
            row = outbox.draft(to, Content(text=text), sender=sender, source=source, now=START)  # type: ignore[arg-type]
            outbox.queue(session, [row])
        # Nor does a push in the queue keep the answer from the request that is open for it.
        assert outbox.in_the_way(session, [ben.address]) == set()
        assert outbox.in_the_way(session, [anna.address]) == {anna.address}
    with database.writing() as session:
        rows, _ = sending.start_sending(session, "shop", Policy(), 1, START)
        assert [(row.address.external_id, row.content.text) for row in rows] == [("anna", "answer")]
        rows, _ = sending.start_sending(session, "shop", Policy(), 8, START)
        assert [(row.address.external_id, row.content.text) for row in rows] == [("ben", "push")]
        assert sending.start_sending(session, "shop", Policy(), 8, START, pushes=0) == ([], 0)


def test_an_open_request_carries_no_push(database: Database) -> None:
    (anna,) = open_ones(database, "anna")
    with database.writing() as session:
        for sender, source in (("campaign", f"campaign:{UUID(int=1)}"), ("bot", "action:faq")):
            row = outbox.draft(anna, Content(text=sender), sender=sender, source=source, now=START)  # type: ignore[arg-type]
            outbox.queue(session, [row])
        request = OpenRequest(anna.address, Policy(), len)
        (carried,) = sending.start_inline(session, [request], START)
        assert [row.content.text for row in carried] == ["bot"]
