"""What an agent does in a conversation, by forms: the floor, replies, notes, and what the page tells."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import Session, select

from crm_store import audit, conversations, history, identities, notes, outbox, privacy, search_index
from crm_store.conversations import Conversation
from crm_store.messages import Address, Content, Entity, Policy, Understanding, Window
from tests.bots.webchat_browser import png
from tests.console.office import XIAOLIN, Office, Person

WECHAT_LIKE = Policy(draws=frozenset({"text"}), needs_window=True)


def path(conversation_id: UUID, deed: str = "") -> str:
    return f"/console/conversations/{conversation_id}{deed}"


def standing(office: Office, conversation_id: UUID) -> tuple[str, str | None]:
    with office.database.reading() as session:
        found = conversations.get_conversation(session, conversation_id)
        return found.floor, found.agent


def sent(office: Office) -> list[str]:
    with office.database.reading() as session:
        found = session.exec(select(history.Message).where(history.Message.direction == "out")).all()
        return [message.text for message in found]


def actions(session: Session) -> list[tuple[str, str]]:
    return [(each.actor, each.action) for each in reversed(audit.list_entries(session))]


def test_taking_over_replying_and_giving_back_change_the_floor_and_are_audited(office: Office) -> None:
    talk, aki = office.say("I want a person", floor="waiting").conversation_id, office.as_("aki")
    aki.post(path(talk, "/take"))
    assert standing(office, talk) == ("agent", "aki")
    aki.post(path(talk, "/reply"), text="Here I am", key="k1")
    aki.post(path(talk, "/release"))
    assert standing(office, talk) == ("bot", None)
    aki.post(path(talk, "/close"))
    assert standing(office, talk)[0] == "closed"
    assert sent(office) == ["Here I am"]
    assert office.queued == ["shop"]
    assert [floor for _, floor in office.floors] == ["agent", "bot", "closed"]
    with office.database.reading() as session:
        assert actions(session) == [
            ("staff:aki", "conversation.taken_over"),
            ("staff:aki", "conversation.released"),
            ("staff:aki", "conversation.closed"),
        ]


def test_what_was_done_is_said_on_the_next_page_whoever_looks_before(office: Office) -> None:
    talk = office.say("hi", floor="waiting").conversation_id
    aki = office.as_("aki")
    aki.post(path(talk, "/take"))
    form, headers = {"csrf": aki.csrf}, {"origin": "http://console.test"}
    release = aki.client.post(path(talk, "/release"), data=form, headers=headers, follow_redirects=False)
    done = office.run(release)
    assert done.status_code == 303
    assert 'class="notice good said"' not in aki.get(path(talk), headers={"x-parley": "1"}).text
    assert 'class="notice good said"' in aki.get(path(talk)).text
    assert 'class="notice good said"' not in aki.get(path(talk)).text


def test_the_head_tells_since_when_somebody_has_the_floor(office: Office) -> None:
    talk, aki = office.say("hi").conversation_id, office.as_("aki")
    office.time += timedelta(hours=2)
    aki.post(path(talk, "/take"))
    since = f'<time datetime="{office.time.isoformat()}"'
    office.time += timedelta(hours=1)
    head = aki.get(path(talk)).text.partition('id="talk-head"')[2].partition("</header>")[0]
    assert since in head


def test_a_reply_under_the_bots_floor_takes_over(office: Office) -> None:
    talk = office.say("hi").conversation_id
    page = office.as_("aki").get(path(talk)).text
    assert "Your reply takes the conversation over" in page
    office.as_("aki").post(path(talk, "/reply"), text="Hello", key="k1")
    assert standing(office, talk) == ("agent", "aki")


def test_the_same_form_sent_twice_sends_one_message(office: Office) -> None:
    talk, aki = office.say("hi").conversation_id, office.as_("aki")
    for _ in range(2):
        assert aki.post(path(talk, "/reply"), text="Hello", key="k1").status_code == 200
    assert sent(office) == ["Hello"]
    aki.post(path(talk, "/reply"), text="Hello", key="k2")
    assert sent(office) == ["Hello", "Hello"]


def test_taking_over_from_a_colleague_asks_first(office: Office) -> None:
    talk = office.say("hi").conversation_id
    office.as_("bo").post(path(talk, "/take"))
    aki = office.as_("aki")
    question = aki.post(path(talk, "/take"))
    assert (question.status_code, "Bo has this conversation" in question.text) == (409, True)
    question = aki.post(path(talk, "/reply"), text="Mine", key="k1")
    assert question.status_code == 409
    assert 'name="text" value="Mine"' in question.text
    assert (standing(office, talk), sent(office)) == (("agent", "bo"), [])
    aki.post(path(talk, "/take"), sure="1")
    assert standing(office, talk) == ("agent", "aki")


def test_only_supervisors_assign(office: Office) -> None:
    talk = office.say("hi").conversation_id
    assert office.as_("aki").post(path(talk, "/assign"), agent="bo").status_code == 403
    assert office.as_("sue").post(path(talk, "/assign"), agent="nobody").status_code == 409
    office.as_("sue").post(path(talk, "/assign"), agent="bo")
    assert standing(office, talk) == ("agent", "bo")


def test_a_marketer_reads_no_conversation(sqlite_office: Office) -> None:
    talk, mia = sqlite_office.say("hi").conversation_id, sqlite_office.as_("mia")
    for where in ("/console/inbox", path(talk), path(talk, "/older"), "/console/live"):
        assert mia.get(where).status_code == 403, where
    for deed in ("/take", "/reply", "/release", "/close", "/note", "/read"):
        assert mia.post(path(talk, deed), text="x").status_code == 403, deed


def test_a_note_stands_where_it_was_written_and_goes_to_no_customer(office: Office) -> None:
    talk, aki = office.say("first").conversation_id, office.as_("aki")
    aki.post(path(talk, "/note"), text="Knows the boss")
    office.say("second")
    page = aki.get(path(talk)).text
    assert page.index("first</p>") < page.index("Knows the boss") < page.index("second</p>")
    assert sent(office) == []
    assert standing(office, talk)[0] == "bot"


def test_an_erasure_empties_the_notes(office: Office) -> None:
    talk = office.say("hi").conversation_id
    office.as_("aki").post(path(talk, "/note"), text="Knows the boss")
    with office.database.writing() as session:
        customer = conversations.get_conversation(session, talk).customer_id
        privacy.erase(session, customer, office.time)
        assert [note.text for note in notes.list_notes(session, talk)] == [""]


def test_opening_a_conversation_reads_it(office: Office) -> None:
    talk = office.say("one", "two", floor="waiting").conversation_id
    aki = office.as_("aki")
    assert '<span class="count">' in aki.get("/console/inbox").text
    aki.get(path(talk))
    assert '<span class="count">' not in aki.get("/console/inbox").text


def test_older_messages_come_page_by_page(office: Office) -> None:
    talk, aki = office.say(*(f"text {n}." for n in range(150))).conversation_id, office.as_("aki")
    page, seen = aki.get(path(talk)).text, list[int]()
    while True:
        seen = [int(n) for n in re.findall(r"text (\d+)\.</p>", page)] + seen
        older = re.search(r'href="(?:/console/conversations/[^"]*/older)?(\?before=\d+)"', page)
        if not older:
            break
        page = aki.get(path(talk, f"/older{older[1]}")).text
    assert seen == list(range(150))


def answer(office: Office) -> UUID:
    """A customer's question, answered by the bot; the conversation's id."""
    heard = office.say("open on sunday?")
    with office.database.writing() as session:
        message = history.get_message(session, heard.message_id)
        message.understanding = Understanding(
            message.text,
            "ask_hours",
            0.91,
            (("ask_hours", 0.91), ("greet", 0.05)),
            (Entity("day", "Sunday", 8, 14),),
            engine="embedded",
        ).to_json()
        change = {"what": "attribute", "name": "asked_hours", "value": "sunday"}
        message.decision = [
            {"action": "action_opening_hours", "by": "rule", "name": "hours", "changes": [change]}
        ]
        session.add(message)
        conversation = conversations.get_conversation(session, heard.conversation_id)
        content = Content(text="From ten to six")
        row = outbox.draft(
            conversation, content, sender="bot", source="action:action_opening_hours", now=office.time,
            reply_to=message.id,
        )  # fmt: skip
        outbox.queue(session, [row])
    return heard.conversation_id


def test_a_bots_answer_says_why(office: Office) -> None:
    page = office.as_("aki").get(path(answer(office))).text
    why = page[page.index('<dl class="why">') :]
    for said in (
        "open on sunday?", "ask_hours", "0.91", "greet", "day", "Sunday", "Rule", "hours",
        "action_opening_hours", "asked_hours", "sunday",
    ):  # fmt: skip
        assert said in why, said


def test_a_status_stands_with_its_reason_in_the_readers_language(office: Office) -> None:
    talk, aki = office.say("hi").conversation_id, office.as_("aki")
    aki.post(path(talk, "/reply"), text="Hello", key="k1")
    with office.database.writing() as session:
        message = history.list_newest(session, talk, limit=1)[0]
        message.status, message.code = "skipped", "45015"
        message.reason = "the channel's window is closed: the customer has to write first"
        session.add(message)
    aki.post("/console/language", language="zh", back="/console/account")
    page = aki.get(path(talk)).text
    for said in ("未发送", "平台的可回复时段已过：需要客户先发消息", "45015"):
        assert said in page


@pytest.mark.parametrize(
    ("policy", "opens", "later", "told"),
    [
        (Policy(), None, 0, ""),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 5), 7, "5 of 5 left"),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 5), 7, "40 h"),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 1), 1, 'data-kind="nearly"'),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 5), 46, 'data-kind="nearly"'),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 5), 49, "nothing can be sent until"),
        (WECHAT_LIKE, Window("message", timedelta(hours=48), 0), 1, "All messages of this window are used"),
        (Policy(push=False), None, 0, "your reply waits for the customer&#39;s next message"),
    ],
)
def test_the_page_tells_before_writing_whether_a_reply_goes_out(
    sqlite_office: Office, policy: Policy, opens: Window | None, later: int, told: str
) -> None:
    sqlite_office.policies["shop"] = policy
    talk = sqlite_office.say("hi", opens=opens).conversation_id
    sqlite_office.time += timedelta(hours=later)
    page = sqlite_office.as_("aki").get(path(talk)).text
    if told:
        assert told in page
    else:
        assert 'class="standing' not in page


def test_who_has_left_cannot_be_written_to_and_the_page_says_so(sqlite_office: Office) -> None:
    talk = sqlite_office.say("hi").conversation_id
    with sqlite_office.database.writing() as session:
        identity = identities.find_identity(session, XIAOLIN)
        assert identity is not None
        identity.reachable = False
        session.add(identity)
    assert "has left or blocked us: nothing can be sent" in sqlite_office.as_("aki").get(path(talk)).text


def test_a_picture_is_kept_and_sent_and_what_is_none_is_refused(office: Office) -> None:
    talk, aki = office.say("hi").conversation_id, office.as_("aki")
    aki.post(
        path(talk, "/reply"), text="Look", key="k1", files={"picture": ("cup.png", png(), "image/png")}
    )
    with office.database.reading() as session:
        said = history.list_newest(session, talk, limit=1)[0].said
    assert (said.kind, said.text) == ("image", "Look")
    assert said.media is not None
    assert said.media.url.startswith("http://console.test/media/")
    evil = {"picture": ("cup.png", b"<script>alert(1)</script>", "image/png")}
    assert aki.post(path(talk, "/reply"), text="x", key="k2", files=evil).status_code == 409
    huge = {"picture": ("cup.png", b"x" * 3_000_000, "image/png")}
    assert aki.post(path(talk, "/reply"), text="x", key="k3", files=huge).status_code == 413


def test_what_customers_write_is_text_and_nothing_else(sqlite_office: Office) -> None:
    attack = "<img src=x onerror=alert(1)>"
    talk = sqlite_office.say(attack, name=attack).conversation_id
    aki = sqlite_office.as_("aki")
    for where in (path(talk), "/console/inbox?tab=all"):
        assert attack not in aki.get(where).text


def test_a_conversation_that_is_not_there_is_told(sqlite_office: Office) -> None:
    aki = sqlite_office.as_("aki")
    for wrong in ("nonsense", "019a7c3e-5b1f-7d20-9c41-3f6f0f8b2a11"):
        assert aki.get(f"/console/conversations/{wrong}").status_code == 404


def test_the_list_is_narrowed_and_looks_the_same_beside_a_conversation(office: Office) -> None:
    talk = office.say("hi", floor="waiting").conversation_id
    aki = office.as_("aki")
    assert str(talk) in aki.get("/console/inbox").text
    assert str(talk) not in aki.get("/console/inbox?tab=mine").text
    assert 'data-tab="mine"' in aki.get(path(talk)).text
    aki.post(path(talk, "/take"))
    assert f"row-{talk}" in aki.get("/console/inbox").text


def test_the_list_goes_on_page_by_page(sqlite_office: Office) -> None:
    for n in range(45):
        sqlite_office.say("hi", address=Address("shop", f"o{n}"), name=f"N{n}.")
    aki = sqlite_office.as_("aki")
    page = aki.get("/console/inbox?tab=all").text
    more = re.search(r'href="(/console/inbox\?[^"]*before[^"]*)"', page)
    assert more
    rest = aki.get(more[1].replace("&amp;", "&")).text
    names = [re.findall(r"<b>N(\d+)\.</b>", each) for each in (page, rest)]
    assert [int(n) for part in names for n in part] == list(range(44, -1, -1))


def test_search_finds_a_part_of_what_was_said_or_of_a_name(office: Office) -> None:
    first = office.say("我想退货，怎么办？", name="林晓雨").conversation_id
    second = office.say("hello", address=Address("shop", "o2"), name="Anna <b>").conversation_id
    with office.database.writing() as session:
        search_index.tick(session, office.time)
    aki = office.as_("aki")
    page = aki.get("/console/inbox?q=退货").text
    assert (f"row-{first}" in page, f"row-{second}" in page) == (True, False)
    assert "<mark>退货</mark>" in page
    assert f"row-{second}" in aki.get("/console/inbox?q=anna").text
    assert f"row-{first}" in aki.get(path(first) + "?q=退货").text
    assert "Nothing was found." in aki.get("/console/inbox?q=zzz").text


def test_quick_replies_fill_in_the_name_and_are_written_by_supervisors(office: Office) -> None:
    where = "/console/quick-replies"
    form: dict[str, Any] = {"shortcut": "/Hi", "text_zh": "您好{name}！", "text_en": "Hello {name}!"}
    assert office.as_("aki").post(where, **form).status_code == 403
    sue = office.as_("sue")
    assert "/hi is saved." in sue.post(where, **form).text
    assert "There is a quick reply with this shortcut already." in sue.post(where, **form).text
    assert "needs a text" in sue.post(where, shortcut="x", text_zh=" ").text
    talk = office.say("hi").conversation_id
    page = office.as_("aki").get(path(talk)).text
    found = re.search(r'id="quick-replies">(.*?)</script>', page)
    assert found
    assert json.loads(found[1]) == [{"shortcut": "hi", "text": "Hello 小林!"}]
    changed = re.search(r"/console/quick-replies/[0-9a-f-]{36}", sue.get(where).text)
    assert changed
    sue.post(changed[0], shortcut="hello", text_en="Hello there")
    assert "/hello" in sue.get(where).text
    sue.post(changed[0] + "/delete")
    assert "There are no quick replies yet." in sue.get(where).text


def test_an_administrator_lets_people_in_and_out(office: Office) -> None:
    ada: Person = office.as_("ada")
    assert office.as_("sue").get("/console/staff").status_code == 403
    form = {"name": "eve", "display_name": "Eve", "role": "agent", "password": "eve has a password"}
    assert "Eve can sign in now." in ada.post("/console/staff", **form).text
    assert "Somebody else signs in with this name." in ada.post("/console/staff", **form).text
    eve = office.as_("eve", "eve has a password")
    ada.post("/console/staff/eve/role", role="marketer")
    assert eve.get("/console/inbox").status_code == 403
    ada.post("/console/staff/eve/password", password="eve has another one")
    assert eve.get("/console/account").url.path == "/console/sign-in"
    eve = office.as_("eve", "eve has another one")
    ada.post("/console/staff/eve/disable")
    assert eve.get("/console/account").url.path == "/console/sign-in"
    ada.post("/console/staff/eve/enable")
    assert office.as_("eve", "eve has another one")
    assert "Nobody would be left" in ada.post("/console/staff/ada/disable").text
    with office.database.reading() as session:
        assert [action for _, action in actions(session)] == [
            "staff.added", "staff.role_changed", "staff.password_changed", "staff.disabled",
            "staff.enabled",
        ]  # fmt: skip
        assert session.exec(select(Conversation)).all() == []
