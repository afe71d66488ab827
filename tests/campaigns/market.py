"""A shop with customers, channels and a marketer; time to turn, ticks and sends to call by hand."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlmodel import Session, col, select

from campaigns import running
from crm_store import campaign_deeds, campaigns, customers, sending
from crm_store.campaign_runs import CampaignRun, Recipient
from crm_store.campaigns import Campaign
from crm_store.channels import write_channel
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy, Sent, Window
from crm_store.recording import record
from crm_store.send_rules import Rules
from crm_store.sending import Outcome

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)  # in Shanghai
RULES = Rules(quiet=(time(21), time(9)), cap=3, zone="Asia/Shanghai")
POLICIES = {
    "shop": Policy(draws=frozenset({"text", "buttons"}), per_second=30),
    "narrow": Policy(needs_window=True),
    "passive": Policy(push=False),
}
HELLO = [
    {"language": "zh", "text": "{display_name|朋友}，春茶到了", "buttons": []},
    {"language": "en", "text": "Hello {display_name|friend}, spring tea is here", "buttons": []},
]


class Market:
    """Short words for what happens."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOON
        self.sent: list[tuple[str, str]] = []
        with database.writing() as session:
            for name, policy in POLICIES.items():
                write_channel(session, name, "pigeon", policy, NOON)

    def customer(
        self,
        name: str,
        channel: str = "shop",
        *,
        language: str = "zh",
        tags: tuple[str, ...] = ("vip",),
        left: int | None = None,
        **attributes: Any,
    ) -> UUID:
        """Somebody who has written to us."""
        window = Window("message", timedelta(hours=48), left) if left is not None else None
        profile = {"display_name": name, "language": language}
        hello = Incoming(
            Address(channel, name), f"k{name}", Content(text="hi"), profile=profile, opens=window
        )
        with self.database.writing() as session:
            (found,) = record(session, [hello], "w", self.now)
            assert found
            person = session.get_one(Conversation, found.conversation_id).customer_id
            for tag in tags:
                customers.add_tag(session, person, tag, source="t", now=self.now)
            for key, value in attributes.items():
                customers.set_attribute(session, person, key, value, source="t", now=self.now)
        return person

    def crowd(self, count: int) -> None:
        """Many customers."""
        for number in range(count):
            self.customer(f"c{number:04}")

    def campaign(self, **fields: Any) -> Campaign:
        """A draft to all who carry the tag vip, unless something else is given."""
        given = {
            "name": "spring",
            "params": {"segment": {"tag": "vip"}},
            "texts": HELLO,
            "channels": [],
            "schedule": {"kind": "now"},
        } | fields
        with self.database.writing() as session:
            return campaigns.make_campaign(session, given, actor="staff:mia", now=self.now)

    def launch(self, **fields: Any) -> UUID:
        """A campaign that runs from the next tick on, or from its time."""
        campaign = self.campaign(**fields)
        self.do("launch", campaign.id)
        return campaign.id

    def do(self, deed: str, campaign_id: UUID) -> None:
        """launch, pause, resume or stop."""
        with self.database.writing() as session:
            getattr(campaign_deeds, deed)(session, campaign_id, actor="staff:mia", now=self.now)

    def tick(self, times: int = 1) -> None:
        """Seconds pass."""
        for _ in range(times):
            with self.database.writing() as session:
                running.tick(session, self.now, rules=RULES)
            self.now += timedelta(seconds=1)

    def deliver(self, channel: str = "shop", room: int = 1000) -> list[str]:
        """All that is due on a channel arrives; the names of whom it went to."""
        with self.database.writing() as session:
            rows, _ = sending.start_sending(
                session, channel, POLICIES[channel], room, self.now, rules=RULES
            )
        outcomes = [Outcome(row.id, row.address, Sent("accepted", platform_id=str(row.id))) for row in rows]
        with self.database.writing() as session:
            sending.finish(session, outcomes, self.now)
        self.sent += [(row.address.external_id, row.content.text) for row in rows]
        return [row.address.external_id for row in rows]

    def status(self, campaign_id: UUID) -> str:
        """The campaign's state."""
        with self.database.reading() as session:
            return campaigns.get_campaign(session, campaign_id).status

    def runs(self) -> list[CampaignRun]:
        """All runs."""
        return self._all(CampaignRun)

    def recipients(self) -> list[Recipient]:
        """All recipients of all runs."""
        return self._all(Recipient)

    def messages(self) -> list[Message]:
        """All messages of campaigns."""
        with self.database.reading() as session:
            query = select(Message).where(col(Message.sender) == "campaign")
            return list(session.exec(query.order_by(col(Message.seq))))

    def _all(self, table: Any) -> list[Any]:
        with self.database.reading() as session:
            return list(session.exec(select(table)))

    def session(self) -> Session:
        """To look at what is there."""
        return Session(self.database.engine)
