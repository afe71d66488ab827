"""The page of the local WeChat in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.bots.simulators.wechat_shop import open_site

DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


@contextmanager
def _page(
    browser: Browser, size: dict[str, int], locale: str = "zh-CN", scheme: str = "light"
) -> Iterator[Page]:
    """The page opened by a follower; nothing may be asked of another host, nothing may go wrong in it."""
    with open_site() as address:
        context = browser.new_context(
            viewport={"width": size["width"], "height": size["height"]},
            locale=locale,
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((address, "data:", "blob:")) else wrong.append(request.url)
            ),
        )
        page.goto(address)
        page.locator("#follow").click()
        expect(page.locator("#composer")).to_be_visible()
        yield page
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()
        assert wrong == []


def _say(page: Page, text: str) -> None:
    page.locator("#text").fill(text)
    page.locator("#text").press("Enter")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_what_is_written_is_answered_and_a_choice_can_be_tapped(
    browser: Browser, size: dict[str, int]
) -> None:
    with _page(browser, size) as page:
        _say(page, "你们几点开门？")
        expect(page.locator(".mine .bubble")).to_have_text("你们几点开门？")
        expect(page.locator(".theirs .bubble")).to_contain_text("收到：你们几点开门？")
        page.get_by_role("button", name="地址", exact=True).click()
        expect(page.locator(".theirs .bubble").last).to_contain_text("收到：地址")


def test_markup_in_a_message_stays_words(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        _say(page, '<img src=x onerror="document.title=1"><b>粗</b>')
        expect(page.locator(".theirs .bubble")).to_contain_text(
            '<img src=x onerror="document.title=1"><b>粗</b>'
        )
        assert page.locator(".lines b, .lines img").count() == 0


def test_the_menu_can_be_used_by_keyboard(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        page.get_by_role("button", name="逛一逛").press("Enter")
        page.get_by_role("button", name="营业时间", exact=True).press("Enter")
        expect(page.locator(".theirs .bubble")).to_contain_text("收到：营业时间")
        expect(page.get_by_role("button", name="营业时间", exact=True)).to_be_hidden()


def test_pictures_voices_places_and_codes_can_be_sent(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        for name, button, seen in (
            ("图片", "发送示例图片", ".mine img"),
            ("语音", "发送", ".mine .voice"),
            ("位置", "发送", ".mine .place"),
            ("扫一扫", "生成并扫描", ".aside:has-text('扫描了二维码')"),
        ):
            page.locator("#more").click()
            page.locator("#tray").get_by_role("button", name=name).click()
            page.locator("dialog[open]").get_by_role("button", name=button).click()
            expect(page.locator(seen)).to_be_visible()


def test_the_panel_shows_the_allowance_and_the_pushes(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        expect(page.locator("#left")).to_have_text("3")
        _say(page, "你好")
        expect(page.locator("#left")).to_have_text("5")
        expect(page.locator("#windows li").last.locator("time")).to_have_text(re.compile("^47:5"))
        page.get_by_role("button", name="+48 小时").click()
        expect(page.locator("#left-words")).to_contain_text("45015")
        entry = page.locator("#pushes .entry").first
        expect(entry).to_contain_text("已回复")
        entry.locator("summary").click()
        expect(entry.locator("pre").first).to_contain_text('"Content": "你好"')


def test_a_scripted_fault_shows_what_a_customer_of_a_broken_account_sees(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        page.get_by_role("tab", name="故障").click()
        page.locator("#push-kind").select_option("bad_signature")
        page.locator(".fault").first.get_by_role("button", name="安排").click()
        expect(page.locator("#faults li")).to_have_count(1)
        _say(page, "你好")
        expect(page.locator("#faults li")).to_have_count(0)


def test_a_customer_can_be_added_chosen_and_can_leave(browser: Browser) -> None:
    with _page(browser, DESKTOP) as page:
        page.locator("#new-name").fill("陈思远")
        page.locator("#new-name").press("Enter")
        page.get_by_role("button", name="陈思远").click()
        expect(page.locator("#stranger")).to_be_visible()
        page.locator("body").press("Alt+ArrowDown")
        expect(page.locator("#composer")).to_be_visible()
        page.locator("#more").click()
        page.locator("#unfollow").click()
        expect(page.locator("#stranger")).to_be_visible()


def test_on_a_phone_people_and_panel_are_drawers(browser: Browser) -> None:
    with _page(browser, PHONE, locale="en-GB") as page:
        expect(page.locator("#panel")).to_be_hidden()
        page.get_by_role("button", name="Open the panel").click()
        expect(page.locator("#left")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).to_be_hidden()
        page.get_by_role("button", name="Customers").click()
        page.locator("#people").get_by_role("button", name="Anna Keller").click()
        expect(page.locator("#people")).to_be_hidden()
        expect(page.locator("#stranger")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_is_accessible(browser: Browser, size: dict[str, int], scheme: str) -> None:
    with _page(browser, size, scheme=scheme) as page:
        _say(page, "你好")
        expect(page.locator(".theirs .bubble")).to_be_visible()
        found = Axe().run(page).response["violations"]
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == [], json.dumps(
            found
        )
