"""Questions and answers in the console: made, edited by two, asked, imported; what nobody answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest
from playwright.sync_api import Browser
from sqlmodel import select

from crm_store import audit, faq, faq_edits, trainings, unanswered
from crm_store.conversations import Conversation
from crm_store.faq import FaqEntry, Wording, find_entry
from crm_store.faq_edits import Draft
from crm_store.faq_project import import_project
from tests.console.office import NOON, PHONE, Office, Person, desk

CARDS = {
    "phrasings": "有礼品卡吗\ndo you sell gift cards",
    "text:zh:": "有的，100 元起。",
    "text:en:": "Yes, from 100 yuan.",
    "title:en": "Gift cards",
    "active": "yes",
}


def make(office: Office, person: Person, **fields: str) -> FaqEntry:
    answer = person.post("/console/faq/new", **CARDS, **fields)
    assert answer.status_code == 200, answer.text
    with office.database.reading() as session:
        return faq.list_entries(session)[-1]


def test_an_entry_is_made_and_the_bot_is_to_learn_it(office: Office) -> None:
    mia = office.as_("mia")
    picture = {"image:zh:": "https://shop.example/card.png", "buttons:zh:": "买 | 我要买卡\n不要"}
    entry = make(office, mia, **picture)
    with office.database.reading() as session:
        draft = Draft.of(faq.get_whole(session, entry.id))
        assert trainings.waits(session)
        noted = audit.list_entries(session, noun="faq", noun_id=str(entry.id))
    assert (entry.name, entry.origin, draft.phrasings) == (
        "faq/gift_cards", "console", ("有礼品卡吗", "do you sell gift cards")
    )  # fmt: skip
    assert draft.answers[0].more == {
        "image": "https://shop.example/card.png",
        "buttons": [{"title": "买", "payload": "我要买卡"}, {"title": "不要", "payload": "不要"}],
    }
    assert [(one.actor, one.action) for one in noted] == [("staff:mia", "faq.created")]
    page = mia.get(f"/console/faq/{entry.id}").text
    assert "买 | 我要买卡" in page
    assert "Not learned yet" in page
    assert "Gift cards" in mia.get("/console/faq").text


def test_what_is_wrong_is_told_in_words_and_what_was_typed_stays(office: Office) -> None:
    mia = office.as_("mia")
    answer = mia.post("/console/faq/new", **CARDS | {"phrasings": "", "image:zh:": "javascript:alert(1)"})
    assert answer.status_code == 422
    assert "an entry needs at least one phrasing" in answer.text
    assert "a picture needs an address" in answer.text
    assert "有的，100 元起。" in answer.text


def test_who_saves_over_anothers_edit_is_told_and_loses_nothing(office: Office) -> None:
    mia, sue = office.as_("mia"), office.as_("sue")
    entry = make(office, mia)
    first = CARDS | {"version": "1", "text:zh:": "Sue was first."}
    assert sue.post(f"/console/faq/{entry.id}", **first).status_code == 200
    answer = mia.post(f"/console/faq/{entry.id}", **CARDS | {"version": "1", "text:zh:": "Mia was second."})
    assert answer.status_code == 409
    assert "sue has changed this entry" in answer.text
    assert "Mia was second." in answer.text
    assert 'name="version" value="2"' in answer.text
    with office.database.reading() as session:
        assert Draft.of(faq.get_whole(session, entry.id)).answers[0].text == "Sue was first."


def test_an_answer_for_one_channel_is_added_and_the_rest_stays(office: Office) -> None:
    mia = office.as_("mia")
    entry = make(office, mia)
    more = {"version": "1", "new_channel:zh": "shop", "new_text:zh": "店里有。"}
    mia.post(f"/console/faq/{entry.id}", **CARDS, **more)
    with office.database.reading() as session:
        answers = Draft.of(faq.get_whole(session, entry.id)).answers
    assert [(a.language, a.channel) for a in answers] == [("zh", ""), ("en", ""), ("zh", "shop")]
    assert "Only on shop" in mia.get(f"/console/faq/{entry.id}").text


def test_dates_are_days_of_the_company_and_the_last_one_counts(office: Office) -> None:
    entry = make(office, office.as_("mia"), first_day="2026-03-02", last_day="2026-03-04")
    assert entry.valid_from is not None
    assert entry.valid_until is not None
    assert entry.valid_from.isoformat() == "2026-03-01T16:00:00+00:00"
    assert entry.valid_until.isoformat() == "2026-03-04T16:00:00+00:00"
    assert entry.is_valid(NOON)


def test_an_entry_of_the_project_is_only_read_until_it_is_taken_over(office: Office) -> None:
    own = Draft(("do you have wifi",), (Wording("Yes.", "en"),), name="faq/wifi")
    with office.database.writing() as session:
        import_project(session, {"faq/wifi": own}, NOON)
        entry = find_entry(session, "faq/wifi")
        assert entry is not None
    mia = office.as_("mia")
    changed = CARDS | {"text:en:": "No."}
    assert mia.post(f"/console/faq/{entry.id}", **changed).status_code == 409
    assert mia.post(f"/console/faq/{entry.id}/adopt").status_code == 200
    assert mia.post(f"/console/faq/{entry.id}", **changed).status_code == 200
    with office.database.reading() as session:
        assert Draft.of(faq.get_whole(session, entry.id)).answers[-1].text == "No."


def test_agents_and_strangers_come_no_further(office: Office) -> None:
    assert office.as_("aki").get("/console/faq").status_code == 403
    assert office.as_("aki").post("/console/faq/new", **CARDS).status_code == 403
    assert "sign-in" in str(office.visitor().get("/console/faq").url)
    assert office.as_("mia").post("/console/faq/new", csrf="0" * 64, **CARDS).status_code == 403


def test_entries_are_found_by_phrasing_answer_title_and_narrowed(office: Office) -> None:
    mia = office.as_("mia")
    make(office, mia)
    with office.database.writing() as session:
        other = Draft(("几点开门",), (Wording("十点。", "zh"),), active=False, name="faq/hours")
        faq_edits.create(session, other, "staff:mia", NOON)

    def names(**query: str) -> set[str]:
        page = mia.get("/console/faq", params=query).text
        return {name for name in ("有礼品卡吗", "几点开门") if name in page}

    assert names() == {"有礼品卡吗", "几点开门"}
    assert names(q="礼品") == {"有礼品卡吗"}
    assert names(q="GIFT CARD") == {"有礼品卡吗"}
    assert names(q="十点") == {"几点开门"}
    assert names(active="no") == {"几点开门"}
    assert names(language="en") == {"有礼品卡吗"}
    assert names(origin="project") == set()
    assert names(q="%") == set()


def fake_preview(text: str, draft: Draft | None, own: FaqEntry | None) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "text": text, "language": "zh", "intent": "faq", "confidence": 0.4, "by": "ask_back",
        "action": "action_ask_back", "name": "", "answer": "您是想问…", "ranking": [], "top": [],
    }  # fmt: skip
    if draft is not None:
        found["draft"] = {"score": 0.71, "exact": False, "likely": "this", "others": [], "doubles": []}
    return found


def test_a_draft_is_asked_before_it_is_saved(office: Office) -> None:
    office.host = replace(office.host, preview=fake_preview)
    office.console.state.host = office.host
    mia = office.as_("mia")
    answer = mia.post("/console/faq/new", **CARDS, do="ask", question="礼品卡有卖吗")
    assert "probably this answer" in answer.text
    assert "71 %" in answer.text
    assert "Yes, from 100 yuan." in answer.text  # The form is as it was.
    part = mia.post("/console/faq/new", **CARDS, do="ask", question="?", headers={"x-parley": "1"})
    assert "<html" not in part.text
    with office.database.reading() as session:
        assert faq.count_entries(session) == 0


def ask(office: Office, text: str) -> None:
    recorded = office.say(text)
    with office.database.writing() as session:
        conversation = session.get_one(Conversation, recorded.conversation_id)
        row = {
            "message_id": recorded.message_id, "conversation_id": conversation.id,
            "customer_id": conversation.customer_id, "text": text, "language": "zh", "why": "fallback",
            "asked_at": office.time,
        }  # fmt: skip
        unanswered.note_unanswered(session, [row])


def test_a_question_that_nobody_answered_becomes_an_entry_a_phrasing_or_nothing(office: Office) -> None:
    sue = office.as_("sue")
    entry = make(office, sue)
    for text in ("礼品卡能退吗", "礼品卡能退吗？", "会唱歌吗"):
        ask(office, text)
    page = sue.get("/console/faq/unanswered").text
    assert page.index("礼品卡能退吗？") < page.index("会唱歌吗")
    assert "2 ×" in page
    assert "/console/faq/new?question=" in page
    assert "礼品卡能退吗" in sue.get("/console/faq/new", params={"question": "礼品卡能退吗"}).text
    sue.post("/console/faq/unanswered/add", question="礼品卡能退吗？", entry=str(entry.id))
    with office.database.reading() as session:
        assert "礼品卡能退吗？" in Draft.of(faq.get_whole(session, entry.id)).phrasings
    assert "Being learned" in sue.get("/console/faq/unanswered").text
    sue.post("/console/faq/unanswered/dismiss", question="会唱歌吗")
    assert "会唱歌吗" not in sue.get("/console/faq/unanswered").text


def refuse(office: Office) -> UUID:
    flip = {"text": "营业时间", "expected": "faq/gift_cards", "now": "faq/hours", "kind": "conflict"}
    verdict = {"reasons": ["conflict"], "flips": [flip], "flipped": 1, "questions": 9,
               "right_before": 0.9, "right_now": 0.8}  # fmt: skip
    with office.database.writing() as session:
        training = trainings.start(session, NOON)
        assert training is not None
        trainings.keep_model(session, training, {}, b"")
        trainings.refuse(session, training.id, verdict, NOON)
        return training.id


def test_a_training_says_from_which_scores_on_the_bot_answers(office: Office) -> None:
    make(office, office.as_("mia"))
    reached = {"texts": 240, "answered": 0.72, "right": 0.931, "holds": True}
    chosen = {"wanted": 0.9, "intent": 0.71, "faq": None, "faq_agreed": None, "none": None}
    limits = {**chosen, "reached": {"intents": reached}, "texts": {"intents": 240, "entries": 12}}
    training_id = refuse(office)
    with office.database.writing() as session:
        training = trainings.get_training(session, training_id)
        training.verdict = {**(training.verdict or {}), "limits": limits}
        session.add(training)
    page = office.as_("mia").get(f"/console/faq/trainings/{training_id}").text
    assert "answered from 0.71 on. Of 240 held-out questions 72 % are answered, 93.1 %" in page
    assert "only 12 questions could be held out" in page


def test_a_refused_training_says_why_and_only_an_administrator_puts_it_live(office: Office) -> None:
    mia = office.as_("mia")
    make(office, mia)
    training_id = refuse(office)
    assert "1 questions would be answered otherwise" in mia.get("/console/faq/state").text
    page = mia.get(f"/console/faq/trainings/{training_id}").text
    assert "营业时间" in page
    assert "word for word" in page
    assert "Put it live" not in page
    path = f"/console/faq/trainings/{training_id}/live"
    assert mia.post(path).status_code == 403
    assert office.as_("ada").post(path).status_code == 200
    with office.database.reading() as session:
        live = trainings.find_live(session)
        assert live is not None
        assert (live.id, live.forced_by) == (training_id, "staff:ada")
        assert [e.action for e in audit.list_entries(session, noun="training")] == ["training.forced"]


def upload(person: Person, text: str, encoding: str = "utf-8") -> httpx.Response:
    files = {"file": ("faq.csv", text.encode(encoding), "text/csv")}
    return person.post("/console/faq/import", files=files)


def test_no_transaction_is_open_while_the_bot_is_asked_what_may_be_meant(office: Office) -> None:
    held: list[int] = []

    def preview(text: str, draft: Draft | None, own: FaqEntry | None) -> Mapping[str, Any]:
        held.append(office.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return fake_preview(text, draft, own)

    office.host = replace(office.host, preview=preview)
    office.console.state.host = office.host
    ask(office, "会唱歌吗")
    assert "会唱歌吗" in office.as_("mia").get("/console/faq/unanswered").text
    assert held == [0]


def test_a_day_at_either_end_of_the_calendar_is_for_ever(office: Office) -> None:
    mia = office.as_("mia")
    entry = make(office, mia, first_day="0001-01-01", last_day="9999-12-31")
    assert (entry.valid_from, entry.valid_until) == (None, None)
    with office.database.writing() as session:
        last = datetime.max.replace(tzinfo=UTC)  # As a program may say it.
        draft = replace(Draft.of(faq.get_whole(session, entry.id)), valid_until=last)
        faq_edits.edit(session, entry.id, draft, None, "staff:mia", NOON)
    assert mia.get(f"/console/faq/{entry.id}").status_code == 200
    assert mia.get("/console/faq").status_code == 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_table_is_shown_before_it_is_imported(office: Office, encoding: str) -> None:
    mia = office.as_("mia")
    make(office, mia)
    table = "问题,答案\n有礼品卡吗,没有了。\n几点开门,十点。\n,\n没有答案的问题,\n"
    page = upload(mia, table, encoding).text
    counts = [int(n) for n in re.findall(r"<dd>(\d+)</dd>", page)]
    assert counts == [1, 1, 0, 1]
    apply = re.search(r'action="(/console/faq/import/[^"]+/apply)"', page)
    assert apply is not None
    with office.database.reading() as session:
        assert faq.count_entries(session) == 1
    mia.post(apply[1])
    with office.database.reading() as session:
        entries = {e.name: Draft.of(faq.get_whole(session, e.id)) for e in faq.list_entries(session)}
    assert set(entries) == {"faq/gift_cards", "faq/几点开门"}
    said = {(a.language, a.text) for a in entries["faq/gift_cards"].answers}
    assert said == {("zh", "没有了。"), ("en", "Yes, from 100 yuan.")}
    assert set(entries["faq/gift_cards"].phrasings) == {"有礼品卡吗", "do you sell gift cards"}


def test_what_is_no_table_is_refused_in_words(office: Office) -> None:
    mia = office.as_("mia")
    assert "the first line must name" in upload(mia, "a,b\n1,2\n").text
    assert "10,000 rows" in upload(mia, "question,answer\n" + "q,a\n" * 10_001).text


def test_an_export_is_imported_again_without_a_change_and_holds_no_formula(office: Office) -> None:
    mia = office.as_("mia")
    wild = {"text:en:": "=1+1", "text:zh:": "'=cmd", "new_channel:zh": "shop", "new_text:zh": "+86"}
    mia.post("/console/faq/new", **CARDS | wild | {"buttons:en:": "Buy | I buy", "last_day": "2026-04-01"})
    answer = mia.get("/console/faq/export.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    table = answer.content.decode("utf-8-sig")
    assert not re.search(r"(?m)(^|,)\"?[=+@-]", table)
    page = upload(mia, table).text
    assert [int(n) for n in re.findall(r"<dd>(\d+)</dd>", page)] == [0, 0, 1, 0]
    with office.database.writing() as session:
        entry = session.exec(select(FaqEntry)).one()
        said = Draft.of(faq.get_whole(session, entry.id))
        faq_edits.remove(session, entry.id, None, "staff:mia", NOON)
    apply = re.search(r'action="(/console/faq/import/[^"]+/apply)"', upload(mia, table).text)
    assert apply is not None
    mia.post(apply[1])
    with office.database.reading() as session:
        assert Draft.of(faq.get_whole(session, faq.list_entries(session)[0].id)).digest() == said.digest()


@pytest.mark.parametrize("options", [{}, {**PHONE, "color_scheme": "dark", "locale": "zh-CN"}])
def test_the_pages_are_whole_on_desktop_and_phone(
    sqlite_office: Office, browser: Browser, options: dict[str, Any]
) -> None:
    office = sqlite_office
    office.host = replace(office.host, preview=fake_preview)
    office.console.state.host = office.host
    answers = (Wording("有的，100 元起。", "zh"), Wording("Yes, from 100 yuan.", "en"))
    with office.database.writing() as session:
        draft = Draft(("有礼品卡吗",), answers, {"en": "Gift cards"})
        entry = faq_edits.create(session, draft, "staff:mia", NOON)
    training_id = refuse(office)
    ask(office, "会唱歌吗")
    with office.serve() as url, desk(browser, url, "mia", **options) as mia:
        for path in ("", "/new", f"/{entry.id}", "/unanswered", f"/trainings/{training_id}", "/import"):
            mia.go(f"/console/faq{path}")
            mia.check()
        page = mia.go(f"/console/faq/{entry.id}")
        page.locator("#phrasings").fill("礼品卡卖吗")
        page.locator("#question").fill("有卡吗")
        page.keyboard.press("Enter")
        page.get_by_text("71 %").wait_for()
        tabs = page.get_by_role("tab")
        tabs.nth(0).focus()
        page.keyboard.press("ArrowRight")
        assert tabs.nth(1).get_attribute("aria-selected") == "true"
        assert page.locator("textarea:visible").nth(1).input_value() == "Yes, from 100 yuan."
        mia.check()
