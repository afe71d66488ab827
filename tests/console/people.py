"""A customer with a bit of everything, for the pages that show customers."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from crm_store import (
    channels,
    consents,
    conversations,
    customers,
    edits,
    events,
    followups,
    history,
    notes,
    outbox,
)
from crm_store.edits import Edit, Editor
from crm_store.followup_plans import Wanted, make
from crm_store.messages import Content, Policy, Sender
from tests.console.office import XIAOLIN, Office

PHONE_NUMBER = "+8613800138000"


def someone(office: Office) -> UUID:
    """小林: talked with the bot and an agent, ordered, got a campaign, has tags, facts and follow-ups."""
    with office.database.writing() as session:
        for name, policy in {"shop": Policy()}.items():
            channels.write_channel(session, name, "any", policy, office.time)
    office.time -= timedelta(days=3)
    said = office.say("你好，你们几点开门？")
    _say(office, said.conversation_id, "bot", "我们每天 10:00–21:30 营业，欢迎来坐坐。")
    office.time += timedelta(days=1)
    told = office.say("我的电话是 13800138000，周末想订一个六人位")
    with office.database.writing() as session:
        conversation = conversations.get_conversation(session, said.conversation_id)
        who = conversation.customer_id
        customers.set_attribute(
            session,
            who,
            "phone",
            PHONE_NUMBER,
            source="message",
            source_id=told.message_id,
            now=office.time,
        )
        customers.set_attribute(
            session, who, "email", "xiaolin@example.com", source="import", now=office.time
        )
        last = history.get_message(session, told.message_id)
        notes.write_note(
            session, conversation, "aki", "老客户，喜欢靠窗的位子", after_seq=last.seq or 0, now=office.time
        )
        happened = [
            events.Happened(who, "order.paid", "T1", office.time, {"total": 268, "items": ["龙井"]}),
            events.Happened(who, "visit", "v1", office.time - timedelta(days=5), {"page": "/tea"}),
        ]  # fmt: skip
        events.add_events(session, "shop-system", happened, office.time)
    office.time += timedelta(hours=1)
    _say(office, said.conversation_id, "agent", "好的，已经为您留了靠窗的六人位。")
    _say(office, said.conversation_id, "campaign", "春茶上市，本周末到店试饮。")
    with office.database.writing() as session:
        edit = Edit(attributes={"city": "杭州"}, add_tags=["VIP", "春茶"])
        edits.edit(session, who, edit, Editor("staff:aki", "agent:aki"), office.time)
        consents.grant(session, who, "marketing", source_id=told.message_id, now=office.time)
        due_at = office.time + timedelta(hours=20)
        make(session, Wanted(who, "到店前确认人数", due_at, "aki", is_task=True), "staff:aki", office.time)
        make(session, Wanted(who, "茶喝得还好吗？", due_at, "aki"), "staff:aki", office.time)
        followups.plan(
            session, customer_id=who, address=XIAOLIN, text="您让我这时候提醒您：取茶", due_at=due_at,
            planned_by="customer", now=office.time,
        )  # fmt: skip
    office.time += timedelta(minutes=1)
    return who


def _say(office: Office, conversation_id: UUID, sender: Sender, text: str) -> None:
    with office.database.writing() as session:
        conversation = conversations.get_conversation(session, conversation_id, lock=True)
        source = {"agent": "agent:aki", "campaign": "campaign:1"}.get(sender, "action:faq")
        row = outbox.draft(
            conversation, Content(text=text), sender=sender, source=source, now=office.time
        ) | {"status": "accepted", "sent_at": office.time}  # fmt: skip
        outbox.queue(session, [row])
    office.time += timedelta(minutes=1)
