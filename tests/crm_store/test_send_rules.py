"""What binds campaigns and follow-ups, and never an answer: consent, floor, window, cap, quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_store import send_rules
from crm_store.messages import Policy
from crm_store.send_rules import Defer, Facts, Push, Rules, Send, Skip, Wait, quiet_until, verdict

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # noon in Shanghai
RULES = Rules(quiet=(time(21), time(9)), cap=3, zone="Asia/Shanghai")
PUSH = Push("campaign", RULES, NOW - timedelta(minutes=1))
FOLLOWUP = replace(PUSH, kind="followup")
CAMPAIGN = Facts("campaign", 1, 1, "bot", Policy(), push=PUSH)
WINDOW = Policy(needs_window=True)


def windows(left: int | None) -> dict[str, object]:
    return {"message": {"until": (NOW + timedelta(hours=1)).isoformat(), "left": left}}


def test_a_campaign_goes_out_where_nothing_speaks_against_it() -> None:
    assert verdict(CAMPAIGN, NOW) == Send()


def test_who_said_stop_gets_no_campaign_and_no_follow_up_unless_they_asked_for_it_since() -> None:
    stopped = replace(PUSH, granted=False)
    assert verdict(replace(CAMPAIGN, push=stopped), NOW) == Skip(send_rules.STOPPED_BY_CUSTOMER)
    mine = replace(FOLLOWUP, granted=False)
    assert verdict(replace(CAMPAIGN, sender="bot", push=mine), NOW) == Skip(send_rules.STOPPED_BY_CUSTOMER)
    assert verdict(replace(CAMPAIGN, sender="bot", push=replace(mine, asked_since=True)), NOW) == Send()


@pytest.mark.parametrize(("granted", "sent"), [(None, False), (False, False), (True, True)])
def test_with_opt_in_only_a_yes_counts(granted: bool | None, sent: bool) -> None:
    push = replace(PUSH, granted=granted, rules=replace(RULES, opt_in=True))
    assert (verdict(replace(CAMPAIGN, push=push), NOW) == Send()) is sent


@pytest.mark.parametrize("floor", ["agent", "waiting"])
def test_a_campaign_waits_while_a_person_speaks_but_not_longer_than_a_day(floor: str) -> None:
    held = verdict(replace(CAMPAIGN, floor=floor), NOW)
    assert isinstance(held, Defer)
    assert held.until > NOW
    old = replace(PUSH, written_at=NOW - timedelta(hours=24))
    assert verdict(replace(CAMPAIGN, floor=floor, push=old), NOW) == Skip(send_rules.TALKED_TOO_LONG)


def test_a_bots_follow_up_is_silent_under_an_agent_and_an_agents_own_is_not() -> None:
    bots = replace(CAMPAIGN, sender="bot", floor="agent", push=FOLLOWUP)
    assert verdict(bots, NOW) == Skip(send_rules.AGENT_SPEAKS)
    assert verdict(replace(bots, sender="agent"), NOW) == Send()
    back = replace(bots, floor="bot", version=3)
    assert verdict(back, NOW) == Send()


def test_the_last_message_of_a_window_is_kept_for_an_answer() -> None:
    one_left = replace(CAMPAIGN, policy=WINDOW, windows=windows(1))
    assert verdict(one_left, NOW) == Skip(send_rules.WINDOW_KEPT)
    assert verdict(replace(one_left, push=None, sender="bot"), NOW) == Send()
    assert verdict(replace(one_left, windows=windows(2)), NOW) == Send()
    assert verdict(replace(one_left, windows=windows(None)), NOW) == Send()
    assert verdict(replace(one_left, windows={}), NOW) == Skip(send_rules.WINDOW_CLOSED)


def test_a_push_never_waits_for_the_next_message_of_a_customer() -> None:
    passive = replace(CAMPAIGN, policy=Policy(push=False))
    assert verdict(passive, NOW) == Skip(send_rules.CANNOT_PUSH)
    assert isinstance(verdict(replace(passive, push=None), NOW), Wait)


def test_over_the_cap_a_campaign_is_left_out_and_a_follow_up_waits() -> None:
    sent = [NOW - timedelta(days=days) for days in (6, 3, 1)]
    assert verdict(replace(CAMPAIGN, push=replace(PUSH, sent=sent)), NOW) == Skip(send_rules.CAPPED)
    later = verdict(replace(CAMPAIGN, push=replace(FOLLOWUP, sent=sent)), NOW)
    assert later == Defer(NOW + timedelta(days=1), send_rules.CAPPED)
    assert verdict(replace(CAMPAIGN, push=replace(PUSH, sent=sent[1:])), NOW) == Send()


def test_quiet_hours_are_those_of_the_customer() -> None:
    night = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)  # 22:00 in Shanghai, 9:00 in New York
    until = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
    assert verdict(CAMPAIGN, night) == Defer(until, send_rules.QUIET)
    assert verdict(replace(CAMPAIGN, push=replace(PUSH, zone="America/New_York")), night) == Send()
    assert verdict(replace(CAMPAIGN, push=replace(PUSH, zone="no/such zone")), night) == Defer(
        until, send_rules.QUIET
    )


def test_a_paused_campaign_is_held_and_a_stopped_one_ends() -> None:
    paused = verdict(replace(CAMPAIGN, push=replace(PUSH, run="paused")), NOW)
    assert paused == Defer(send_rules.HELD, send_rules.CAMPAIGN_PAUSED)
    stopped = verdict(replace(CAMPAIGN, push=replace(PUSH, run="stopped")), NOW)
    assert stopped == Skip(send_rules.CAMPAIGN_STOPPED)


@given(
    at=st.integers(0, 3 * 366 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    zone=st.sampled_from(
        ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"]
    ),
    begins=st.times(),
    ends=st.times(),
)
def test_quiet_hours_end_outside_of_them_and_not_a_day_later(
    at: datetime, zone: str, begins: time, ends: time
) -> None:
    rules = Rules(quiet=(begins, ends))
    until = quiet_until(rules, zone, at)
    local = at.astimezone(ZoneInfo(zone)).time()
    inside = begins <= local < ends if begins <= ends else local >= begins or local < ends
    assert (until is not None) is inside
    if until is not None:
        assert at < until <= at + timedelta(hours=25)
        assert quiet_until(rules, zone, until) is None


answers = st.builds(
    Facts,
    sender=st.sampled_from(["bot", "agent"]),
    written_under=st.just(1),
    version=st.integers(1, 2),
    floor=st.sampled_from(["bot", "waiting", "agent", "closed"]),
    policy=st.builds(Policy, push=st.booleans(), needs_window=st.booleans()),
    reachable=st.booleans(),
    windows=st.sampled_from([{}, windows(0), windows(1), windows(5)]),
)


@given(answers)
def test_an_answer_is_never_put_off(facts: Facts) -> None:
    assert not isinstance(verdict(facts, NOW), Defer)


def test_what_a_customer_asked_for_comes_at_the_time_they_named() -> None:
    """Neither quiet hours nor the cap move a reminder that the customer set themselves."""
    rules = replace(RULES, quiet=(time(0), time(23, 59)), cap=1)
    push = replace(PUSH, kind="followup", rules=rules, sent=(NOW,))
    facts = Facts("bot", 1, 1, "bot", Policy(), push=push)
    assert isinstance(verdict(facts, NOW), Defer)
    asked = replace(facts, push=replace(push, at_their_time=True))
    assert isinstance(verdict(asked, NOW), Send)
