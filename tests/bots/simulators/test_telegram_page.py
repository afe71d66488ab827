"""The page of the local Telegram, in a browser: being a customer there."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.bots.telegram_house import Aside

ANNA = 1002
KEYS = {
    "inline_keyboard": [[{"text": "Opening hours", "callback_data": "/hours"}]],
}


@pytest.fixture
def local() -> Iterator[Aside]:
    """A local Telegram with one customer."""
    with Aside() as aside:
        aside.platform.chats.join(ANNA, first_name="Anna", language_code="en")
        yield aside


def open_page(
    browser: Browser,
    url: str,
    width: int = 1366,
    scheme: Literal["light", "dark"] = "light",
    lang: str = "en",
) -> Page:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/?language={lang}")
    expect(page.locator("#who")).to_have_text("Anna")
    return page


def test_a_customer_writes_reads_and_taps_by_keyboard(browser: Browser, local: Aside) -> None:
    page = open_page(browser, local.url)
    page.get_by_role("button", name="Start").press("Enter")
    expect(page.locator(".bubble")).to_have_count(1)
    local.call("sendMessage", chat_id=ANNA, text="<b>您好</b> 🍵", reply_markup=KEYS)
    expect(page.locator(".bubble.bot p")).to_have_text("<b>您好</b> 🍵")
    page.get_by_role("button", name="Opening hours").press("Enter")
    expect(page.locator(".turning")).to_have_count(1)
    (query,) = local.platform.chats.presses
    local.call("answerCallbackQuery", callback_query_id=query)
    expect(page.locator(".turning")).to_have_count(0)
    page.get_by_label("Message", exact=True).fill("你们几点开门？")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble").last).to_contain_text("你们几点开门？")
    expect(page.get_by_label("Message", exact=True)).to_have_value("")
    kinds = [
        next(name for name in update if name != "update_id") for update in local.platform.updates.waiting
    ]
    assert kinds == ["message", "callback_query", "message"]


def test_everything_a_customer_can_send_is_seen(browser: Browser, local: Aside) -> None:
    page = open_page(browser, local.url)
    page.get_by_role("button", name="Location").click()
    page.get_by_role("button", name="Own number").click()
    expect(page.locator(".bubble")).to_have_count(2)
    drawn = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "JPEG")
    page.set_input_files(
        "#photo", {"name": "pot.jpg", "mimeType": "image/jpeg", "buffer": drawn.getvalue()}
    )
    expect(page.locator(".bubble img")).to_have_js_property("naturalWidth", 40)
    expect(page.locator(".bubble").nth(1)).to_contain_text("+8613800001002")


def test_who_blocks_the_bot_cannot_write_until_it_is_let_in_again(browser: Browser, local: Aside) -> None:
    page = open_page(browser, local.url)
    page.get_by_role("button", name="Block").click()
    expect(page.get_by_label("Message", exact=True)).to_be_disabled()
    expect(page.locator("#standing")).to_have_text("Has blocked the bot")
    page.get_by_role("button", name="Unblock").click()
    expect(page.get_by_label("Message", exact=True)).to_be_enabled()


def test_clock_and_faults_are_set_and_shown(browser: Browser, local: Aside) -> None:
    page = open_page(browser, local.url)
    before = local.platform.clock.now()
    page.get_by_role("button", name="+1 day").click()
    page.get_by_label("What").select_option("sendMessage")
    page.get_by_label("Goes wrong as").select_option("429")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#faults li")).to_have_text("sendMessage: 429 too many requests × 1")
    assert (local.platform.clock.now() - before).days == 1


def test_a_new_person_can_join_and_what_fails_is_said(browser: Browser, local: Aside) -> None:
    page = open_page(browser, local.url)
    page.get_by_label("Name").fill("김민준")
    page.keyboard.press("Enter")
    expect(page.locator("#who")).to_have_text("김민준")
    page.get_by_label("Times").fill("0")
    page.locator("#spoil").evaluate("form => { form.noValidate = true; form.requestSubmit(); }")
    expect(page.get_by_role("alert")).to_contain_text("expected times >= 1")


@pytest.mark.parametrize(
    ("width", "scheme", "lang"),
    [(390, "light", "en"), (390, "dark", "zh"), (1366, "light", "zh"), (1366, "dark", "en")],
)
def test_the_page_fits_is_accessible_and_asks_no_other_host(
    browser: Browser, local: Aside, width: int, scheme: Literal["light", "dark"], lang: str
) -> None:
    hosts: set[str] = set()
    page = open_page(browser, local.url, width, scheme, lang)
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.locator("#start").click()
    local.call("sendMessage", chat_id=ANNA, text="字" * 300, reply_markup=KEYS)
    local.call("sendPhoto", chat_id=ANNA, photo="https://shop.example/" + "p" * 90 + ".jpg")
    expect(page.locator(".bubble")).to_have_count(3)
    page.reload()
    expect(page.locator(".bubble")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    clipped = page.evaluate(
        """() => [...document.querySelectorAll('button, input:not(.unseen), select, .bubble')]
            .filter((e) => !e.closest('#people') && e.checkVisibility())
            .filter((e) => e.getBoundingClientRect().right > innerWidth
                || e.scrollWidth > e.clientWidth + 1)
            .map((e) => e.outerHTML)"""
    )
    assert clipped == []
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert hosts == {urlsplit(local.url).netloc}
