"""Where an agent writes, in a real Chromium: keys, drafts, and what happens while a send is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, Route, expect
from sqlmodel import select

from console import floor
from crm_store import history, quick_replies
from tests.bots.webchat_browser import png
from tests.console.office import Office, desk
from tests.console.talk import leads_on, open_talk, wait_live


def sent(office: Office) -> list[str]:
    with office.database.reading() as session:
        found = session.exec(select(history.Message).where(history.Message.direction == "out")).all()
        return [message.text for message in found]


@contextmanager
def held(page: Page, deed: str, *, lost: bool = False) -> Iterator[None]:
    """The next request of a deed of the conversation waits until the block is left, or is lost then."""
    waiting: list[Route] = []
    page.route(f"**/{deed}", lambda route: waiting.append(route), times=1)
    yield
    for route in waiting:
        route.abort() if lost else route.continue_()


def enter(page: Page, deed: str) -> None:
    """Press Enter and wait until the page has asked for the deed."""
    with page.expect_request(f"**/{deed}"):
        page.keyboard.press("Enter")


def test_the_keyboard_is_enough(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    with office.database.writing() as session:
        quick_replies.save_quick_reply(session, "hours", {"en": "Hello {name}, ten to six"}, office.time)
        quick_replies.save_quick_reply(session, "bye", {"en": "Good bye"}, office.time)
    talk = office.say("hi", floor="waiting").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = aki.page
        wait_live(page)
        page.keyboard.press("?")
        expect(page.locator("#keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        with leads_on(page):
            page.keyboard.press("j")
        expect(page.locator("#talk")).to_have_attribute("data-id", str(talk))
        with leads_on(page):
            page.keyboard.press("t")
        expect(page.locator('#talk[data-floor="agent"]')).to_be_visible()
        page.locator(".menu summary").click()
        page.keyboard.press("Escape")
        expect(page.locator(".menu-body")).to_be_hidden()
        page.locator("#log").focus()
        page.keyboard.press("/")
        page.keyboard.type("ho")
        expect(page.locator("#quick li")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.locator("#text")).to_have_value("Hello 小林, ten to six")
        page.keyboard.press("Shift+Enter")
        page.keyboard.type("sharp")
        page.keyboard.press("Enter")
        expect(page.locator("#lines .line.agent .words")).to_have_text("Hello 小林, ten to six\nsharp")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        page.keyboard.type("nice person")
        page.keyboard.press("Enter")
        expect(page.locator(".note-line .words")).to_have_text("nice person")
        assert sent(office) == ["Hello 小林, ten to six\nsharp"]


def test_keys_pressed_while_a_reply_is_on_its_way_go_where_the_agent_has_moved(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        with held(page, "reply"):
            page.locator("#text").fill("Good bye")
            enter(page, "reply")
            page.keyboard.press("Escape")
            page.keyboard.press("n")
            page.keyboard.type("nice ")
        expect(page.locator("#lines .line.agent .words")).to_have_text("Good bye")
        page.keyboard.type("person")
        page.keyboard.press("Enter")
        expect(page.locator(".note-line .words")).to_have_text("nice person")
        assert sent(office) == ["Good bye"]


def test_an_answer_to_a_send_takes_the_focus_from_nobody(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        with held(page, "reply"):
            page.locator("#text").fill("Good bye")
            enter(page, "reply")
            page.keyboard.press("Escape")
            page.keyboard.press("s")
        expect(page.locator("#lines .line.agent .words")).to_have_text("Good bye")
        expect(page.locator("#search")).to_be_focused()


def test_what_is_written_while_a_reply_is_on_its_way_is_the_next_one(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        with held(page, "reply"):
            page.locator("#text").fill("one")
            enter(page, "reply")
            page.keyboard.type("two")
            page.keyboard.press("Enter")
            page.keyboard.type("thr")
        expect(page.locator("#lines .line.agent .words")).to_have_text(["one", "two"])
        page.keyboard.type("ee")
        expect(page.locator("#text")).to_have_value("three")
        assert sent(office) == ["one", "two"]


def test_a_reply_that_did_not_get_through_comes_back_and_is_sent_once(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)

        def lose_the_answer(route: Route) -> None:
            route.fetch()
            route.abort()

        page.route("**/reply", lose_the_answer, times=1)
        page.locator("#text").fill("Good bye")
        page.keyboard.press("Enter")
        expect(page.locator("#composer-error")).to_be_visible()
        expect(page.locator("#text")).to_have_value("Good bye")
        page.keyboard.press("Enter")
        expect(page.locator("#composer-error")).to_be_hidden()
        expect(page.locator("#composer")).to_have_attribute("aria-busy", "false")
        assert sent(office) == ["Good bye"]


def test_a_note_that_did_not_get_through_never_becomes_a_reply(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        page.keyboard.press("n")
        page.keyboard.type("knows the boss")
        with held(page, "note", lost=True):
            enter(page, "note")
            page.keyboard.type("Dear customer")
        expect(page.locator("#text")).to_have_value("knows the boss\nDear customer")
        page.reload()
        wait_live(page)
        page.locator("#text").press("Enter")
        expect(page.locator(".note-line .words")).to_have_text("knows the boss\nDear customer")
        assert sent(office) == []


def test_enter_while_an_input_method_composes_sends_nothing(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        page.locator("#text").focus()
        ime = page.context.new_cdp_session(page)
        ime.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
        page.evaluate(
            """() => document.getElementById("text").dispatchEvent(new KeyboardEvent("keydown",
               {key: "Enter", bubbles: true, cancelable: true, isComposing: true}))"""
        )
        ime.send("Input.insertText", {"text": "你好"})
        expect(page.locator("#text")).to_have_value("你好")
        assert sent(office) == []
        page.keyboard.press("Enter")
        expect(page.locator("#lines .line.agent .words")).to_have_text("你好")


def test_a_draft_is_kept_and_enter_hit_twice_sends_once(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        page.locator("#text").fill("half a sen")
        page.reload()
        expect(page.locator("#text")).to_have_value("half a sen")
        wait_live(page)
        page.locator("#text").press("Enter")
        page.locator("#text").press("Enter")
        expect(page.locator("#lines .line.agent .words")).to_have_text("half a sen")
        expect(page.locator("#text")).to_have_value("")
        assert sent(office) == ["half a sen"]


def test_a_reply_to_a_colleagues_conversation_asks_and_keeps_the_words(
    sqlite_office: Office, browser: Browser
) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    floor.take_over(office.host, "staff:bo", talk, "bo")
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        page.locator("#text").fill("Mine")
        page.locator("#text").press("Enter")
        expect(page.locator("blockquote")).to_have_text("Mine")
        aki.check()
        page.locator("main .button.primary").click()
        expect(page.locator("#lines .line.agent .words")).to_have_text("Mine")
        expect(page.locator("#text")).to_have_value("")


def test_a_picture_is_sent(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    talk = office.say("hi").conversation_id
    with office.serve() as url, desk(browser, url, "aki") as aki:
        page = open_talk(aki, talk)
        picture: Any = {"name": "cup.png", "mimeType": "image/png", "buffer": png()}
        page.locator("#picture").set_input_files(picture)
        expect(page.locator("#chosen")).to_have_text("cup.png")
        page.locator("#send").click()
        expect(page.locator("#lines .line.agent .shot")).to_have_count(1)
