"""An agent's main way in a real Chromium: live, by keyboard, on desktop and phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from console.inbox import PAGE
from console.live import AT_ONCE
from crm_store import conversations, quick_replies, sign_ins
from crm_store.messages import Address
from tests.console.office import PHONE, Office, desk
from tests.console.talk import leads_on, open_talk, wait_live

OTHER = Address("shop", "other")


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark", "locale": "zh-CN"}])
def test_an_agent_finds_who_waits_takes_over_answers_and_gives_back(
    sqlite_office: Office, browser: Browser, options: dict[str, Any]
) -> None:
    office = sqlite_office
    with office.serve() as url, desk(browser, url, "aki", **options) as aki:
        page = aki.page
        wait_live(page)
        aki.check()
        talk = office.say("I want a person", floor="waiting").conversation_id
        with leads_on(page):
            page.locator(f"#row-{talk} a").click()
        expect(page.locator("#lines .line.in .words")).to_have_text("I want a person")
        with leads_on(page):
            page.locator("#take button").click()
        page.locator("#text").fill("Here I am")
        page.locator("#send").click()
        expect(page.locator("#lines .line.agent .words")).to_have_text("Here I am")
        office.say("Thank you")
        expect(page.locator("#lines .line.in .words")).to_have_text(["I want a person", "Thank you"])
        aki.check()
        page.locator(".talk-deeds form[action$=release] button").first.click()
        page.locator(".said").wait_for()
        with office.database.reading() as session:
            assert conversations.get_conversation(session, talk).floor == "bot"
        if options is PHONE:
            page.locator(".talk-back").click()
            expect(page.locator("#rows-empty")).to_be_visible()


def test_new_words_come_to_the_list_and_counts_follow(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    office.say("first", address=OTHER, name="Other", floor="waiting")
    with office.serve() as url, desk(browser, url, "aki") as aki:
        wait_live(aki.page)
        office.say("second", floor="waiting")
        names = aki.page.locator(".row-name b")
        expect(names).to_have_text(["小林", "Other"])
        office.say("third", address=OTHER)
        expect(names).to_have_text(["Other", "小林"])
        expect(aki.page.locator(".row-said").first).to_have_text("third")
        expect(aki.page.locator("[data-count=waiting]")).to_have_text("2")
        expect(aki.page).to_have_title(re.compile(r"^\(2\) "))


def test_when_too_much_happens_at_once_the_page_looks_anew(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    with office.serve() as url, desk(browser, url, "aki") as aki:
        wait_live(aki.page)
        loop, office.feed.loop = office.feed.loop, None
        ids = [
            office.say("hi", address=Address("shop", f"o{n}"), floor="waiting").conversation_id
            for n in range(AT_ONCE + 1)
        ]
        assert loop is not None
        loop.call_soon_threadsafe(office.feed.hub.changed, ids)
        expect(aki.page.locator(".row-item")).to_have_count(PAGE)
        office.feed.loop = loop


def test_an_open_conversation_is_read_while_somebody_looks(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say("first", floor="waiting").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        office.say("second")
        expect(page.locator("#lines .words")).to_have_text(["first", "second"])
        expect(page.locator(f"#row-{talk} .count")).to_have_count(0)


def test_that_the_customer_is_typing_is_shown_until_their_words_come(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        office.typing()
        expect(page.locator("#typing")).to_be_visible()
        office.say("there")
        expect(page.locator("#typing")).to_be_hidden()


def test_a_lost_connection_is_told_and_what_was_missed_is_there_again(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("first").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        aki.page.context.set_offline(True)
        office.feed.hub.close()
        expect(page.locator("#lost")).to_be_visible()
        office.say("while away")
        aki.page.context.set_offline(False)
        expect(page.locator("#lines .words")).to_have_text(["first", "while away"])
        expect(page.locator("#lost")).to_be_hidden()


def test_a_connection_that_has_gone_silent_is_told_and_opened_again(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("first").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        aki.page.clock.install()
        page = open_talk(aki, talk)
        aki.page.context.set_offline(True)
        aki.page.clock.fast_forward(41_000)
        expect(page.locator("#lost")).to_be_visible()
        office.say("meanwhile")
        aki.page.context.set_offline(False)
        aki.page.clock.fast_forward(5_000)
        expect(page.locator("#lines .words")).to_have_text(["first", "meanwhile"])


def test_who_is_signed_out_elsewhere_sees_nothing_more(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    with office.serve() as url, desk(browser, url, "aki") as aki:
        wait_live(aki.page)
        (cookie,) = [c for c in aki.page.context.cookies() if c.get("name") == "parley_session"]
        secret = str(cookie.get("value"))
        with office.database.writing() as session:
            sign_ins.sign_out(session, secret)
        office.console.state.live.end(secret)
        expect(aki.page.locator(".sign-in")).to_be_visible()


def test_the_focus_stays_where_it_is_when_a_part_is_drawn_anew(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi", floor="waiting").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        for held in (page.locator(".talk-who a"), page.locator(f"#row-{talk} a")):
            held.focus()
            drawn = page.locator("#lines .words").count()
            office.say("there")
            expect(page.locator("#lines .words")).to_have_count(drawn + 1)
            page.evaluate("document.querySelector('#talk').dataset.agent = 'somebody'")
            office.say("again")
            expect(page.locator("#lines .words")).to_have_count(drawn + 2)
            expect(held).to_be_focused()


def test_without_script_everything_but_live_works(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say("hi", floor="waiting").conversation_id
    with office.serve() as url, desk(browser, url, "aki", java_script_enabled=False) as aki:
        page = aki.page
        page.locator(f"#row-{talk} a").click()
        page.locator("#text").fill("Hello")
        page.locator("#send").click()
        expect(page.locator("#lines .line.agent .words")).to_have_text("Hello")
        page.locator("#text").fill("a note")
        page.locator("#as-note").click()
        expect(page.locator(".note-line .words")).to_have_text("a note")


def test_older_messages_come_when_the_log_is_scrolled_up(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say(*(f"text {n}" for n in range(100))).conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        expect(page.locator("#lines .line")).to_have_count(60)
        expect(page.locator("#lines .words").last).to_be_in_viewport()
        page.locator("#log").evaluate("log => log.scrollTop = 0")
        expect(page.locator("#lines .line")).to_have_count(100)
        expect(page.locator("#older")).to_have_count(0)
        assert page.locator("#lines .words").all_inner_texts() == [f"text {n}" for n in range(100)]


@pytest.mark.parametrize("options", [{}, PHONE])
def test_the_other_pages_hold_on_desk_and_phone(
    sqlite_office: Office, browser: Browser, options: dict[str, Any]
) -> None:
    office = sqlite_office
    with office.database.writing() as session:
        quick_replies.save_quick_reply(
            session, "hours", {"en": "ten to six", "zh": "十点到六点"}, office.time
        )
    with office.serve() as url, desk(browser, url, "ada", **options) as ada:
        for where in ("/console/quick-replies", "/console/staff", "/console/account", "/console/inbox"):
            ada.go(where)
            ada.check()
