"""The bot as a picture: drawn without overlaps, narrowed, searched, walked by keys, pinched on a phone."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from console.app import create_console
from console.layered import Sizes, lay_out
from console.stories import shortened
from console.story_views import MOST, Book, Wanted
from nlu.domain import Domain, Form
from nlu.responses import Variation
from nlu.steps import Checkpoint, Does, Heard, Loop, Step, Story
from nlu.story_graph import weave
from tests.console.office import PHONE, Office, desk
from tests.nlu.test_large_bot import _large

SIZES = Sizes()
ABOUT = {
    "greet": {"examples": 12, "entries": 0, "some": ["你好", "hello"]},
    "utter_greet": {
        "texts": [
            {"text": "您好！", "language": "zh", "channel": "", "only": "", "buttons": ["营业时间"]},
            {"text": "Hello! <b>", "language": "en", "channel": "", "only": "", "buttons": []},
        ]
    },
    "contact_form": {"slots": ["phone"]},
}
FINDINGS = [
    {"kind": "no_examples", "about": "ghost", "said": "", "file": "data/stories.yml", "line": 9},
    {"kind": "unsaid", "about": "utter_never", "said": "", "file": "", "line": 0},
]


def story(name: str, *steps: Step, rule: bool = False, line: int = 1) -> Story:
    lines = tuple(range(line + 1, line + 1 + len(steps)))
    return Story(name, steps, "data/stories.yml", line, lines, is_rule=rule)


def told() -> Mapping[str, Any]:
    """A small bot with a bit of everything."""
    domain = Domain(
        forms={"contact_form": Form("contact_form", ("phone",))},
        responses={"utter_ask_phone": [Variation("Which number?")]},
    )
    rules = [
        story("Greet", Heard("greet"), Does("utter_greet"), rule=True),
        story("Call", Heard("call"), Does("contact_form"), Loop("contact_form"), rule=True, line=5),
    ]
    stories = [
        story("点餐", Heard("order"), Does("utter_menu"), Heard("affirm"), Does("utter_ok"), line=10),
        story("不点", Heard("order"), Does("utter_menu"), Heard("ghost"), Checkpoint("later"), line=20),
        story("On", Checkpoint("later"), Heard("thank"), Does("utter_ok"), line=30),
    ]
    return {**weave(domain, rules, stories).to_json(), "findings": FINDINGS, "about": ABOUT}


def large() -> Mapping[str, Any]:
    project = _large()
    graph = weave(project.domain, project.rules, project.stories)
    return {**graph.to_json(), "findings": [], "about": {}}


@pytest.fixture
def drawn(sqlite_office: Office) -> Office:
    """An office with that bot."""
    book = told()
    return with_book(sqlite_office, book)


def with_book(office: Office, book: Mapping[str, Any]) -> Office:
    office.host = replace(office.host, stories=lambda: book)
    office.console = create_console(office.host)
    return office


def names(book: Book, wanted: Wanted) -> list[str]:
    return ["/".join(book.nodes[node]["names"]) for node in book.show(wanted).nodes]


@pytest.mark.parametrize("make", [told, large])
def test_nodes_lie_on_nothing_else_and_edges_lead_to_the_right(make: Any) -> None:
    book = Book(make())
    began = time.process_time()
    picture = lay_out(range(len(book.nodes)), book.edges, SIZES)
    assert time.process_time() - began < 1.0
    rows: dict[int, list[int]] = {}
    for x, y in picture.places.values():
        rows.setdefault(x, []).append(y)
        assert 0 <= x <= picture.width - SIZES.width
        assert 0 <= y <= picture.height - SIZES.height
    for column in rows.values():
        column.sort()
        between = [after - before for before, after in pairwise(column)]
        assert min(between, default=SIZES.height) >= SIZES.height
    for start, end in book.edges:
        assert picture.places[start][0] + SIZES.width < picture.places[end][0]
    assert len(picture.lines) == len(book.edges)
    assert lay_out(range(len(book.nodes)), book.edges, SIZES) == picture


def test_a_view_holds_what_was_asked_for_and_nothing_else() -> None:
    book = Book(told())
    assert names(book, Wanted(story="s0")) == ["order", "utter_menu", "affirm", "utter_ok"]
    assert names(book, Wanted(kind="form")) == ["contact_form", "utter_ask_phone", "call"]
    assert set(names(book, Wanted(words="您好"))) == {"greet", "utter_greet"}
    assert set(names(book, Wanted(words="点餐"))) == {"order", "utter_menu", "affirm", "utter_ok"}
    assert names(book, Wanted(words="no such thing")) == []
    ghost = next(node["id"] for node in book.nodes if node["names"] == ("ghost",))
    assert set(names(book, Wanted(at=ghost))) == {
        "order", "utter_menu", "ghost", "later", "thank", "utter_ok",
    }  # fmt: skip
    assert len(book.show(Wanted(at=ghost)).nodes) == 6
    assert book.marks == {ghost: [0]}


def test_of_a_large_bot_only_so_much_is_drawn_and_the_rest_is_one_step_away() -> None:
    book = Book(large())
    shown = book.show(Wanted())
    assert len(shown.nodes) == MOST
    assert shown.beyond
    node, count = max(shown.beyond.items(), key=lambda pair: pair[1])
    assert set(book.after[node]) <= set(book.show(Wanted(at=node)).nodes)
    assert count >= len(set(book.after[node]) - set(shown.nodes))
    found = book.show(Wanted(words="utter_17"))
    assert found.found
    assert all("utter_17" in "/".join(book.nodes[one]["names"]) for one in found.found)
    whole = book.show(Wanted(story="s7"))
    assert set(whole.nodes) == set(book.stories["s7"]["way"])


def test_a_text_is_cut_where_it_is_too_wide() -> None:
    assert shortened("utter_greet", 11) == "utter_greet"
    assert shortened("utter_greeting", 11) == "utter_gree…"
    assert shortened("您好，想吃点什么？", 11) == "您好，想…"


def test_the_page_shows_words_examples_places_and_problems(drawn: Office) -> None:
    mia = drawn.as_("mia")
    page = mia.get("/console/stories").text
    assert "Hello! &lt;b&gt;" in page
    assert "<b>" not in page.replace("<b class", "")
    assert "Examples: 12" in page
    assert "The intent ghost has no examples" in page
    ids = {match[2]: match[1] for match in re.finditer(r'data-id="(\d+)"[^>]*>\s*<title>\w+: (\w+)', page)}
    details = mia.get(f"/console/stories/node?node={ids['greet']}").text
    for said in ("Examples: 12", "你好", "data/stories.yml:2", "Greet"):
        assert said in details
    ghost = mia.get(f"/console/stories?node={ids['ghost']}").text
    assert 'class="notice danger"' in ghost
    assert mia.get("/console/stories/node?node=999").status_code == 404
    assert mia.get("/console/stories?node=x&at=99999999999&kind=y&story=z").status_code == 200


def test_only_who_may_see_the_stories_sees_them(drawn: Office) -> None:
    assert drawn.as_("ada").get("/console/stories").status_code == 200
    for name in ("aki", "sue"):
        person = drawn.as_(name)
        assert person.get("/console/stories").status_code == 403
        assert person.get("/console/stories/node?node=1").status_code == 403
        assert "/console/stories" not in person.get("/console/account").text


def scale(page: Page) -> float:
    moved = page.locator("#scene").get_attribute("transform") or ""
    found = re.search(r"scale\(([\d.]+)\)", moved)
    assert found, moved
    return float(found[1])


def place(page: Page) -> str:
    return page.locator("#scene").get_attribute("transform") or ""


def node(page: Page, name: str) -> Any:
    return page.locator(f'.node[aria-label*=": {name}"]').first


def test_in_a_browser_it_is_zoomed_moved_walked_and_searched(drawn: Office, browser: Browser) -> None:
    with drawn.serve() as url, desk(browser, url, "mia") as mia:
        page = mia.go("/console/stories")
        mia.check()
        before = scale(page)
        page.locator("#canvas").hover(position={"x": 300, "y": 300})
        page.mouse.wheel(0, -300)
        page.wait_for_function(
            "before => !document.querySelector('#scene').getAttribute('transform').includes(before)",
            arg=f"scale({before})",
        )
        assert scale(page) > before
        page.get_by_role("button", name="Smaller").click()
        page.get_by_role("button", name="All of it").click()
        here = place(page)
        page.mouse.move(500, 600)
        page.mouse.down()
        page.mouse.move(560, 640, steps=4)
        page.mouse.up()
        assert place(page) != here
        # By keys: to the picture, to its first node, along an edge, up and down, to the details and back.
        page.locator("#canvas").focus()
        page.keyboard.press("+")
        page.keyboard.press("Enter")
        first = page.evaluate("document.activeElement.getAttribute('aria-label')")
        assert first is not None
        node(page, "order").focus()
        page.keyboard.press("ArrowRight")
        expect(node(page, "utter_menu")).to_be_focused()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        expect(node(page, "ghost")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(node(page, "utter_menu")).to_be_focused()
        node(page, "greet").focus()
        page.keyboard.press("Enter")
        details = page.locator("#details")
        expect(details).to_contain_text("data/stories.yml:2")
        expect(details).to_contain_text("你好")
        assert "node=" in page.url
        mia.check()
        page.keyboard.press("Escape")
        expect(details).to_be_empty()
        # Search: by the Chinese words of an answer, in the picture; Enter goes there.
        page.keyboard.press("/")
        page.keyboard.type("您好")
        expect(page.locator(".node.found")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(details).to_contain_text("您好！")
        # A problem leads to its node.
        page.get_by_role("link", name=re.compile("The intent ghost has no examples")).click()
        expect(details).to_contain_text("The intent ghost has no examples")
        expect(node(page, "ghost")).to_have_attribute("aria-current", "true")
        # One story alone.
        page.get_by_role("link", name="点餐", exact=True).first.click()
        page.wait_for_url("**story=s0**")
        expect(page.locator(".node[data-id]")).to_have_count(4)
        mia.check()


def test_on_a_phone_it_is_pinched_and_the_drawer_opens_and_closes(drawn: Office, browser: Browser) -> None:
    phone = PHONE | {"locale": "zh-CN", "color_scheme": "dark"}
    with drawn.serve() as url, desk(browser, url, "mia", **phone) as mia:
        page = mia.go("/console/stories")
        mia.check()
        panel = page.locator("#panel")
        expect(panel).to_be_hidden()
        before = scale(page)
        fingers = page.context.new_cdp_session(page)
        pinch(fingers, 40, 120)
        page.wait_for_function(
            "before => !document.querySelector('#scene').getAttribute('transform').includes(before)",
            arg=f"scale({before})",
        )
        assert scale(page) > before * 1.5
        assert page.evaluate("visualViewport.scale") == 1
        page.get_by_role("button", name="看全图").tap()
        node(page, "greet").tap()
        expect(panel).to_be_visible()
        expect(page.locator("#details")).to_contain_text("例句：12")
        mia.check()
        page.get_by_role("link", name="关闭详情").tap()
        expect(panel).to_be_hidden()
        page.get_by_role("button", name="问题：2").tap()
        expect(panel).to_contain_text("意图 ghost 没有例句")


def pinch(session: Any, apart: int, in_the_end: int) -> None:
    def points(half: int) -> list[dict[str, int]]:
        return [{"x": 190 - half, "y": 400, "id": 0}, {"x": 190 + half, "y": 400, "id": 1}]

    session.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points(apart)})
    for step in range(1, 9):
        half = apart + (in_the_end - apart) * step // 8
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points(half)})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_without_scripts_it_scrolls_and_leads_to_the_details(drawn: Office, browser: Browser) -> None:
    with drawn.serve() as url, desk(browser, url, "mia", java_script_enabled=False) as mia:
        page = mia.go("/console/stories")
        node(page, "greet").click()
        expect(page.locator("#details")).to_contain_text("data/stories.yml:2")
