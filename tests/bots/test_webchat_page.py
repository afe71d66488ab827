from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from bots.base import LiveEvent
from crm_store.messages import Button, Content, Incoming, Media
from tests.bots.webchat_browser import Visit, png, visit
from tests.bots.webchat_host import House, WebchatHost, open_house

PICTURE: Any = {"name": "cup.png", "mimeType": "image/png", "buffer": png()}
ATTACKS = [
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    "javascript:window.hacked=1",
    'https://a.example/"onmouseover="window.hacked=1',
]


@pytest.fixture
def house() -> Iterator[House]:
    with open_house(suggestions={"en": ["When are you open?"], "zh": ["几点营业？"]}) as opened:
        yield opened


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visit]:
    with visit(browser) as visitor:
        yield visitor


def test_a_message_gets_its_answer_and_both_are_there_after_a_reload(house: House, visitor: Visit) -> None:
    chat = visitor.open_chat(house)
    expect(visitor.page.locator(".greeting .bubble")).to_have_text("Hello and welcome! How can we help?")
    chat.write("你好\nhello")
    chat.expect_lines("你好\nhello", "You said: 你好\nhello")
    expect(visitor.page.locator(".mine .line-state")).to_contain_text("Delivered")
    visitor.page.reload()
    chat.expect_lines("你好\nhello", "You said: 你好\nhello")
    expect(visitor.page.locator(".greeting")).to_have_count(0)
    assert len({incoming.address for incoming in house.host.recorded}) == 1


def test_a_suggestion_is_said_as_it_stands(house: House, visitor: Visit) -> None:
    chat = visitor.open_chat(house)
    visitor.page.get_by_role("button", name="When are you open?").click()
    chat.expect_lines("When are you open?", "You said: When are you open?")


def test_what_is_written_while_the_house_is_away_arrives_once_it_is_back(
    house: House, visitor: Visit
) -> None:
    chat = visitor.open_chat(house)
    chat.write("one")
    chat.expect_lines("one", "You said: one")
    house.close()
    expect(visitor.page.locator("#state[data-state=lost]")).to_be_visible()
    chat.write("two")
    chat.write("three")
    expect(visitor.page.locator(".line[data-state=unsent]")).to_have_count(2)
    house.open()
    chat.wait_online()
    chat.expect_lines("one", "You said: one", "two", "You said: two", "three", "You said: three")
    assert [incoming.content.text for incoming in house.host.recorded] == ["one", "two", "three"]


def test_lines_written_while_the_page_was_cut_off_come_once_and_in_order(
    house: House, visitor: Visit
) -> None:
    chat = visitor.open_chat(house)
    chat.write("one")
    chat.expect_lines("one", "You said: one")
    house.close()
    address = house.host.recorded[0].address
    for number in range(60):
        house.host.say(address, Content(text=str(number)))
    house.open()
    chat.expect_lines("one", "You said: one", *map(str, range(60)))


def test_an_unsent_message_outlives_a_closed_tab(house: House, visitor: Visit) -> None:
    visitor.open_chat(house)
    house.close()
    expect(visitor.page.locator("#state[data-state=lost]")).to_be_visible()
    visitor.page.locator("#text").fill("still here")
    visitor.page.locator("#text").press("Enter")
    expect(visitor.page.locator(".line[data-state=unsent]")).to_have_count(1)
    page = visitor.page.context.new_page()
    visitor.page.close()
    house.open()
    page.goto(house.chat)
    expect(page.locator(".line:not(.greeting) .bubble")).to_have_text(
        ["still here", "You said: still here"]
    )


