"""Versions of the bot in the console: listed, compared, put live again; and intents that are taught."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from crm_store import audit, comparisons, taught, trainings, unanswered
from crm_store.conversations import Conversation
from crm_store.said import messages_in
from crm_store.wording import key
from tests.console.office import NOON, PHONE, Office, desk

ASKED = ("能修自行车吗", "自行车坏了可以修吗", "do you repair bikes")


def with_intents(office: Office) -> None:
    """A bot that has intents to be taught."""
    office.host = replace(office.host, intents=lambda: ("greet", "repair"))
    office.console.state.host = office.host


def trained(office: Office, count: int) -> list[UUID]:
    """So many trainings, each live after the other."""
    reached = {"texts": 240, "answered": 0.72, "right": 0.931, "holds": True}
    limits = {"wanted": 0.9, "intent": 0.71, "faq": 0.62, "faq_agreed": 0.62, "none": 0.1}
    told = {**limits, "reached": {"intents": reached, "entries": reached}, "texts": {"intents": 240}}
    verdict = {"reasons": [], "flips": [], "flipped": 0, "questions": 9, "right_before": 0.9,
               "right_now": 0.93, "limits": told}  # fmt: skip
    found = []
    for number in range(count):
        with office.database.writing() as session:
            trainings.ask(session, "staff:mia", NOON + timedelta(minutes=number))
        with office.database.writing() as session:
            training = trainings.start(session, NOON)
            assert training is not None
            trainings.keep_model(session, training, {}, b"")
            trainings.go_live(session, training.id, verdict, NOON)
            found.append(training.id)
    return found


def asked(office: Office, *texts: str) -> None:
    """Questions that nobody answered and that ask for the same."""
    for text in texts or ASKED:
        said = office.say(text)
        with office.database.writing() as session:
            conversation = session.get_one(Conversation, said.conversation_id)
            row = {
                "message_id": said.message_id, "conversation_id": conversation.id,
                "customer_id": conversation.customer_id, "text": text, "language": "zh",
                "why": "ask_back", "asked_at": office.time,
            }  # fmt: skip
            unanswered.note_unanswered(session, [row])
            unanswered.note_clusters(session, {key(one): "bikes" for one in ASKED})


def compared(office: Office, versions: list[UUID]) -> UUID:
    """A comparison that is through: two texts, one of them written twice."""
    said = [office.say(text) for text in ("能修自行车吗", "能修自行车吗？", "do you repair bikes")]
    faq = {"intent": "faq", "confidence": 0.81, "by": "faq", "name": "faq/bikes"}
    unclear = {"intent": "greet", "confidence": 0.22, "by": "ask_back", "name": "action_ask_back"}
    with office.database.writing() as session:
        span = NOON - timedelta(days=1), NOON + timedelta(days=1)
        found = comparisons.ask(session, (versions[0], versions[1]), span, "staff:mia", NOON)
        comparisons.start(session)
        rows: list[dict[str, Any]] = [
            {"message_id": m.id, "conversation_id": m.conversation_id, "customer_id": m.customer_id,
             "number": number // 2, "kind": "gained" if number < 2 else "lost", "text": m.text,
             "before": unclear if number < 2 else faq, "after": faq if number < 2 else unclear,
             "asked_at": m.created_at}
            for number, m in enumerate(messages_in(session, *span))
        ]  # fmt: skip
        assert len(rows) == len(said)
        assert comparisons.note(session, found.id, rows, 3, 1.0)
        comparisons.end(session, found.id, NOON)
        return found.id


def test_versions_are_listed_with_what_they_answer_from_and_two_are_compared(office: Office) -> None:
    first, second = trained(office, 2)
    mia = office.as_("mia")
    page = mia.get("/console/versions").text
    assert "0.71 · 0.62" in page
    assert "Put live again" not in page
    answer = mia.post(
        "/console/versions/compare", before=str(first), after=str(second),
        first_day="2026-03-01", last_day="2026-03-01",
    )  # fmt: skip
    assert answer.status_code == 200
    assert "Starts in a moment" in answer.text
    with office.database.reading() as session:
        (found,) = comparisons.list_comparisons(session)
    assert (found.before_id, found.after_id, found.asked_by) == (first, second, "staff:mia")
    # A day of the company, in Shanghai.
    assert found.from_at.isoformat() == "2026-02-28T16:00:00+00:00"
    assert found.until_at - found.from_at == timedelta(days=1)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"after": "project"}, "two different versions"),
        ({"last_day": "2026-02-01"}, "begins before it ends"),
        ({"last_day": "soon"}, "begins before it ends"),
        ({"first_day": "0001-01-01"}, "begins before it ends"),
        ({"last_day": "9999-12-31"}, "begins before it ends"),
        ({"before": "x"}, "not kept any more"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused(
    sqlite_office: Office, fields: dict[str, str], said: str
) -> None:
    (only,) = trained(sqlite_office, 1)
    good = {"before": "project", "after": str(only), "first_day": "2026-03-01", "last_day": "2026-03-01"}
    answer = sqlite_office.as_("mia").post("/console/versions/compare", **good | fields)
    assert answer.status_code == 422
    assert said in answer.text


def test_what_differs_is_listed_by_volume_and_filtered(office: Office) -> None:
    path = f"/console/versions/comparisons/{compared(office, trained(office, 2))}"
    sue = office.as_("sue")
    page = sue.get(path).text
    assert page.index("能修自行车吗") < page.index("do you repair bikes")
    assert "2 ×" in page
    assert re.search(r"/console/conversations/[0-9a-f-]{36}", page)
    assert "3 messages were compared" in page
    only = sue.get(f"{path}?only=lost").text
    assert "do you repair bikes" in only
    assert "能修自行车吗" not in only
    # Who may not see conversations gets no link to one.
    assert "/console/conversations/" not in office.as_("mia").get(path).text
    assert office.as_("aki").get(path).status_code == 403


def test_only_an_administrator_puts_an_earlier_version_live_again(office: Office) -> None:
    first, _ = trained(office, 2)
    path = f"/console/versions/{first}/live"
    assert office.as_("mia").post(path).status_code == 403
    ada = office.as_("ada")
    assert "Put live again" in ada.get("/console/versions").text
    assert ada.post(path).status_code == 200
    with office.database.reading() as session:
        live = trainings.find_live(session)
        assert live is not None
        assert live.id == first
        assert [e.action for e in audit.list_entries(session, noun="training")] == ["training.again"]


def test_questions_of_a_cluster_are_taught_as_an_intent_and_taken_back(office: Office) -> None:
    with_intents(office)
    asked(office)
    sue = office.as_("sue")
    page = sue.get("/console/faq/unanswered").text
    assert "3 wordings" in page
    answer = sue.post("/console/faq/unanswered/teach", question=[*ASKED[1:]], intent="repair")
    assert "Being learned as the intent" in answer.text
    with office.database.reading() as session:
        assert taught.taught_texts(session) == {"repair": [*ASKED[1:]]}
        assert trainings.waits(session)
        (example, _) = taught.list_taught(session)
    assert sue.post("/console/faq/unanswered/teach", question="x", intent="of_nobody").status_code == 409
    sue.post(f"/console/faq/taught/{example.id}/forget")
    with office.database.reading() as session:
        assert len(taught.list_taught(session)) == 1
    sue.post("/console/faq/unanswered/dismiss", question=[*ASKED])
    assert "能修自行车吗</h2>" not in sue.get("/console/faq/unanswered").text


def test_a_question_of_several_lines_is_one_question(office: Office) -> None:
    with_intents(office)
    asked(office, "你好\n能修自行车吗")
    sue = office.as_("sue")
    (value,) = re.findall(r'name="question" value="([^"]*)"', sue.get("/console/faq/unanswered").text)
    sue.post("/console/faq/unanswered/teach", question=value.replace("\n", "\r\n"), intent="repair")
    with office.database.reading() as session:
        assert taught.taught_texts(session) == {"repair": ["你好 能修自行车吗"]}
    sue.post("/console/faq/unanswered/dismiss", question=value.replace("\n", "\r\n"))
    assert "能修自行车吗</h2>" not in sue.get("/console/faq/unanswered").text


@pytest.mark.parametrize("look", ["light", "dark", "phone"])
def test_the_pages_are_whole_on_a_desk_on_a_phone_and_in_the_dark(
    sqlite_office: Office, browser: Browser, look: str
) -> None:
    office = sqlite_office
    with_intents(office)
    found = compared(office, trained(office, 3))
    asked(office)
    options: dict[str, Any] = {
        "light": {"locale": "zh-CN"}, "dark": {"color_scheme": "dark"}, "phone": PHONE
    }[look]  # fmt: skip
    with office.serve() as url, desk(browser, url, "sue", **options) as sue:
        for path in ("versions", f"versions/comparisons/{found}", "faq/unanswered"):
            page = sue.go(f"/console/{path}")
            page.locator("h1").wait_for()
            if path == "faq/unanswered":
                page.locator(".wordings summary").click()
                # However many suggestions stand beside it, a question is read in lines, not in letters.
                page.locator(".question-deeds a").first.evaluate(
                    "one => { for (let n = 0; n < 9; n++) one.after(one.cloneNode(true)) }"
                )
                box = page.locator(".question .entry-main").first.bounding_box()
                assert box
                assert box["width"] >= 240
            sue.check()
        page.locator(".wordings input").nth(2).uncheck()
        page.locator(".teach select").select_option("repair")
        page.locator(".teach .button").last.click()
        page.locator(".taught li").first.wait_for()
    with office.database.reading() as session:
        assert len(taught.taught_texts(session)["repair"]) == 2


def test_a_comparison_keeps_itself_up_until_it_is_through(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    versions = trained(office, 2)
    with office.database.writing() as session:
        span = NOON - timedelta(days=1), NOON
        found = comparisons.ask(session, (versions[0], versions[1]), span, "staff:mia", NOON).id
    with office.serve() as url, desk(browser, url, "mia") as mia:
        page = mia.go(f"/console/versions/comparisons/{found}")
        page.locator("#comparing[data-status=waiting]").wait_for()
        with office.database.writing() as session:
            comparisons.start(session)
            comparisons.note(session, found, [], 40, 0.5)
        page.get_by_text("50 %").wait_for()
        with office.database.writing() as session:
            comparisons.end(session, found, NOON)
        page.get_by_text("Both take every message alike").wait_for()


def test_both_versions_are_chosen_before_anything_is_asked(sqlite_office: Office, browser: Browser) -> None:
    office = sqlite_office
    versions = trained(office, 3)
    with office.serve() as url, desk(browser, url, "mia") as mia:
        page = mia.go("/console/versions")
        fields = page.locator("form.filters label").all()
        assert len({box["y"] for field in fields if (box := field.bounding_box())}) == 1
        page.locator("select[name=before]").select_option("project")
        page.locator("select[name=after]").select_option("project")
        page.locator("form.filters button").click()
        assert page.locator("[role=alert]").inner_text() == "Choose two different versions"
        page.locator("select[name=before]").select_option(str(versions[0]))
        page.locator("form.filters button").click()
        page.locator("#comparing").wait_for()
    with office.database.reading() as session:
        (found,) = comparisons.list_comparisons(session)
    assert (found.before_id, found.after_id) == (versions[0], None)
