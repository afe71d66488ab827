"""The link to one's own data: it shows nothing by being opened, lasts minutes, and leads to one person."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import httpx
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.routing import Mount

from console import own_data
from crm_store import audit, data_links
from crm_store.messages import Address
from pages import shared_routes
from tests.bots.webchat_host import Port
from tests.console.office import Office
from tests.console.people import PHONE_NUMBER, someone


def _link(office: Office, who: UUID) -> str:
    with office.database.writing() as session:
        return f"/my-data/{data_links.make_link(session, who, office.time)}"


def _ask(office: Office, method: str, path: str, **fields: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=own_data.routes(office.host)))
        async with httpx.AsyncClient(transport=transport, base_url="http://console.test") as client:
            return await client.request(method, path, data=fields or None)

    answer: httpx.Response = office.run(ask())
    return answer


def test_opening_the_link_shows_nothing_and_a_press_shows_all(office: Office) -> None:
    path = _link(office, someone(office))
    door = _ask(office, "GET", path)
    assert door.status_code == 200
    assert PHONE_NUMBER not in door.text
    assert "小林" not in door.text
    shown = _ask(office, "POST", path, **{"as": "page"})
    for told in (PHONE_NUMBER, "小林", "杭州", "VIP", "你好，你们几点开门？", "order.paid"):
        assert told in shown.text, told
    for answer in (door, shown):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_it_is_taken_along_as_a_file_and_that_is_noted(office: Office) -> None:
    who = someone(office)
    office.say("not theirs", address=Address("shop", "other"), name="Other")
    answer = _ask(office, "POST", _link(office, who), **{"as": "file"})
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    found = answer.json()
    assert found["customers"][0]["display_name"] == "小林"
    assert "Other" not in answer.text
    with office.database.reading() as session:
        entry = audit.list_entries(session, customer_id=who)[0]
    assert (entry.actor, entry.action) == ("customer", "customer.exported")


def test_the_link_ends_after_a_quarter_of_an_hour_and_with_a_newer_one(office: Office) -> None:
    who = someone(office)
    first, second = _link(office, who), _link(office, who)
    assert _ask(office, "POST", first).status_code == 404
    assert _ask(office, "POST", second).status_code == 200
    office.time += timedelta(minutes=15)
    late = _ask(office, "POST", second)
    assert late.status_code == 404
    assert "小林" not in late.text


def test_a_link_that_never_was_leads_nowhere(sqlite_office: Office) -> None:
    for path in ("/my-data/x", "/my-data/" + "a" * 43):
        assert _ask(sqlite_office, "GET", path).status_code == 404
        assert _ask(sqlite_office, "POST", path).status_code == 404


def test_the_page_is_readable_on_a_phone(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    path = _link(office, someone(office))
    port = Port([*shared_routes(), *own_data.routes(office.host), Mount("/", office.console)])
    port.open()
    try:
        page = browser.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        page.goto(f"{port.url}{path}")
        page.locator("button.primary").click()
        page.get_by_text(PHONE_NUMBER).first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        port.close()
