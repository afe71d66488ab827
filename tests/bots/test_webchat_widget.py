from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from crm_store.messages import Content
from tests.bots.webchat_browser import Chat, visit
from tests.bots.webchat_host import House, Shop, open_house, open_shop

PAGE = """<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,"><style>
* {{ color: rgb(51, 51, 51); font-family: monospace }}
button {{ background: red !important; display: none !important }}
iframe {{ border: 9px solid red !important }}</style></head>
<body><main><h1>A shop</h1></main>
<script src="{home}/widget.js" {attributes} async></script></body></html>"""


@contextmanager
def open_both(attributes: str = 'data-channel="site"') -> Iterator[tuple[House, Shop]]:
    with open_shop() as shop, open_house(allowed_origins=[shop.url]) as house:
        shop.html = PAGE.format(home=house.url, attributes=attributes)
        yield house, shop


def press_bubble(page: Page) -> None:
    """Open the chat."""
    page.locator("parley-widget button").click()


def chat_in(page: Page) -> Chat:
    """The chat in its frame, when it is online."""
    page.wait_for_event("frameattached") if len(page.frames) < 2 else None
    chat = Chat(page.frames[1])
    chat.wait_online()
    return chat


def test_nothing_is_loaded_of_the_chat_before_the_visitor_opens_it(browser: Browser) -> None:
    with open_both() as (house, shop), visit(browser) as visitor:
        visitor.page.goto(shop.url)
        visitor.page.locator("parley-widget").wait_for(state="attached")
        assert visitor.asked == [f"{shop.url}/", f"{house.url}/widget.js"]


def test_a_visitor_talks_to_the_house_from_the_shops_page(browser: Browser) -> None:
    with open_both() as (house, shop), visit(browser) as visitor:
        visitor.page.goto(shop.url)
        press_bubble(visitor.page)
        chat = chat_in(visitor.page)
        expect(chat.page.locator("#text")).to_be_focused()
        chat.write("hello")
        chat.expect_lines("hello", "You said: hello")
        hosts = (shop.url, house.url, house.url.replace("http", "ws", 1), "blob:", "data:")
        assert [url for url in visitor.asked if not url.startswith(hosts)] == []


def test_what_comes_while_the_chat_is_shut_is_counted_until_it_is_seen(browser: Browser) -> None:
    with open_both() as (house, shop), visit(browser) as visitor:
        page = visitor.page
        page.goto(shop.url)
        press_bubble(page)
        chat = chat_in(page)
        chat.write("hello")
        chat.expect_lines("hello", "You said: hello")
        chat.page.locator("#text").press("Escape")
        expect(page.locator("#text")).to_have_count(0)
        expect(page.get_by_role("button", name="Chat with us")).to_be_focused()
        house.say(Content(text="one more thing"))
        expect(page.get_by_role("button", name="Chat with us, 1 unread messages")).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Chat with us, 1 unread messages")).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        chat_in(page).expect_lines("hello", "You said: hello", "one more thing")
        expect(page.get_by_role("button", name="Close the chat")).to_be_visible()


def test_the_shops_style_and_the_widgets_leave_each_other_alone(browser: Browser) -> None:
    with open_both() as (_, shop), visit(browser) as visitor:
        page = visitor.page
        page.goto(shop.url)
        press_bubble(page)
        chat_in(page)
        assert page.locator("h1").evaluate("h1 => getComputedStyle(h1).color") == "rgb(51, 51, 51)"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        found = Axe().run(page).response["violations"]
        assert [(v["id"], v["impact"]) for v in found if v["impact"] in ("serious", "critical")] == []


def test_on_a_phone_the_chat_fills_the_screen_and_can_be_shut(browser: Browser) -> None:
    with open_both() as (_, shop), visit(browser, viewport={"width": 390, "height": 844}) as visitor:
        visitor.page.goto(shop.url)
        press_bubble(visitor.page)
        chat = chat_in(visitor.page)
        assert chat.page.evaluate("[innerWidth, innerHeight]") == [390, 844]
        chat.page.get_by_role("button", name="Close").click()
        expect(visitor.page.get_by_role("button", name="Chat with us")).to_be_focused()


def test_the_shop_may_say_language_and_label(browser: Browser) -> None:
    attributes = 'data-channel="site" data-language="zh" data-label="问一问"'
    with open_both(attributes) as (_, shop), visit(browser) as visitor:
        visitor.page.goto(shop.url)
        expect(visitor.page.get_by_role("button", name="问一问")).to_be_visible()
        press_bubble(visitor.page)
        expect(chat_in(visitor.page).page.locator("#text")).to_have_attribute("placeholder", "请输入消息…")


def test_a_page_of_another_origin_cannot_frame_the_chat(browser: Browser) -> None:
    with open_both() as (house, shop), open_shop() as thief, visit(browser) as visitor:
        for query in (f"?origin={shop.url}", "", f"?origin={thief.url}"):
            thief.html = f'<!doctype html><iframe src="{house.chat}{query}"></iframe>'
            visitor.page.goto(thief.url)
            assert visitor.page.frames[1].locator("#text").count() == 0
        assert house.host.recorded == []


def test_messages_of_strangers_do_not_move_the_widget(browser: Browser) -> None:
    with open_both() as (_, shop), visit(browser) as visitor:
        page = visitor.page
        page.goto(shop.url)
        press_bubble(page)
        chat_in(page)
        page.evaluate("window.postMessage({ parley: 'close' }, location.origin)")
        page.evaluate("window.postMessage({ parley: 'unread', value: 7 }, location.origin)")
        page.evaluate("new Promise(done => { addEventListener('message', done); postMessage(0, '*') })")
        expect(page.get_by_role("button", name="Close the chat")).to_be_visible()