def test_a_message_confirmed_too_late_is_not_doubled(house: House, visitor: Visit) -> None:
    """The house records, but its confirmation is lost with the connection: the page says it again."""
    visitor.page.route_web_socket(
        "**/socket",
        lambda socket: socket.connect_to_server().on_message(
            lambda message: (
                socket.close(code=1012) if '"kept"' in str(message) and first() else socket.send(message)
            )
        ),
    )
    cut: list[bool] = []

    def first() -> bool:
        cut.append(True)
        return len(cut) == 1

    chat = visitor.open_chat(house)
    chat.write("hello")
    chat.write("again")
    chat.expect_lines("hello", "You said: hello", "again", "You said: again")
    assert [incoming.content.text for incoming in house.host.recorded] == ["hello", "again"]
    assert cut


def test_without_sockets_the_page_polls(house: House, visitor: Visit) -> None:
    visitor.page.add_init_script(
        "WebSocket.prototype.send = function () { this.close() }; WebSocket = class "
        "{ constructor() { setTimeout(() => this.onclose()) } close() {} }"
    )
    chat = visitor.open_chat(house)
    chat.write("hello")
    chat.expect_lines("hello", "You said: hello")
    house.say(Content(text="later"))
    chat.expect_lines("hello", "You said: hello", "later")


def test_a_pressed_button_says_its_payload(visitor: Visit) -> None:
    def answer(incoming: Incoming) -> Sequence[Content]:
        if incoming.payload:
            return [Content(text=f"Chosen: {incoming.payload}")]
        return [Content(text="Which tea?", buttons=(Button("绿茶 Green", '/choose{"tea":"green"}'),))]

    with open_house(WebchatHost(answer)) as house:
        chat = visitor.open_chat(house)
        chat.write("tea")
        visitor.page.get_by_role("button", name="绿茶 Green").click()
        chat.expect_lines("tea", "Which tea?", "绿茶 Green", 'Chosen: /choose{"tea":"green"}')


def test_enter_does_not_send_while_an_input_method_is_composing(house: House, visitor: Visit) -> None:
    chat = visitor.open_chat(house)
    text = visitor.page.locator("#text")
    text.focus()
    keyboard = visitor.page.context.new_cdp_session(visitor.page)
    keyboard.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    for code in (13, 229):
        keyboard.send(
            "Input.dispatchKeyEvent", {"type": "rawKeyDown", "key": "Enter", "windowsVirtualKeyCode": code}
        )
        keyboard.send(
            "Input.dispatchKeyEvent", {"type": "keyUp", "key": "Enter", "windowsVirtualKeyCode": code}
        )
    expect(chat.lines).to_have_count(0)
    keyboard.send("Input.insertText", {"text": "你好"})
    expect(text).to_have_value("你好")
    text.press("Shift+Enter")
    text.press_sequentially("x")
    text.press("Enter")
    chat.expect_lines("你好\nx", "You said: 你好\nx")
    assert len(house.host.recorded) == 1


def test_a_picture_is_shown_before_and_after_it_goes_and_stays_before_its_text(
    house: House, visitor: Visit
) -> None:
    chat = visitor.open_chat(house)
    page = visitor.page
    page.locator("#file").set_input_files([PICTURE, PICTURE])
    expect(page.locator(".chat-pictures img")).to_have_count(2)
    page.get_by_role("button", name="Remove picture").first.click()
    page.locator("#text").fill("broken")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".mine img")).to_have_attribute("src", f"{house.url}/media/1")
    expect(chat.lines.nth(2)).to_have_text("broken")
    assert (
        page.locator(".mine img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 80
    )
    assert [incoming.content.kind for incoming in house.host.recorded] == ["image", "text"]


def test_a_picture_can_be_pasted_and_what_is_none_is_refused_in_words(house: House, visitor: Visit) -> None:
    visitor.open_chat(house)
    page = visitor.page
    paste = """([name, type]) => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], name, { type }));
        const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        document.getElementById("text").dispatchEvent(event);
    }"""
    page.evaluate(paste, ["cup.png", "image/png"])
    expect(page.locator(".chat-pictures img")).to_have_count(1)
    page.evaluate(paste, ["song.mp3", "audio/mpeg"])
    expect(page.get_by_role("alert")).to_have_text("Only PNG, JPEG, GIF and WebP pictures")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".line[data-state=failed] .line-state")).to_have_text(
        "Only PNG, JPEG, GIF and WebP pictures"
    )
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert house.host.recorded == []


