"""Who said stop on one channel gets no marketing on any of their accounts; answers go on everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlmodel import col, select

from campaigns import running
from config.settings import read_settings
from crm_store import campaign_deeds, channels, outbox, sending
from crm_store.campaign_runs import CampaignRun, Recipient
from crm_store.campaigns import make_campaign
from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.db import Database
from crm_store.history import Message
from crm_store.identities import Identity
from crm_store.messages import Address, Content, Incoming, Policy, Sent
from crm_store.recording import record
from crm_store.send_rules import STOPPED_BY_CUSTOMER, Rules
from crm_store.sending import Outcome
from parley.bot import Bot
from parley.now import utc_now
from parley.opening import bot_of
from parley.workers import Worker
from tests.parley.serving import ROOT
from tests.parley.tiny import Clock

ACCOUNTS = [Address(channel, "anna") for channel in ("site", "shop-wechat", "shop-telegram")]
OTHER = Address("site", "ben")
CHANNELS = sorted({one.channel for one in ACCOUNTS})


@pytest.fixture(scope="module")
def bot() -> Bot:
    return bot_of(read_settings(ROOT / "config" / "parley.toml", {}), utc_now, lambda _: None)


class Shop:
    """Anna with an account on each channel, Ben with one, and the real bot of the demo shop."""

    def __init__(self, database: Database, bot: Bot) -> None:
        self.database, self.clock, self.keys = database, Clock(), 0
        self.worker = Worker(database, bot, "w", {name: Policy() for name in CHANNELS}, self.clock)
        now = self.clock()
        with database.writing() as session:
            for name in CHANNELS:
                channels.write_channel(session, name, name, Policy(), now)
            for addresses in (ACCOUNTS, [OTHER]):
                person = Customer(language="zh", created_at=now, updated_at=now)
                session.add(person)
                session.flush()
                for one in addresses:
                    session.add(
                        Identity(
                            channel=one.channel,
                            external_id=one.external_id,
                            customer_id=person.id,
                            created_at=now,
                        )
                    )

    def say(self, address: Address, text: str) -> list[str]:
        """What is sent to the address in answer."""
        self.keys += 1
        self.clock.pass_(60)
        with self.database.writing() as session:
            incoming = Incoming(address, str(self.keys), Content(text=text))
            (recorded,) = record(session, [incoming], "w", self.clock())
        assert recorded
        self.worker.work([recorded.conversation_id], ())
        return [text for to, text in self.deliver() if to == address]

    def launch(self, to: Sequence[str]) -> None:
        """A campaign to everybody on these channels."""
        self.clock.pass_(60)
        fields = {
            "name": "Spring",
            "texts": [{"language": "zh", "text": "春茶到了"}],
            "channels": list(to),
            "schedule": {"kind": "now"},
        }
        with self.database.writing() as session:
            made = make_campaign(session, fields, actor="staff:mia", now=self.clock())
            campaign_deeds.launch(session, made.id, actor="staff:mia", now=self.clock())
        for _ in range(6):  # A tick takes one run a piece further, the one that waited longest.
            with self.database.writing() as session:
                running.tick(session, self.clock(), rules=Rules())
            self.clock.pass_(1)

    def deliver(self) -> list[tuple[Address, str]]:
        """All that goes out now."""
        gone: list[tuple[Address, str]] = []
        for name in CHANNELS:
            looked = 1
            while looked:
                with self.database.writing() as session:
                    rows, looked = sending.start_sending(session, name, Policy(), 10, self.clock())
                with self.database.writing() as session:
                    outcomes = [Outcome(row.id, row.address, Sent("accepted")) for row in rows]
                    sending.finish(session, outcomes, self.clock())
                gone += [(row.address, row.content.text) for row in rows]
        return gone


@pytest.mark.parametrize("stop", ["退订", "TD", "STOP", "unsubscribe", "수신거부"])
@pytest.mark.parametrize("said_on", ACCOUNTS, ids=lambda address: address.channel)
def test_a_stop_on_one_channel_counts_on_all_and_answers_go_on(
    sqlite_url: str, bot: Bot, stop: str, said_on: Address
) -> None:
    database = Database(sqlite_url)
    check(Shop(database, bot), said_on, stop)
    database.close()


@pytest.mark.parametrize("said_on", ACCOUNTS, ids=lambda address: address.channel)
def test_it_does_so_on_postgresql(postgres_url: str, bot: Bot, said_on: Address) -> None:
    database = Database(postgres_url)
    check(Shop(database, bot), said_on, "退订")
    database.close()


def check(shop: Shop, said_on: Address, stop: str) -> None:
    for one in ACCOUNTS:
        assert shop.say(one, "你们几点开门？")
    # One campaign stands in the outbox already when the customer says stop.
    shop.launch(CHANNELS)
    with shop.database.writing() as session:
        (waiting,) = session.exec(
            select(Message).where(Message.sender == "campaign", Message.external_id == "anna")
        )
    confirmed = shop.say(said_on, stop)
    assert len(confirmed) == 1
    with shop.database.reading() as session:
        row = session.get_one(Message, waiting.seq)
        assert (row.status, row.reason) == ("skipped", STOPPED_BY_CUSTOMER)
    # Nor does a campaign come that begins later, by whichever channels; others get it.
    for to in (CHANNELS, *([name] for name in CHANNELS)):
        shop.launch(to)
        gone = shop.deliver()
        assert not [one for one in gone if one[0] in ACCOUNTS]
        assert [one[0] for one in gone] == ([OTHER] if "site" in to else [])
    with shop.database.reading() as session:
        runs = select(CampaignRun.id).order_by(col(CampaignRun.started_at))
        latest = session.exec(runs).all()[1:]
        left_out = session.exec(
            select(Recipient.reason).where(
                col(Recipient.run_id).in_(latest), col(Recipient.reason).is_not(None)
            )
        ).all()
    assert left_out.count(STOPPED_BY_CUSTOMER) == len(latest)
    # What the customer asks is answered as before, on every account, and an agent's words arrive.
    for one in ACCOUNTS:
        assert shop.say(one, "可以送到国外吗")
    with shop.database.writing() as session:
        for conversation in session.exec(select(Conversation)).all():
            content = Content(text="一位同事的话")
            said = outbox.draft(conversation, content, sender="agent", source="agent:lin", now=shop.clock())
            outbox.queue(session, [said])
    assert {one for one, _ in shop.deliver()} >= set(ACCOUNTS)
