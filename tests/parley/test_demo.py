"""The demo: an empty database is filled at the first start, and only an empty one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from config.settings import read_settings
from crm_store.campaign_runs import CampaignRun, Recipient
from crm_store.campaigns import Campaign
from crm_store.consents import Consent
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.events import Event
from crm_store.followups import FollowUp
from crm_store.history import Message
from crm_store.passwords import verify_password
from crm_store.staff import get_staff
from parley import demo
from parley.bot import Bot
from parley.now import utc_now
from parley.opening import bot_of
from tests.parley.serving import ROOT, Server

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Bot:
    settings = read_settings(ROOT / "config" / "parley.toml", {})
    return bot_of(settings, utc_now, lambda _: None)


def test_the_demo_is_a_shop_at_work(database: Database, bot: Bot) -> None:
    demo.fill(database, bot, NOW)
    with database.reading() as session:
        assert demo.is_filled(session, NOW)
        assert not demo.is_empty(session)
        assert len(session.exec(select(Customer)).all()) == 40
        conversations = session.exec(select(Conversation)).all()
        messages = session.exec(select(Message).order_by(col(Message.seq))).all()
        runs = Counter(run.status for run in session.exec(select(CampaignRun)))
        states = Counter(row.state for row in session.exec(select(FollowUp)))
        consents = [row.granted for row in session.exec(select(Consent))]
        assert len(session.exec(select(Event)).all()) > 5
        assert Counter(row.reason for row in session.exec(select(Recipient))).keys() > {None}
    assert {c.floor for c in conversations} == {"bot", "waiting", "agent", "closed"}
    assert (runs, consents) == ({"running": 1, "finished": 1}, [False])
    assert states["planned"] >= 3
    assert states["task"] == 2
    assert not [m for m in messages if m.work]  # Everything was understood and answered.
    answers = [m for m in messages if m.sender == "bot"]
    explained = {m.id for m in messages if m.direction == "in" and m.decision and m.understanding}
    assert {m.reply_to for m in answers} <= explained
    heads = {c.id: c.read_seq for c in conversations}
    unread = {
        m.conversation_id
        for m in messages
        if m.direction == "in" and (m.seq or 0) > heads[m.conversation_id]
    }
    assert len(unread) >= 4


def test_nothing_of_it_is_ever_sent_to_a_platform(database: Database, bot: Bot) -> None:
    demo.fill(database, bot, NOW)
    with database.reading() as session:
        queued = session.exec(select(Message).where(Message.status == "queued")).all()
        planned = session.exec(select(FollowUp).where(FollowUp.state == "planned")).all()
    assert {m.channel for m in queued} == {f.channel for f in planned} == {"site"}
    due = [m.due_at for m in queued if m.due_at]
    assert min(due) > NOW - timedelta(minutes=5)
    assert max(due) > NOW + timedelta(minutes=30)  # It is still running while somebody looks around.


def test_in_a_conversation_everything_stands_in_the_order_of_its_time(database: Database, bot: Bot) -> None:
    demo.fill(database, bot, NOW)
    with database.reading() as session:
        last: dict[object, datetime] = {}
        for message in session.exec(select(Message).order_by(col(Message.seq))):
            assert message.created_at >= last.get(message.conversation_id, message.created_at)
            last[message.conversation_id] = message.created_at


def demo_server(folder: Path, url: str, *, on: bool = True) -> Server:
    server = Server(folder, url)
    written = server.config.read_text(encoding="utf-8")
    server.config.write_text(f"demo = {str(on).lower()}\n{written}", encoding="utf-8")
    return server


def test_the_first_start_fills_an_empty_database_and_tells_the_sign_ins(
    sqlite_url: str, tmp_path: Path
) -> None:
    with demo_server(tmp_path, sqlite_url) as server:
        assert "sign in as admin, agent, marketer with the password parley-demo" in server.log.read_text()
        database = Database(sqlite_url)
        with database.reading() as session:
            hashed = get_staff(session, "agent").password_hash
        assert verify_password(hashed, demo.PASSWORD)
    with server:
        assert server.log.read_text().count("sign in as admin") == 2
        with database.reading() as session:
            assert len(session.exec(select(Customer)).all()) == 40
    database.close()


@pytest.mark.parametrize("on", [True, False])
def test_a_database_with_anybody_in_it_stays_as_it_is(sqlite_url: str, tmp_path: Path, on: bool) -> None:
    database = Database(sqlite_url)
    if on:
        with database.writing() as session:
            session.add(Customer(display_name="Anna", created_at=NOW, updated_at=NOW))
    with demo_server(tmp_path, sqlite_url, on=on) as server, database.reading() as session:
        assert len(session.exec(select(Customer)).all()) == on
        assert "parley-demo" not in server.log.read_text()
    database.close()


def test_the_texts_of_its_campaigns_are_as_a_marketer_writes_them(database: Database, bot: Bot) -> None:
    demo.fill(database, bot, NOW)
    with database.reading() as session:
        for campaign in session.exec(select(Campaign)):
            assert all({"language", "text", "buttons"} <= text.keys() for text in campaign.texts)