def test_nothing_that_anybody_writes_becomes_markup_or_script(visitor: Visit) -> None:
    def answer(incoming: Incoming) -> Sequence[Content]:
        text = incoming.content.text
        return [
            Content(text=text, buttons=(Button(text, text),)),
            Content("image", text=text, media=Media(url=text)),
            Content("link", data={"url": text, "title": text, "description": text}),
            Content("file", media=Media(url=text, name=text)),
            Content("location", data={"latitude": text, "longitude": text, "label": text}),
            Content("contact", data={"phone_number": text, "name": text}),
            Content("video", media=Media(url=text)),
            Content("event", data={"name": text}),
            Content("unknown", text=text),
        ]

    with open_house(WebchatHost(answer)) as house:
        chat = visitor.open_chat(house)
        for count, attack in enumerate(ATTACKS, 1):
            chat.write(attack)
            expect(chat.lines).to_have_count(9 * count)
        hrefs = visitor.page.locator("#lines a").evaluate_all("links => links.map(link => link.protocol)")
        assert set(hrefs) <= {"http:", "https:", "tel:"}
        assert visitor.page.locator("#lines script, #lines [onerror], #lines [onmouseover]").count() == 0
        assert visitor.page.evaluate("window.hacked") is None


def test_every_kind_of_content_is_drawn(visitor: Visit) -> None:
    contents = [
        Content(text="See https://shop.example/a?b=1。谢谢\nBye (https://shop.example)."),
        Content("image", text="A cup", media=Media(url="/media/1")),
        Content("voice", media=Media(url="/media/1")),
        Content("file", media=Media(url="/media/1", name="menu.pdf", size=20_000)),
        Content("location", data={"latitude": 31.23, "longitude": 121.47, "label": "茶馆"}),
        Content(
            "link", data={"url": "https://shop.example/tea", "title": "Tea", "description": "All of it"}
        ),
        Content("contact", data={"phone_number": "+86 21 5555 0100", "name": "陈"}),
        Content("unknown"),
    ]
    with open_house(WebchatHost(lambda _: contents)) as house:
        house.host.kept.append((png(), "image/png", "cup.png"))
        chat = visitor.open_chat(house)
        chat.write("all")
        expect(chat.lines).to_have_count(9)
        links = chat.lines.nth(1).locator("a")
        expect(links).to_have_text(["https://shop.example/a?b=1", "https://shop.example"])
        expect(chat.lines.nth(2).get_by_role("img", name="A cup")).to_be_visible()
        expect(chat.lines.nth(3).locator("audio")).to_have_attribute("src", f"{house.url}/media/1")
        expect(chat.lines.nth(4)).to_have_text("menu.pdf20 kB")
        expect(chat.lines.nth(5).get_by_role("link")).to_have_attribute(
            "href", pattern("mlat=31.23&mlon=121.47")
        )
        expect(chat.lines.nth(6).get_by_role("link")).to_have_attribute("href", "https://shop.example/tea")
        expect(chat.lines.nth(7).get_by_role("link")).to_have_attribute("href", "tel:+862155550100")
        expect(chat.lines.nth(8)).to_have_text("A message that cannot be shown here")


def test_typing_shows_dots_until_the_line_comes_and_a_colleague_is_named(
    house: House, visitor: Visit
) -> None:
    chat = visitor.open_chat(house)
    chat.write("hello")
    expect(chat.lines).to_have_count(2)
    address = house.host.recorded[0].address

    async def type_something() -> None:
        house.host.publish(address, LiveEvent("floor", data={"floor": "waiting"}))
        house.host.publish(address, LiveEvent("typing", data={"sender": "agent"}))

    house.run(type_something())
    expect(visitor.page.locator("#typing")).to_be_visible()
    expect(visitor.page.locator("#state")).to_have_text("Getting a colleague for you…")
    house.say(Content(text="I am Chen."), "agent")
    expect(visitor.page.locator("#typing")).to_be_hidden()
    expect(visitor.page.locator("#state")).to_have_text("You are talking to a colleague")


