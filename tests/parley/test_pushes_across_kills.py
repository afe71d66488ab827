"""kill -9 in the middle of a push of 500 and of 50 follow-ups: each person gets theirs once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from bots.simulators.telegram import telegram_simulator
from crm_store import campaign_deeds, channels, customers, followups
from crm_store.campaign_runs import CampaignRun, Recipient
from crm_store.campaigns import make_campaign
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.followups import FollowUp
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Address, Policy
from parley.delivery import PUSHES_IN_FLIGHT
from tests.parley.platforms import served
from tests.parley.serving import Server, free_port

CHANNEL = "shop-telegram"
REMINDED, PUSHED = range(1000, 1050), range(2000, 2500)
KILLED_AT = (20, 150, 380)  # messages that the platform has got by then


def plan(database: Database) -> None:
    """Follow-ups that are due and a campaign to the others, as an agent and a marketer leave them."""
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with database.writing() as session:
        channels.write_channel(session, CHANNEL, "telegram", Policy(), long_ago)
        for number in (*REMINDED, *PUSHED):
            person = Customer(
                display_name=f"P{number}", language="en", created_at=long_ago, updated_at=long_ago
            )
            session.add(person)
            session.flush()
            session.add(
                Identity(
                    channel=CHANNEL, external_id=str(number), customer_id=person.id, created_at=long_ago
                )
            )
            session.flush()
            if number in PUSHED:
                customers.add_tag(session, person.id, "pushed", source="agent", now=long_ago)
                continue
            followups.plan(
                session,
                customer_id=person.id,
                address=Address(CHANNEL, str(number)),
                text=f"your tea is ready, P{number}",
                due_at=long_ago + timedelta(minutes=1),
                planned_by="agent:lin",
                agent="lin",
                now=long_ago,
            )
        fields = {
            "name": "Spring",
            "params": {"segment": {"tag": "pushed"}},
            "texts": [{"language": "en", "text": "{display_name}, the spring tea is here"}],
            "channels": [CHANNEL],
            "schedule": {"kind": "now"},
        }
        now = datetime.now(UTC)
        campaign = make_campaign(session, fields, actor="staff:mia", now=now)
        campaign_deeds.launch(session, campaign.id, actor="staff:mia", now=now)


def got(chats: Any) -> dict[int, int]:
    """How many messages each person has got."""
    return {chat.id: sum(1 for m in list(chat.messages) if m["from"]["is_bot"]) for chat in list(chats)}


def wait_until(holds: Any, seconds: float, told: Any = lambda: "") -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, told()
        time.sleep(0.02)


def outgoing(database: Database) -> list[Message]:
    with database.reading() as session:
        return list(session.exec(select(Message).where(Message.direction == "out")))


def check_once(rows: list[Message], received: Mapping[int, int]) -> None:
    assert len(rows) == len(REMINDED) + len(PUSHED)
    assert {m.status for m in rows} <= {"accepted", "unknown"}, Counter((m.status, m.reason) for m in rows)
    assert max(received.values()) == 1
    for row in rows:
        arrived = received[int(row.external_id)]
        assert arrived == 1 or row.status == "unknown"
        assert row.status != "unknown" or row.reason  # It is shown, with its reason.
    unknown = [m for m in rows if m.status == "unknown"]
    assert len(unknown) <= len(KILLED_AT) * PUSHES_IN_FLIGHT


@pytest.mark.timeout(300)
def test_across_kills_each_person_gets_a_push_and_a_followup_once(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    port = free_port()
    telegram = telegram_simulator("123456:token-of-a-test")
    chats = telegram.state.platform.chats
    for number in (*REMINDED, *PUSHED):
        chats.join(number)
    plan(database)
    server = Server(tmp_path, database_url, telegram=f"http://127.0.0.1:{port}")
    written = server.config.read_text(encoding="utf-8")
    server.config.write_text(f'{written}\n[sending]\nquiet_hours = ""\n', encoding="utf-8")
    with served(telegram, port):
        for count in KILLED_AT:
            server.start()
            wait_until(lambda count=count: sum(got(chats).values()) >= count, 90, lambda: got(chats))
            server.kill()
        with server:
            done = {"accepted", "unknown", "failed", "skipped"}
            everybody = len(REMINDED) + len(PUSHED)
            wait_until(
                lambda: Counter(m.status in done for m in outgoing(database)) == {True: everybody},
                120,
                lambda: Counter((m.status, m.reason) for m in outgoing(database)),
            )
            wait_until(lambda: settled(database), 30)
    check_once(outgoing(database), got(chats))
    with database.reading() as session:
        (run,) = session.exec(select(CampaignRun))
        assert (run.status, run.audience) == ("finished", len(PUSHED))
        recipients = session.exec(select(Recipient)).all()
        assert len({one.message_id for one in recipients if one.reason is None}) == len(PUSHED)
        states = Counter(row.state for row in session.exec(select(FollowUp)))
        assert states.keys() <= {"sent", "missed", "task"}
        assert states["sent"] >= len(REMINDED) - PUSHES_IN_FLIGHT * len(KILLED_AT)


def settled(database: Database) -> bool:
    """Whether run and follow-ups know what became of their messages."""
    with database.reading() as session:
        runs = {run.status for run in session.exec(select(CampaignRun))}
        states = {row.state for row in session.exec(select(FollowUp))}
    return runs == {"finished"} and "planned" not in states
