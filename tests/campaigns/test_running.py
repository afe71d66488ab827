"""A campaign reaches each person once, says what became of everybody, and obeys its marketer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from campaigns import running
from crm_store import conversations
from crm_store.audit import list_entries
from crm_store.campaign_runs import progress_of
from crm_store.db import Database
from crm_store.messages import Address, Content, Incoming, Refused
from crm_store.recording import record
from crm_store.send_rules import CAMPAIGN_STOPPED
from tests.campaigns.market import NOON, Market


def test_everybody_gets_it_once_in_their_language_and_the_run_ends(market: Market) -> None:
    market.customer("anna")
    market.customer("ben", language="en-GB")
    market.customer("carl", tags=())
    spring = market.launch()
    assert market.status(spring) == "scheduled"
    market.tick()
    assert market.status(spring) == "running"
    market.tick(3)
    assert sorted(market.deliver()) == ["anna", "ben"]
    market.tick()
    assert market.status(spring) == "finished"
    assert dict(market.sent) == {
        "anna": "anna，春茶到了",
        "ben": "Hello ben, spring tea is here",
    }
    (run,) = market.runs()
    assert (run.status, run.audience, run.ended_at) == ("finished", 2, market.now - timedelta(seconds=1))
    with market.database.reading() as session:
        assert progress_of(session, run).done == 1.0


def test_a_push_opens_a_conversation_that_the_answer_finds_and_the_inbox_does_not_show(
    market: Market,
) -> None:
    market.customer("anna")
    with market.database.writing() as session:
        (old,) = conversations.list_conversations(session)
        conversations.close(session, old.id, market.now)
    market.launch()
    market.tick()
    (message,) = market.messages()
    assert message.conversation_id != old.id
    with market.database.writing() as session:
        opened = conversations.get_conversation(session, message.conversation_id)
        assert (opened.floor, opened.heard_at) == ("bot", None)
        answer = Incoming(Address("shop", "anna"), "k2", Content(text="yes"))
        (found,) = record(session, [answer], "w", market.now)
        assert found
        assert found.conversation_id == opened.id


def test_while_it_is_paused_nothing_goes_out_and_nothing_is_lost(market: Market) -> None:
    market.crowd(5)
    spring = market.launch()
    market.tick()
    assert len(market.deliver(room=2)) == 2
    market.do("pause", spring)
    assert market.deliver() == []
    market.tick(2)
    market.now += timedelta(hours=1)
    assert market.deliver() == []
    assert market.status(spring) == "paused"
    market.do("resume", spring)
    market.tick()
    assert len(market.deliver()) == 3
    market.now += timedelta(minutes=2)
    market.tick(2)
    assert market.status(spring) == "finished"
    assert Counter(market.sent).most_common(1)[0][1] == 1


def test_what_is_stopped_goes_out_no_more_and_says_so(market: Market) -> None:
    market.crowd(4)
    spring = market.launch()
    market.tick()
    assert len(market.deliver(room=1)) == 1
    market.do("stop", spring)
    market.tick(2)
    assert market.deliver() == []
    found = Counter((m.status, m.reason) for m in market.messages())
    assert found == {("accepted", None): 1, ("skipped", CAMPAIGN_STOPPED): 3}
    (run,) = market.runs()
    assert run.status == "stopped"
    assert run.ended_at
    with pytest.raises(Refused):
        market.do("resume", spring)


def test_a_row_that_is_claimed_as_a_campaign_stops_is_not_sent(market: Market) -> None:
    market.crowd(2)
    spring = market.launch()
    market.tick()
    market.do("stop", spring)
    assert market.deliver() == []
    assert {m.reason for m in market.messages()} == {CAMPAIGN_STOPPED}


def test_a_cron_campaign_runs_each_time_and_once_after_times_that_were_missed(market: Market) -> None:
    market.customer("anna")
    daily = {"kind": "cron", "cron": "0 13 * * *", "timezone": "Asia/Shanghai"}
    spring = market.launch(schedule=daily)
    market.tick()
    assert market.runs() == []
    market.now = NOON + timedelta(hours=1)
    market.tick(2)
    assert market.deliver() == ["anna"]
    market.tick(2)
    assert market.status(spring) == "scheduled"
    assert len(market.runs()) == 1
    market.now = NOON + timedelta(days=5, hours=2)  # nobody was there for five days
    market.tick(2)
    assert market.deliver() == ["anna"]
    market.tick(2)
    assert len(market.runs()) == 2
    assert market.status(spring) == "scheduled"


def test_a_campaign_waits_for_its_time(market: Market) -> None:
    market.customer("anna")
    at = (NOON + timedelta(minutes=30)).isoformat()
    market.launch(schedule={"kind": "at", "at": at})
    market.tick(3)
    assert market.runs() == []
    market.now = NOON + timedelta(minutes=30)
    market.tick()
    assert len(market.messages()) == 1


def test_launch_pause_and_stop_stand_in_the_audit(market: Market) -> None:
    spring = market.launch()
    market.do("pause", spring)
    market.do("resume", spring)
    market.do("stop", spring)
    with market.database.reading() as session:
        found = list_entries(session, noun="campaign", noun_id=str(spring))
    deeds = [entry.action for entry in reversed(found)]
    assert deeds == [f"campaign.{d}" for d in ("created", "launched", "paused", "resumed", "stopped")]
    assert {entry.actor for entry in found} == {"staff:mia"}


def test_who_joins_while_it_runs_changes_nothing_for_the_others(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PIECE", 2)
    market.crowd(5)
    market.launch()
    market.tick()
    market.customer("late")
    market.tick(4)
    assert sorted(Counter(m.external_id for m in market.messages()).values()) == [1] * 6


class Killed(Exception):
    """The process dies here."""


@contextmanager
def killed_at(database: Database, statement: int) -> Iterator[None]:
    """Die just before the statement of this number."""
    left = [statement]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    sqlalchemy.event.listen(database.engine, "before_cursor_execute", count)
    try:
        yield
    except Killed:
        pass
    finally:
        sqlalchemy.event.remove(database.engine, "before_cursor_execute", count)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_between_any_two_statements_it_loses_nobody_and_tells_nobody_twice(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PIECE", 3)
    database = Database(request.getfixturevalue(f"{kind}_url"))

    @given(kills=st.lists(st.integers(0, 30), min_size=1, max_size=12), paused=st.booleans())
    @settings(
        max_examples=25 if kind == "sqlite" else 8,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    def run(kills: list[int], paused: bool) -> None:
        with database.writing() as session:
            for table in reversed(SQLModel.metadata.sorted_tables):
                session.execute(table.delete())
        market = Market(database)
        market.crowd(8)
        spring = market.launch()
        for number, statement in enumerate(kills):
            with killed_at(database, statement):
                market.tick()
            if paused and number == 2 and market.status(spring) == "running":
                market.do("pause", spring)
                market.deliver(room=2)
                market.do("resume", spring)
            with killed_at(database, statement):
                market.deliver(room=2)
        market.now += timedelta(minutes=2)
        for _ in range(8):
            market.tick()
            market.deliver()
        market.now += timedelta(minutes=2)
        market.tick(3)
        found = Counter(m.external_id for m in market.messages())
        assert sorted(found) == [f"c{n:04}" for n in range(8)]
        assert set(found.values()) == {1}
        assert len(market.recipients()) == 8
        said = Counter(name for name, _ in market.sent)
        assert not said or set(said.values()) == {1}
        # Those in flight at a kill are taken for lost by the delivery, not sent again here.
        statuses = Counter(m.status for m in market.messages())
        assert statuses["queued"] == 0
        if not statuses["sending"]:
            assert market.status(spring) == "finished"

    run()
    database.close()


def test_the_clock_is_an_argument(market: Market) -> None:
    """Nothing here looks at the machine's own time: a run begins when its tick says."""
    market.customer("anna")
    market.launch()
    market.now = datetime.fromisoformat("2031-05-05T04:00:00+00:00")
    market.tick()
    assert market.runs()[0].started_at == datetime.fromisoformat("2031-05-05T04:00:00+00:00")