def test_the_language_follows_the_browser_and_a_choice_stays(house: House, browser: Browser) -> None:
    with visit(browser, locale="zh-CN") as visitor:
        visitor.open_chat(house)
        expect(visitor.page.locator("#text")).to_have_attribute("placeholder", "请输入消息…")
        visitor.page.get_by_role("link", name="English").click()
        expect(visitor.page.locator("#text")).to_have_attribute("placeholder", "Write a message…")
        visitor.page.goto(house.chat)
        expect(visitor.page.locator("html")).to_have_attribute("lang", "en")


def test_days_are_set_apart(house: House, visitor: Visit) -> None:
    house.host.advance(-timedelta(days=2))
    chat = visitor.open_chat(house)
    chat.write("two days ago")
    expect(chat.lines).to_have_count(2)
    for _ in range(2):
        house.host.advance(timedelta(days=1))
        house.say(Content(text="a day later"))
    expect(chat.lines).to_have_count(4)
    visitor.page.reload()
    expect(chat.lines).to_have_count(4)
    day = (house.host.now() - timedelta(days=2)).astimezone(ZoneInfo("Asia/Shanghai"))
    expect(visitor.page.locator(".line-day")).to_have_text([f"{day:%b} {day.day}", "Yesterday", "Today"])


def test_who_reads_further_up_is_told_of_new_lines_and_left_in_peace(house: House, visitor: Visit) -> None:
    chat = visitor.open_chat(house)
    chat.write("hello")
    expect(chat.lines).to_have_count(2)
    for number in range(40):
        house.say(Content(text=str(number)))
    expect(chat.lines.last).to_be_in_viewport()
    expect(chat.lines).to_have_count(42)
    log = visitor.page.locator("#log")
    log.evaluate("log => new Promise(done => { log.onscrollend = done; log.scrollTop = 100 })")
    house.say(Content(text="more"))
    expect(visitor.page.locator("#newer")).to_be_visible()
    assert log.evaluate("log => log.scrollTop") == 100
    visitor.page.locator("#newer").click()
    expect(chat.lines.last).to_be_in_viewport()
    expect(visitor.page.locator("#newer")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1366, 850)])
def test_the_page_fits_can_be_read_by_all_and_asks_nobody_else(
    browser: Browser, scheme: str, width: int, height: int
) -> None:
    buttons = tuple(
        Button(f"一个相当长的选项 {number} with a long title", f"/{number}") for number in range(4)
    )
    long = Content(text="W" * 300 + " https://shop.example/" + "a" * 200, buttons=buttons)
    with (
        open_house(WebchatHost(lambda _: [long])) as house,
        visit(browser, color_scheme=scheme, viewport={"width": width, "height": height}) as visitor,
    ):
        chat = visitor.open_chat(house)
        chat.write("很长" * 200)
        expect(chat.lines).to_have_count(2)
        visitor.page.locator("#file").set_input_files([PICTURE] * 6)
        right_edges = visitor.page.locator(".bubble, .line-button, #send, .chat-languages").evaluate_all(
            "parts => parts.map(part => part.getBoundingClientRect().right)"
        )
        assert max(right_edges) <= width
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(visitor.page).response["violations"]
        assert [(v["id"], v["impact"]) for v in found if v["impact"] in ("serious", "critical")] == []
        ground = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) < 200) == (scheme == "dark")
        own = (house.url, house.url.replace("http", "ws", 1), "blob:", "data:")
        assert [url for url in visitor.asked if not url.startswith(own)] == []


def pattern(text: str) -> re.Pattern[str]:
    """An address that contains a text."""
    return re.compile(re.escape(text))
