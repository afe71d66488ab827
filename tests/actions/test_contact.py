"""Phone, e-mail, name and the call back: what is kept, how it is said back, what is asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from actions.leave_email import normalise_email
from actions.leave_phone import normalise_phone
from crm_store import customers
from crm_store.masking import mask_email, mask_phone
from tests.actions.counter import Counter

NIGHT = datetime(2025, 11, 19, 15, 0, tzinfo=UTC)  # Wednesday, 23:00 in Hangzhou.


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("13800138000", "+8613800138000"),
        ("138 0013 8000", "+8613800138000"),
        ("138-0013-8000", "+8613800138000"),
        ("+86 138 0013 8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("8613800138000", "+8613800138000"),
        ("１３８００１３８０００", "+8613800138000"),
        ("我的电话是13800138000，谢谢", "+8613800138000"),
        ("0571-8700 0000", "+8657187000000"),
        ("010-6500 0000", "+861065000000"),
        ("+44 7700 900123", "+447700900123"),
        ("+1 (415) 555-0132", "+14155550132"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("+82 10-0000-0000", "+821000000000"),
    ],
)
def test_a_phone_number_is_kept_with_its_country(written: str, number: str) -> None:
    assert normalise_phone(written) == number


@pytest.mark.parametrize(
    "written",
    ["", "110", "1380013800", "138001380001", "4155550132", "+86 12345678901", "+0123456789",
     "+1234567890123456", "😀", "没有电话", "++8613800138000", "٠١٢٣٤٥٦٧٨٩٠"],
)  # fmt: skip
def test_a_number_that_nobody_could_call_is_none(written: str) -> None:
    assert normalise_phone(written) is None


def test_a_masked_number_hides_its_middle() -> None:
    assert mask_phone("+8613800138000") == "+86138****8000"
    assert mask_phone("+44770090") == "+****0090"


def test_a_phone_number_lands_on_the_record_with_the_message_as_its_source(counter: Counter) -> None:
    turn = counter.turn("电话 138 0013 8000", entities={"phone": "138 0013 8000"})
    said = counter.run("action_leave_phone", turn)
    fact = customers.attributes(counter.session, counter.customer_id)["phone"]
    assert (fact.value, fact.source, fact.source_id) == ("+8613800138000", "message", turn.message_id)
    assert fact.updated_at == turn.now
    assert "+86138****8000" in said[0].text
    assert "13800138000" not in said[0].text
    assert turn.set_slots == {"phone": "+8613800138000"}


def test_the_explanation_does_not_repeat_the_number(counter: Counter) -> None:
    turn = counter.turn("13800138000", entities={"phone": "13800138000"})
    counter.run("action_leave_phone", turn)
    noted = {change.value for change in turn.changes if change.what == "attribute"}
    assert noted == {"+86138****8000"}


def test_a_number_found_by_the_system_counts_as_heard(counter: Counter) -> None:
    counter.run("action_leave_phone", counter.turn("call me", system={"phone": "+447700900123"}))
    assert counter.attributes() == {"phone": "+447700900123"}


def test_an_unusable_number_is_asked_for_again_and_not_kept(counter: Counter) -> None:
    turn = counter.turn("我的电话是 123", entities={"phone": "123"}, slots={"phone": "123"})
    said = counter.run("action_leave_phone", turn)
    assert counter.attributes() == {}
    assert turn.set_slots == {"phone": None}
    assert "再发一次" in said[0].text


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("anna@example.com", "anna@example.com"),
        ("Anna.B+tea@Mail.Example.COM", "Anna.B+tea@mail.example.com"),
        ("邮箱：lin@example.com。", "lin@example.com"),
        ("lin＠example．com", "lin@example.com"),
        ("<tom@example.org>", "tom@example.org"),
        ("anna@example", None),
        ("@example.com", None),
        ("", None),
        ("😀@😀.com", None),
        (f"{'a' * 300}@example.com", None),
    ],
)
def test_an_email_address_is_found_or_refused(written: str, address: str | None) -> None:
    assert normalise_email(written) == address


def test_a_masked_email_shows_its_domain() -> None:
    assert mask_email("anna@example.com") == "a***@example.com"


def test_an_email_address_lands_on_the_record(counter: Counter) -> None:
    turn = counter.turn("write to anna@Example.com", entities={"email": "anna@Example.com"}, language="en")
    said = counter.run("action_leave_email", turn)
    assert counter.attributes() == {"email": "anna@example.com"}
    assert said[0].text == "Your e-mail is noted: a***@example.com."


def test_an_incomplete_email_is_asked_for_again(counter: Counter) -> None:
    said = counter.run("action_leave_email", counter.turn("my mail is anna@", language="en"))
    assert counter.attributes() == {}
    assert "again" in said[0].text


def test_a_name_is_kept_and_used_at_once(counter: Counter) -> None:
    said = counter.run("action_tell_name", counter.turn("我叫小林！", entities={"name": " 小林！"}))
    assert counter.attributes() == {"name": "小林"}
    assert customers.get_customer(counter.session, counter.customer_id).display_name == "小林"
    assert said[0].text == "好的，小林，认识您很高兴。"


@pytest.mark.parametrize("name", ["", "😀", "12345", "…", "a" * 41])
def test_what_can_be_no_name_is_asked_for(counter: Counter, name: str) -> None:
    said = counter.run("action_tell_name", counter.turn(name, entities={"name": name}))
    assert counter.attributes() == {}
    assert said[0].text == "请问怎么称呼您？"


def test_a_call_is_promised_with_number_and_name_on_the_record(counter: Counter) -> None:
    turn = counter.turn("Anna", slots={"phone": "+44 7700 900123", "name": "Anna"}, language="en")
    said = counter.run("action_callback_noted", turn)
    assert counter.attributes() == {"phone": "+447700900123", "name": "Anna"}
    assert customers.tags(counter.session, counter.customer_id) == ["wants_callback"]
    assert turn.floor == "waiting"
    assert said[0].text == "Thank you, Anna. A colleague will call +4477****0123 shortly."


def test_outside_the_hours_the_call_is_promised_for_the_next_opening(counter: Counter) -> None:
    slots = {"phone": "13800138000", "name": "小林"}
    said = counter.run("action_callback_noted", counter.turn("小林", slots=slots, now=NIGHT))
    assert "明天 10:00" in said[0].text
    assert "+86138****8000" in said[0].text


def test_a_smiley_for_a_name_leaves_the_promise_polite(counter: Counter) -> None:
    slots = {"phone": "13800138000", "name": "😀"}
    said = counter.run("action_callback_noted", counter.turn("😀", slots=slots))
    assert said[0].text.startswith("好的，朋友，")


def test_a_call_to_an_unusable_number_is_not_promised(counter: Counter) -> None:
    turn = counter.turn("小林", slots={"phone": "123", "name": "小林"})
    said = counter.run("action_callback_noted", turn)
    assert turn.floor is None
    assert turn.set_slots == {"phone": None}
    assert "再发一次" in said[0].text
