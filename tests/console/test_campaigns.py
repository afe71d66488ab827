"""A marketer's way: whom, what, when, checked, tested, launched, watched, stopped; on desktop and phone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import Session, col, select

from campaigns import running
from console.conditions import Row, Rows, rows_of
from crm_store import campaigns, customers, segments, sending
from crm_store.campaigns import Campaign
from crm_store.conversations import Conversation
from crm_store.history import Message
from crm_store.messages import Address, Policy, Sent
from tests.console.office import NOON, PHONE, Office, desk

LIST = "/console/campaigns"
FORM: dict[str, Any] = {
    "name": "Spring",
    "match": "all",
    "kind": ["tag", ""],
    "name_of": ["", ""],
    "value_of": ["vip", ""],
    "text_en": "Hello {display_name|friend}",
    "first": "en",
    "when": "now",
    "time": "10:00",
}


def people(office: Office, *names: str, tags: Sequence[str] = ("vip",)) -> None:
    """Customers who have written to us."""
    for name in names:
        found = office.say("hi", address=Address("shop", name), name=name)
        with office.database.writing() as session:
            who = session.get_one(Conversation, found.conversation_id).customer_id
            for tag in tags:
                customers.add_tag(session, who, tag, source="t", now=office.time)


def seconds_pass(office: Office, deliver: int = 50) -> None:
    with office.database.writing() as session:
        running.tick(session, office.time, rules=office.host.rules)
    office.time += timedelta(seconds=1)
    with office.database.writing() as session:
        rows, _ = (
            sending.start_sending(session, "shop", Policy(), deliver, office.time) if deliver else ([], 0)
        )
        outcomes = [sending.Outcome(row.id, row.address, Sent("accepted")) for row in rows]
        sending.finish(session, outcomes, office.time)


def only_campaign(office: Office) -> Campaign:
    with office.database.reading() as session:
        return session.exec(select(Campaign)).one()


def test_only_who_may_write_campaigns_sees_them(office: Office) -> None:
    assert office.as_("aki").get(LIST).status_code == 403
    assert office.as_("aki").get("/console/segments").status_code == 403
    assert "No campaign here yet" in office.as_("mia").get(LIST).text


def test_a_campaign_is_written_checked_and_launched(office: Office) -> None:
    people(office, "Anna", "Ben")
    people(office, "Carl", tags=())
    mia = office.as_("mia")
    page = mia.post(f"{LIST}/new", **FORM, do="check")
    row = only_campaign(office)
    assert row.params == {"segment": {"all": [{"tag": "vip"}]}}
    assert row.texts == [{"language": "en", "text": "Hello {display_name|friend}", "buttons": []}]
    assert re.search(r'<b class="figure good">2</b> reached', page.text)
    assert "Hello Anna" in page.text
    page = mia.post(f"{LIST}/{row.id}/edit", **FORM, do="launch")
    assert "is launched" in page.text
    assert only_campaign(office).status == "scheduled"
    seconds_pass(office)
    page = mia.get(f"{LIST}/{row.id}")
    assert re.search(r'<b class="figure good">2</b> sent', page.text)
    assert "Anna" in page.text
    table = mia.get(f"{LIST}/{row.id}/results.csv")
    assert table.content.startswith(b"\xef\xbb\xbf")
    assert table.text.count("accepted") == 2


def test_it_is_paused_resumed_stopped_and_copied(office: Office) -> None:
    people(office, "Anna")
    mia = office.as_("mia")
    mia.post(f"{LIST}/new", **FORM, do="launch")
    row = only_campaign(office)
    seconds_pass(office, deliver=0)
    for deed, said in (("pause", "Paused"), ("resume", "It goes on"), ("stop", "Stopped")):
        assert said in mia.post(f"{LIST}/{row.id}/{deed}").text
    seconds_pass(office)
    page = mia.get(f"{LIST}/{row.id}?only=failed")
    assert "the campaign was stopped" in page.text
    assert mia.post(f"{LIST}/{row.id}/resume").status_code == 409
    copied = mia.post(f"{LIST}/{row.id}/copy")
    assert "This is a copy" in copied.text
    assert mia.post(f"{LIST}/{row.id}/burn").status_code == 404


def test_what_is_wrong_is_said_in_the_form_and_nothing_typed_is_lost(office: Office) -> None:
    mia = office.as_("mia")
    page = mia.post(f"{LIST}/new", **{**FORM, "name": ""}, do="save")
    assert page.status_code == 422
    assert "a campaign needs a name" in page.text
    assert "Hello {display_name|friend}" in page.text
    page = mia.post(f"{LIST}/new", **{**FORM, "when": "cron", "cron": "often"}, do="launch")
    assert page.status_code == 422
    assert "five fields as in cron" in page.text
    page = mia.post(f"{LIST}/new", **{**FORM, "text_en": ""}, do="launch")
    assert "a campaign needs a text" in page.text
    with office.database.reading() as session:
        assert session.exec(select(Campaign)).all() == []


def test_every_week_is_a_schedule_whose_next_times_are_told(office: Office) -> None:
    mia = office.as_("mia")
    weekly = {**FORM, "when": "weekly", "weekday": "mon", "time": "10:30", "do": "save"}
    page = mia.post(f"{LIST}/new", **weekly)
    row = only_campaign(office)
    assert row.schedule == {"kind": "cron", "cron": "30 10 * * mon", "timezone": "Asia/Shanghai"}
    assert re.findall(r"<li>Monday (2026-03-\d\d) 10:30</li>", page.text)[:2] == [
        "2026-03-09",
        "2026-03-16",
    ]
    assert '<option value="weekly" selected>' in page.text


def test_a_test_goes_to_our_own_people(office: Office) -> None:
    people(office, "Lin", tags=("staff-test",))
    mia = office.as_("mia")
    with office.database.reading() as session:
        lin = session.exec(select(Conversation.customer_id)).one()
    page = mia.post(f"{LIST}/new", **FORM, do="test", tester=str(lin))
    assert "The test is on its way" in page.text
    assert office.queued == ["shop"]
    with office.database.reading() as session:
        (message,) = session.exec(select(Message).where(col(Message.sender) == "campaign"))
    assert (message.text, message.lane) == ("Hello Lin", 0)


def test_a_segment_is_saved_changed_written_to_and_deleted(office: Office) -> None:
    people(office, "Anna")
    mia = office.as_("mia")
    fields: dict[str, Any] = {"name": "Regulars", "kind": "tag", "name_of": "", "value_of": "vip"}
    page = mia.post("/console/segments/new", **fields)
    assert "Regulars" in page.text
    assert re.search(r'<b class="figure">1</b> people', page.text)
    with office.database.reading() as session:
        (row,) = segments.list_segments(session)
    assert 'value="vip"' in mia.get(f"{LIST}/new?segment={row.id}").text
    page = mia.post(f"/console/segments/{row.id}", **{**fields, "kind": "written", "value_of": "soon"})
    assert page.status_code == 422
    assert "a number of days from 1 to 3650" in page.text
    assert "is deleted" in mia.post(f"/console/segments/{row.id}/delete").text


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"all": [{"tag": "vip"}, {"not": {"tag": "new"}}, {"written_within_days": 30}]},
        {"any": [{"event": "order.paid", "within_days": 90}, {"not": {"event": "order.paid"}}]},
        {"all": [{"attribute": "city", "is": "杭州"}, {"attribute": "city", "known": False}]},
        {"all": [{"language": "zh"}, {"channel": "shop"}, {"attribute": "a", "contains": "b"}]},
    ],
)
def test_conditions_survive_the_form(definition: dict[str, Any]) -> None:
    rows = rows_of(definition)
    assert rows.raw == ""
    assert rows.definition() == definition


def test_conditions_that_rows_cannot_say_are_kept_as_they_are() -> None:
    nested = {"all": [{"any": [{"tag": "a"}, {"tag": "b"}]}, {"tag": "c"}]}
    rows = rows_of(nested)
    assert rows.raw
    assert rows.definition() == nested
    assert rows_of({"tag": "a"}) == Rows("all", (Row("tag", "", "a"),))


def _write(page: Page) -> None:
    """The whole way, as a marketer goes it."""
    page.get_by_role("link", name="New campaign").first.click()
    page.get_by_label("Name").fill("Spring")
    page.locator("[data-tag=vip]").click()
    expect(page.locator("[data-part=count]:visible").first).to_contain_text("2 people")
    page.get_by_label("English", exact=True).fill("Hello {display_name|friend}")
    expect(page.locator(".bubble:visible").first).to_have_text("Hello Anna")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text("2 reached")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Launch").click()
    expect(page.locator("[role=status]")).to_contain_text("is launched")


# How much of the page is seen below an element.
BELOW = """bar => Math.round(
    document.querySelector("main").getBoundingClientRect().bottom - bar.getBoundingClientRect().bottom)"""


@pytest.mark.parametrize("kind", ["desktop", "phone"])
def test_the_marketers_way_in_a_browser(sqlite_office: Office, browser: Browser, kind: str) -> None:
    office = sqlite_office
    people(office, "Anna", "Ben")
    people(office, "Tester", tags=("staff-test",))
    options = PHONE if kind == "phone" else {}
    with office.serve() as url, desk(browser, url, "mia", **options) as mia:
        page = mia.go(f"{LIST}/new")
        below = page.locator(".deeds").evaluate(BELOW)
        assert below == 0, f"{below} px of the page show below the bar"
        page = mia.go(LIST)
        mia.check()
        _write(page)
        mia.check()
        seconds_pass(office, deliver=1)
        expect(page.locator("#standing .verdict")).to_contain_text("1 sent")
        mia.check()
        seconds_pass(office)
        seconds_pass(office)
        expect(page.locator("[data-state]")).to_have_text("finished")
        page.get_by_role("link", name="Segments").first.click()
        mia.check()
        page.get_by_role("link", name="New segment").click()
        mia.check()
        page = mia.go(f"{LIST}/{only_campaign(office).id}")
        mia.check()
        with page.expect_download() as table:
            page.get_by_role("link", name="Export CSV").click()
        assert table.value.suggested_filename.endswith(".csv")


def test_without_a_script_the_same_buttons_do_the_same(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    people(office, "Anna")
    with office.serve() as url, desk(browser, url, "mia", java_script_enabled=False) as mia:
        page = mia.go(f"{LIST}/new")
        page.get_by_label("Name").fill("Spring")
        page.locator("#kind-1").select_option("tag")
        page.locator("#value-1").fill("vip")
        page.get_by_label("English", exact=True).fill("Hello")
        page.get_by_role("button", name="Check").click()
        expect(page.locator(".verdict")).to_contain_text("1 reached")
        page.get_by_role("button", name="Launch").click()
    assert only_campaign(office).status == "scheduled"


def test_times_are_told_as_of_now(office: Office) -> None:
    assert office.time == NOON
    with office.database.writing() as session:
        _draft(session)
    page = office.as_("mia").get(LIST)
    assert "draft" in page.text


def _draft(session: Session) -> None:
    campaigns.make_campaign(session, {"name": "x"}, actor="staff:mia", now=NOON)
