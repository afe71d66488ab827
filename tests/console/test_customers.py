"""The customers' pages: who is there, what is known and from where, and what happens when two edit."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from crm_store import audit, channels, customers, followups, search_index
from crm_store.customers import Erased
from crm_store.edits import Edit, Editor, edit, stamp
from crm_store.messages import Address, Policy
from tests.console.office import PHONE, Office, desk
from tests.console.people import PHONE_NUMBER, someone


def test_the_list_shows_names_tags_and_numbers_in_part(office: Office) -> None:
    who = someone(office)
    office.say("hi", address=Address("site", "anna"), name="Anna")
    page = office.as_("aki").get("/console/customers").text
    assert "小林" in page
    assert "Anna" in page
    assert "****8000" in page
    assert PHONE_NUMBER not in page
    found = office.as_("mia").get("/console/customers?tag=VIP").text
    assert f"/console/customers/{who}" in found
    assert "Anna" not in found


def test_a_customer_is_found_by_a_part_of_the_name(office: Office) -> None:
    someone(office)
    office.say("hi", address=Address("site", "anna"), name="Anna 100%")
    with office.database.writing() as session:
        search_index.tick(session, office.time)
    aki = office.as_("aki")
    assert "Anna" in aki.get("/console/customers?q=ANN").text
    assert "小林" not in aki.get("/console/customers?q=ANN").text
    assert "小林" in aki.get("/console/customers?q=林&tag=VIP").text
    assert "Anna" not in aki.get("/console/customers?q=ann&tag=VIP").text
    assert "Anna" not in aki.get("/console/customers?q=1_0").text
    assert "Nobody fits" in aki.get("/console/customers?q=%25%25").text


def test_pages_of_the_list_hold_everyone_once(sqlite_office: Office) -> None:
    office, names = sqlite_office, [f"Customer {number:02}" for number in range(60)]
    for number, name in enumerate(names):
        office.say("hi", address=Address("site", str(number)), name=name)
    aki, path, seen = office.as_("aki"), "/console/customers", list[str]()
    while path:
        page = aki.get(path).text
        seen += re.findall(r"Customer \d\d", page)
        more = re.search(r'href="(\?tag=&amp;after=[^"]+)"', page)
        path = f"/console/customers{more[1].replace('&amp;', '&')}" if more else ""
    assert sorted(seen) == names


def test_the_page_shows_what_happened_on_all_channels(office: Office) -> None:
    who = someone(office)
    page = office.as_("aki").get(f"/console/customers/{who}").text
    for told in ("你好，你们几点开门？", "老客户，喜欢靠窗的位子", "Order paid", "春茶上市",
                 "said in a message", "written by aki", "Offers allowed", "到店前确认人数"):  # fmt: skip
        assert told in page, told
    assert PHONE_NUMBER not in page
    only = office.as_("aki").get(f"/console/customers/{who}?only=events").text
    assert "Order paid" in only
    assert "你好" not in only


def test_a_number_is_shown_in_full_on_demand_and_it_is_noted_who_saw_it(office: Office) -> None:
    who = someone(office)
    assert PHONE_NUMBER in office.as_("aki").post(f"/console/customers/{who}/reveal", name="phone").text
    with office.database.reading() as session:
        entry = audit.list_entries(session, customer_id=who)[0]
    assert (entry.actor, entry.action, entry.changes) == (
        "staff:aki", "customer.revealed", {"seen": "phone"},
    )  # fmt: skip
    refused = office.as_("mia").post(f"/console/customers/{who}/reveal", name="phone")
    assert refused.status_code == 403
    assert PHONE_NUMBER not in office.as_("mia").get(f"/console/customers/{who}").text


def _fields(**changed: str) -> dict[str, str]:
    fields = {
        "to.display_name": "小林", "was.display_name": stamp("小林"),
        "to.language": "", "was.language": stamp(""),
        "to.attributes.city": "杭州", "was.attributes.city": stamp("杭州"),
        "to.attributes.phone": "", "was.attributes.phone": stamp(PHONE_NUMBER),
    }  # fmt: skip
    return fields | {name.replace("__", "."): value for name, value in changed.items()}


def test_an_agent_edits_the_record(office: Office) -> None:
    who = someone(office)
    changed = _fields(to__display_name="林晓雨") | {"new.0.name": "birthday", "new.0.value": "05-20"}
    page = office.as_("aki").post(f"/console/customers/{who}/edit", **changed)
    assert "Saved." in page.text
    with office.database.reading() as session:
        facts = customers.attributes(session, who)
        assert customers.get_customer(session, who).display_name == "林晓雨"
    assert facts["birthday"].value == "05-20"
    assert facts["birthday"].source == "agent:aki"
    assert facts["phone"].value == PHONE_NUMBER  # An empty field for a masked number keeps it.


def test_emptying_a_field_forgets_the_fact(office: Office) -> None:
    who = someone(office)
    changed = _fields() | {"to.attributes.city": ""}
    office.as_("aki").post(f"/console/customers/{who}/edit", **changed)
    with office.database.reading() as session:
        assert "city" not in customers.attributes(session, who)


def test_of_two_who_edit_the_second_is_told_and_keeps_their_words(office: Office) -> None:
    who = someone(office)
    with office.database.writing() as session:
        edit(session, who, Edit(attributes={"city": "上海"}), Editor("staff:bo", "agent:bo"), office.time)
    changed = _fields() | {"to.attributes.city": "苏州"}
    answer = office.as_("aki").post(f"/console/customers/{who}/edit", **changed)
    assert answer.status_code == 409
    assert "Somebody else has changed this meanwhile." in answer.text
    assert 'value="苏州"' in answer.text
    assert "Now it is: 上海" in answer.text


def test_tags_are_put_on_and_taken_off(office: Office) -> None:
    who = someone(office)
    aki = office.as_("aki")
    aki.post(f"/console/customers/{who}/tags", add=" wholesale ")
    aki.post(f"/console/customers/{who}/tags", remove="VIP")
    with office.database.reading() as session:
        assert customers.tags(session, who) == ["wholesale", "春茶"]
    assert aki.post(f"/console/customers/{who}/tags", add="x" * 51).status_code == 422
    assert office.as_("mia").post(f"/console/customers/{who}/tags", add="x").status_code == 403


def test_a_way_back_never_leads_to_another_site(sqlite_office: Office) -> None:
    who = someone(sqlite_office)
    aki = sqlite_office.as_("aki")
    answer = aki.post(f"/console/customers/{who}/tags", add="x", back="https://evil.example/")
    assert answer.url.host == "console.test"


def test_an_administrator_exports_and_erases_with_the_typed_word(office: Office) -> None:
    who = someone(office)
    ada = office.as_("ada")
    exported = ada.post(f"/console/customers/{who}/export")
    assert exported.headers["cache-control"] == "no-store"
    assert PHONE_NUMBER in exported.text
    assert ada.post(f"/console/customers/{who}/erase", typed="yes").status_code == 422
    assert "erased" in ada.post(f"/console/customers/{who}/erase", typed="erase").text
    page = ada.get(f"/console/customers/{who}").text
    assert "小林" not in page
    assert "13800138000" not in page
    assert "小林" not in ada.get("/console/customers").text
    with office.database.writing() as session, pytest.raises(Erased):
        edit(session, who, Edit(display_name="x"), Editor("staff:aki", "agent:aki"), office.time)


def test_others_neither_export_nor_erase(sqlite_office: Office) -> None:
    who = someone(sqlite_office)
    sue = sqlite_office.as_("sue")
    assert sue.post(f"/console/customers/{who}/export").status_code == 403
    assert sue.post(f"/console/customers/{who}/erase", typed="ERASE").status_code == 403


def _due(office: Office, hours: int) -> str:
    return f"{office.time + timedelta(hours=hours + 8):%Y-%m-%dT%H:%M}"  # in Shanghai


def test_an_agent_plans_a_followup_from_the_page(office: Office) -> None:
    who = someone(office)
    answer = office.as_("bo").post(
        f"/console/customers/{who}/followups", kind="message", text="茶到了吗？", due=_due(office, 2),
        cancel_if_written="yes",
    )  # fmt: skip
    assert "Planned." in answer.text
    assert "茶到了吗？" in office.as_("bo").get("/console/followups").text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": ""}, "Write what"),
        ({"due": "soon"}, "Choose a time"),
        ({"due": "2020-01-01T10:00"}, "passed"),
    ],
)
def test_a_plan_that_cannot_be_says_so_and_keeps_the_words(
    sqlite_office: Office, change: dict[str, str], said: str
) -> None:
    who = someone(sqlite_office)
    fields = {"kind": "message", "text": "茶到了吗？", "due": _due(sqlite_office, 2)} | change
    answer = sqlite_office.as_("bo").post(f"/console/customers/{who}/followups", **fields)
    assert answer.status_code == 422
    assert said in answer.text
    assert f">{fields['text']}</textarea>" in answer.text


def test_the_agent_is_told_beforehand_if_it_would_become_a_task(office: Office) -> None:
    who = someone(office)
    with office.database.writing() as session:
        channels.write_channel(session, "shop", "any", Policy(needs_window=True), office.time)
    fields = {"kind": "message", "text": "茶到了吗？", "due": _due(office, 2)}
    asked = office.as_("bo").post(f"/console/customers/{who}/followups", **fields)
    assert asked.status_code == 422
    assert "becomes a task for you" in asked.text
    anyway = re.search(r'name="anyway" value="([^"]+)"', asked.text)
    assert anyway
    sure = fields | {"anyway": anyway[1].replace("&#39;", "'")}
    assert "Planned." in office.as_("bo").post(f"/console/customers/{who}/followups", **sure).text


def test_tasks_are_done_and_plans_are_cancelled_from_the_list(office: Office) -> None:
    someone(office)
    aki = office.as_("aki")
    page = aki.get("/console/followups").text
    done = re.search(r"/console/followups/([0-9a-f-]+)/done", page)
    assert done
    assert "Done." in aki.post(f"/console/followups/{done[1]}/done", back="/console/followups").text
    cancels = set(re.findall(r"/console/followups/([0-9a-f-]+)/cancel", aki.get("/console/followups").text))
    for each in cancels:
        assert "Cancelled." in aki.post(f"/console/followups/{each}/cancel").text
    assert "Over" in aki.get("/console/followups").text


@pytest.mark.parametrize("options", [{}, {**PHONE, "color_scheme": "dark"}, {**PHONE, "locale": "zh-CN"}])
def test_the_pages_are_for_everybody(
    sqlite_office: Office, browser: Browser, options: dict[str, object]
) -> None:
    who = someone(sqlite_office)
    with sqlite_office.serve() as url, desk(browser, url, "ada", **options) as ada:
        for path in ("/console/customers", f"/console/customers/{who}", "/console/followups"):
            ada.go(path)
            ada.check()


def test_a_followup_is_planned_with_one_click_for_the_time(sqlite_office: Office, browser: Browser) -> None:
    who = someone(sqlite_office)
    with sqlite_office.serve() as url, desk(browser, url, "bo", timezone_id="Europe/Berlin") as bo:
        page = bo.go(f"/console/customers/{who}")
        page.locator("#plan > summary").click()
        page.locator("#plan-text").fill("茶到了吗？")
        page.locator("[data-minutes='10080']").click()
        bo.check()
        page.locator("#plan button.primary").click()
        page.get_by_text("Planned.").wait_for()
    with sqlite_office.database.reading() as session:
        (planned,) = followups.for_agent(session, "bo", ("planned",))
    assert planned.due_at.minute == 0
    assert planned.due_at.hour in (8, 9)  # ten in the morning in Berlin
