"""The page of parked turns: supervisors see what went wrong, have it tried again or dismiss it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser
from sqlmodel import col, select

from crm_store import conversations, history, parked
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address
from tests.console.office import PHONE, Office, desk

TRACE = """Traceback (most recent call last):
  File "actions/order_state.py", line 31, in order_state
    return shop.look_up(turn.slots["order"])
shop.errors.OrderUnknown: 4711 of 小林
"""


def park(office: Office, text: str, who: str = "8f14e45f", name: str = "小林", trace: str = TRACE) -> UUID:
    """A message whose turn has failed three times, after which a person was called."""
    said = office.say(text, address=Address("shop", who), name=name, floor="waiting")
    return set_parked(office.database, said.message_id, trace)


def set_parked(database: Database, message_id: UUID, trace: str = TRACE) -> UUID:
    with database.writing() as session:
        message = history.get_message(session, message_id)
        at = message.created_at
        message.work, message.attempts = "parked", 3
        message.decision = [{"by": "error", "at": at.isoformat(), "trace": trace, "handed_over": True}]
        conversation = conversations.get_conversation(session, message.conversation_id)
        conversation.floor_since, conversation.leased_by, conversation.leased_until = at, None, None
        session.add_all([message, conversation])
    return message_id


def works(office: Office) -> dict[UUID, str | None]:
    with office.database.reading() as session:
        return {m.id: m.work for m in session.exec(select(Message).order_by(col(Message.seq)))}


def test_what_went_wrong_is_shown_with_the_way_to_its_conversation(office: Office) -> None:
    park(office, "Where is my order?")
    page = office.as_("sue").get("/console/parked").text
    for part in ("小林", "Where is my order?", "OrderUnknown", "3 tries", "look_up(turn.slots", "shop"):
        assert part in page
    assert f"/console/conversations/{one(office).conversation.id}" in page
    assert '<b class="count">1</b>' in page


def one(office: Office) -> parked.Parked:
    with office.database.reading() as session:
        return parked.list_parked(session)[0]


def test_a_turn_is_replayed_alone_whatever_is_chosen_besides(office: Office) -> None:
    first, second = park(office, "one", "a"), park(office, "two", "b")
    sue = office.as_("sue")
    answer = sue.post("/console/parked/replay", only=str(first), turn=[str(second)])
    assert "1 put back" in answer.text
    assert works(office) == {first: "waiting", second: "parked"}
    assert office.floors[-1] == (Address("shop", "a"), "bot")
    again = sue.post("/console/parked/replay", only=str(first))
    assert "1 are not parked any more" in again.text


def test_all_that_are_chosen_are_replayed_and_who_is_late_is_told(office: Office) -> None:
    turns = [park(office, f"text {n}", f"p{n}") for n in range(3)]
    with office.database.writing() as session:
        conversations.close(session, history.get_message(session, turns[2]).conversation_id, office.time)
    answer = office.as_("ada").post("/console/parked/replay", turn=[*map(str, turns), str(turns[0]), "x"])
    assert "2 put back; 2 are not parked any more" in answer.text
    assert list(works(office).values()) == ["waiting", "waiting", "parked"]


def test_what_is_dismissed_leaves_the_list(office: Office) -> None:
    turn = park(office, "one")
    answer = office.as_("sue").post("/console/parked/dismiss", turn=str(turn))
    assert "1 dismissed" in answer.text
    assert "Nothing is parked" in answer.text
    assert works(office) == {turn: None}
    assert "Choose at least one" in office.as_("sue").post("/console/parked/dismiss").text


@pytest.mark.parametrize("name", ["aki", "mia"])
def test_agents_and_marketers_come_no_further(sqlite_office: Office, name: str) -> None:
    turn = park(sqlite_office, "one")
    person = sqlite_office.as_(name)
    assert person.get("/console/parked").status_code == 403
    assert person.post("/console/parked/replay", turn=str(turn)).status_code == 403
    assert "/console/parked" not in person.get("/console/account").text
    assert works(sqlite_office) == {turn: "parked"}


def test_a_long_list_comes_in_pages(sqlite_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.parked.SHOWN", 2)
    for number in range(3):
        park(sqlite_office, f"text {number}", f"p{number}")
    sue = sqlite_office.as_("sue")
    page = sue.get("/console/parked").text
    assert ("text 2" in page, "text 1" in page, "text 0" in page) == (True, True, False)
    before = page.split("?before=")[1].split('"')[0]
    older = sue.get(f"/console/parked?before={before}").text
    assert ("text 2" in older, "text 0" in older) == (False, True)


@pytest.mark.parametrize("options", [{}, PHONE, {"color_scheme": "dark"}, {"locale": "zh-CN", **PHONE}])
def test_the_page_is_whole_and_worked_by_keyboard(
    browser: Browser, sqlite_office: Office, options: dict[str, Any]
) -> None:
    trace = TRACE + "x" * 300 + "\n"
    turns = [
        park(sqlite_office, "很长的问题 " * 30 if n else "one", f"p{n}", trace=trace) for n in range(3)
    ]
    with sqlite_office.serve() as url, desk(browser, url, "sue", **options) as sue:
        page = sue.go("/console/parked")
        page.locator("summary").first.focus()
        page.keyboard.press("Enter")
        page.locator("pre").first.wait_for(state="visible")
        sue.check()
        page.on("dialog", lambda dialog: dialog.accept())
        page.locator("#all").focus()
        page.keyboard.press("Space")
        assert page.locator('input[name="turn"]:checked').count() == 3
        page.locator(".turns-bar button").first.focus()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        page.locator(".empty").wait_for()
        sue.check()
    assert works(sqlite_office) == dict.fromkeys(turns, "waiting")
