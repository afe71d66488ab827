"""The dry run says whom a campaign reaches and whom not and why; running does what it said."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select

from campaigns.plan import Plan, plan
from campaigns.reach import MISSING, NO_ADDRESS
from crm_store import campaigns, consents
from crm_store.conversations import Conversation, release, take_over
from crm_store.identities import Identity
from crm_store.messages import Address
from crm_store.send_rules import (
    CANNOT_PUSH,
    CAPPED,
    GONE,
    STOPPED_BY_CUSTOMER,
    WINDOW_CLOSED,
    WINDOW_KEPT,
    WINDOW_USED,
)
from tests.campaigns.market import RULES, Market


def planned(market: Market, **fields: Any) -> Plan:
    campaign = market.campaign(**fields)
    with market.database.reading() as session:
        return plan(session, campaigns.get_campaign(session, campaign.id), RULES, market.now)


def fill(market: Market) -> None:
    """One for every way to be left out."""
    market.customer("reached", city="杭州")
    market.customer("english", language="en", city="Bath")
    stopped = market.customer("stopped", city="x")
    gone = market.customer("gone", city="x")
    market.customer("closed", "narrow", left=5, city="x")
    market.customer("passive", "passive", city="x")
    market.customer("nameless")  # city is not known
    with market.database.writing() as session:
        consents.withdraw(session, stopped, "marketing", source_id=None, now=market.now)
        identity = session.get_one(Identity, ("shop", "gone"))
        assert identity.customer_id == gone
        identity.reachable = False
        session.add(identity)
    market.now += timedelta(hours=49)
    market.customer("kept", "narrow", left=1, city="x")
    market.customer("used", "narrow", left=0, city="x")
    market.customer("open", "narrow", left=3, city="x")


TEXTS = [
    {"language": "zh", "text": "{city}的茶", "buttons": [{"title": "好", "payload": "好"}]},
    {"language": "en", "text": "Tea in {city}"},
]


def test_everybody_is_counted_once_with_a_reason_or_a_channel(market: Market) -> None:
    fill(market)
    found = planned(market, texts=TEXTS)
    assert (found.audience, found.checked, found.reaches) == (10, 10, 3)
    assert found.reached == {("shop", "zh"): 1, ("shop", "en"): 1, ("narrow", "zh"): 1}
    assert found.left_out == {
        STOPPED_BY_CUSTOMER: 1,
        GONE: 1,
        WINDOW_CLOSED: 1,
        CANNOT_PUSH: 1,
        MISSING: 1,
        WINDOW_KEPT: 1,
        WINDOW_USED: 1,
    }
    assert found.missing == {"city": 1}
    assert {one.content.text for one in found.samples} >= {"杭州的茶", "Tea in Bath"}
    assert found.previews()["shop", "en"].text == "Tea in Bath"
    assert [one.name for one in found.left_out_samples[GONE]] == ["gone"]


def test_running_does_what_the_dry_run_said(market: Market) -> None:
    fill(market)
    found = planned(market, texts=TEXTS)
    market.launch(texts=TEXTS)
    market.tick(2)
    assert sorted(market.deliver() + market.deliver("narrow")) == ["english", "open", "reached"]
    reasons = Counter(row.reason for row in market.recipients())
    assert reasons.pop(None) == found.reaches
    assert reasons == found.left_out


def test_chosen_channels_leave_the_others_out(market: Market) -> None:
    market.customer("anna")
    market.customer("ben", "narrow", left=5)
    found = planned(market, channels=["narrow"])
    assert (found.reaches, found.left_out) == (1, {NO_ADDRESS: 1})


def test_of_two_addresses_the_one_written_from_last_is_used_if_it_works(market: Market) -> None:
    anna = market.customer("anna")
    market.now += timedelta(hours=1)
    other = market.customer("anna2", "narrow", left=5, tags=())
    with market.database.writing() as session:
        identity = session.get_one(Identity, ("narrow", "anna2"))
        identity.customer_id = anna
        session.add(identity)
        theirs = update(Conversation).where(col(Conversation.customer_id) == other)
        session.execute(theirs.values(customer_id=anna))
    found = planned(market)
    assert [one.address for one in found.samples] == [Address("narrow", "anna2")]
    market.now += timedelta(hours=72)  # its window has closed
    assert [one.address for one in planned(market).samples] == [Address("shop", "anna")]


def test_who_has_had_enough_is_left_out(market: Market) -> None:
    market.customer("anna")
    for number in range(3):
        market.launch(name=f"c{number}")
        market.tick(2)
        market.deliver()
    assert planned(market).left_out == {CAPPED: 1}
    market.now += timedelta(days=8)
    assert planned(market).left_out == {}


def test_who_is_asleep_is_reached_later(market: Market) -> None:
    market.customer("anna", timezone="America/New_York")  # 23:00 there
    market.customer("ben")
    found = planned(market)
    assert (found.reaches, found.later) == (2, 1)
    assert found.latest == market.now.replace(hour=14)


def test_with_whom_a_person_talks_it_goes_out_afterwards(market: Market) -> None:
    market.customer("anna")
    market.customer("ben")
    with market.database.writing() as session:
        (anna, _) = session.exec(select(Conversation).order_by(col(Conversation.external_id)))
        take_over(session, anna.id, "lin")
    found = planned(market)
    assert (found.reaches, found.talking) == (2, 1)
    market.launch()
    market.tick()
    assert market.deliver() == ["ben"]
    with market.database.writing() as session:
        release(session, anna.id)
    market.now += timedelta(minutes=6)
    assert market.deliver() == ["anna"]


def test_a_plan_that_takes_too_long_tells_of_those_it_has_looked_at(market: Market) -> None:
    market.crowd(3)
    campaign = market.campaign()
    with market.database.reading() as session:
        times = iter([0.0, 99.0])
        row = campaigns.get_campaign(session, campaign.id)
        found = plan(session, row, RULES, market.now, clock=lambda: next(times))
    assert (found.audience, found.checked) == (3, 3)
