"""The explanation below an answer: each part of an understanding in words, in both languages and sizes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from console.whys import Why, shown
from crm_store import conversations, history, outbox
from crm_store.messages import Answer, Content, Entity, Understanding
from tests.console.office import PHONE, Office, desk

TEXT = "这都三天了！运费多少？能开发票吗？12月3日下午3点打 13912345678，送到文三路1号，128元"
HEARD = Understanding(
    TEXT,
    "faq",
    0.93,
    ranking=(("faq", 0.93), ("complain", 0.04)),
    system_entities=(
        Entity("quantity", {"amount": 3.0, "unit": "day"}, 2, 4),
        Entity("time", "2026-12-03T15:00:00+08:00", 19, 28),
        Entity("phone", "13912345678", 30, 41),
        Entity("address", "文三路1号", 44, 49),
        Entity("money", {"amount": 128, "currency": "CNY"}, 50, 54),
    ),
    answers=(Answer("faq/delivery_cost", 0.93), Answer("faq/invoice", 0.4)),
    more=(Answer("faq/invoice", 0.9),),
    language="zh",
    engine="embedded",
    sentiment=-0.76,
    urgent=True,
    flags=("abuse",),
)
STEPS = [
    {"action": "utter_faq/delivery_cost", "by": "faq", "name": "faq/delivery_cost", "confidence": 0.93,
     "changes": [{"what": "faq", "name": "entry", "value": "faq/delivery_cost"}]},
    {"action": "contact_form", "by": "form", "name": "contact_form", "confidence": 1.0, "changes": [
        {"what": "consent", "name": "marketing", "value": False},
        {"what": "floor", "name": "floor", "value": "waiting"},
        {"what": "followup", "name": "01a2187e-2098-7203-8b5f-b07274595ba9",
         "value": "2026-12-03T15:00:00+08:00"},
    ]},
]  # fmt: skip
EN = (
    "Also asked faq/invoice", "displeased -0.76 urgent abuse", "quantity 3 day", "time 2026-12-03 15:00",
    "phone 13912345678", "address 文三路1号", "money 128 CNY", "Form contact_form → complete",
    "Consent marketing = no", "Floor = waiting for a person", "Reminder = 2026-12-03 15:00",
)  # fmt: skip
ZH = (
    "还问了 faq/invoice", "不满 -0.76 紧急 辱骂", "数量 3 day", "电话 13912345678", "地址 文三路1号",
    "表单 contact_form → 已填完", "同意 marketing = 否", "接待方 = 等待人工",
)  # fmt: skip


def answered(office: Office) -> Any:
    """A conversation in which the bot has answered that; its id."""
    said = office.say(TEXT)
    with office.database.writing() as session:
        message = history.get_message(session, said.message_id)
        message.understanding = HEARD.to_json()
        message.decision = STEPS
        message.work = None
        session.add(message)
        conversation = conversations.get_conversation(session, said.conversation_id)
        row = outbox.draft(
            conversation, Content(text="8 元"), sender="bot", source="action:x", now=office.time,
            reply_to=message.id,
        )  # fmt: skip
        outbox.queue(session, [row])
    return said.conversation_id


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"locale": "en-GB"}, EN),
        ({"locale": "en-GB", "color_scheme": "dark"} | PHONE, EN),
        ({"locale": "zh-CN"} | PHONE, ZH),
        ({"locale": "zh-CN", "color_scheme": "dark"}, ZH),
    ],
)
def test_everything_that_was_understood_stands_there_in_words(
    sqlite_office: Office, browser: Browser, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    talk = answered(sqlite_office)
    with sqlite_office.serve() as url, desk(browser, url, "aki", **options) as aki:
        page = aki.go(f"/console/conversations/{talk}")
        box = page.locator(".why-box").last
        box.locator("summary").click()
        expect(box.locator("dl")).to_be_visible()
        told = re.sub(r"\s+", " ", box.inner_text())
        for said in words:
            assert said in told, (said, told)
        assert "{" not in told
        inside = box.evaluate(
            "box => { const end = (one) => one.getBoundingClientRect().right;"
            " const edge = end(box.querySelector('dl'));"
            " return [...box.querySelectorAll('dd, dd *')].every((one) => end(one) <= edge); }"
        )
        assert inside, "something sticks out of the panel"
        aki.check()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        ("2026-12-03", "2026-12-03"),
        ("2026-12-03T15:00:00+08:00", "2026-12-03 15:00"),
        ("2026T", "2026T"),
        ({"from": "2026-12-03", "to": None}, "2026-12-03 – …"),
        ({"amount": 0.5, "unit": "kg"}, "0.5 kg"),
        ({"amount": 128, "currency": ""}, "128"),
        ({"other": 1}, '{"other": 1}'),
        (True, "true"),
        (["a", "b"], "a, b"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: Any, words: str) -> None:
    assert shown(value) == words


def test_what_two_find_alike_stands_there_once() -> None:
    phone = {"entity": "phone", "value": "1"}
    assert Why("", {"entities": [phone], "system_entities": [phone]}, []).found == [("phone", "1")]
