"""Working off: what cannot be answered is parked alone, and a person takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlmodel import col, select

from crm_store import conversations, dialogues
from crm_store.conversations import Conversation
from crm_store.db import Database
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Policy
from crm_store.recording import record
from nlu.base import State
from parley.acting import TRIES
from parley.worked import Worked
from parley.workers import Worker
from tests.parley.tiny import Clock, Parrot, Phrases, tiny_bot


class Desk:
    """A worker, its clock, and short words for what is done with them."""

    def __init__(self, database: Database, **bot: Any) -> None:
        self.database, self.clock = database, Clock()
        self.worker = Worker(database, tiny_bot(**bot), "w", {"shop": Policy()}, self.clock)

    def hear(self, who: str, *texts: str, language: str = "") -> UUID:
        profile = {"language": language} if language else {}
        batch = [
            Incoming(Address("shop", who), f"{who} {text}", Content(text=text), profile=profile)
            for text in texts
        ]
        with self.database.writing() as session:
            recorded = record(session, batch, "w", self.clock())
        assert recorded[0]
        return recorded[0].conversation_id

    def work(self) -> Worked:
        with self.database.writing() as session:
            free = conversations.lease_waiting(session, "w", 64, self.clock())
            held = session.exec(
                select(Conversation.id).where(
                    Conversation.leased_by == "w", col(Conversation.leased_until) > self.clock()
                )
            ).all()
        return self.worker.work(sorted({*free, *held}), ())

    def work_until_settled(self) -> None:
        for _ in range(2 * TRIES + 2):
            self.work()
            self.clock.pass_(20)

    def messages(self, who: str) -> list[Message]:
        with self.database.reading() as session:
            query = select(Message).where(Message.external_id == who).order_by(col(Message.seq))
            return list(session.exec(query))

    def said(self, who: str) -> list[str]:
        return [m.text for m in self.messages(who) if m.direction == "out"]

    def floor(self, conversation: UUID) -> str:
        with self.database.reading() as session:
            return conversations.get_conversation(session, conversation).floor


def test_one_text_that_cannot_be_understood_holds_nobody_up_and_goes_to_a_person(
    database: Database,
) -> None:
    desk = Desk(database)
    for number in range(30):
        desk.hear(f"p{number}", f"hello {number}")
    bad = desk.hear("bad", "boom")
    desk.work()
    assert [desk.said(f"p{number}") for number in range(30)] == [[f"re hello {n}"] for n in range(30)]
    for attempt in range(1, TRIES):
        (waiting,) = desk.messages("bad")
        assert (waiting.work, waiting.attempts) == ("waiting", attempt)
        assert desk.work().done == set()  # It is left in peace for a moment.
        desk.clock.pass_(20)
        desk.work()
    parked, told = desk.messages("bad")
    assert (parked.work, parked.attempts) == ("parked", TRIES)
    assert "this text cannot be understood" in str(parked.decision)
    assert (told.text, told.status, told.reply_to) == ("utter_handover_coming", "queued", parked.id)
    assert desk.floor(bad) == "waiting"


def test_a_good_message_is_not_blamed_for_the_bad_one_behind_it(database: Database) -> None:
    desk = Desk(database)
    conversation = desk.hear("anna", "hello", "boom", "goodbye")
    desk.work_until_settled()
    asked = [m for m in desk.messages("anna") if m.direction == "in"]
    assert [m.work for m in asked] == [None, "parked", None]
    answers = {m.reply_to: m.text for m in desk.messages("anna") if m.direction == "out"}
    assert answers[asked[0].id] == "re hello"
    assert answers[asked[1].id] == "utter_handover_coming"
    assert desk.floor(conversation) == "waiting"


def test_an_action_that_fails_leaves_nothing_half_done_and_goes_to_a_person(database: Database) -> None:
    desk = Desk(database)
    good, bad = desk.hear("good", "hello"), desk.hear("bad", "fail")
    desk.work_until_settled()
    assert desk.said("good") == ["re hello"]
    assert desk.said("bad") == ["utter_handover_coming"]
    assert (desk.floor(good), desk.floor(bad)) == ("bot", "waiting")


def test_a_dialogue_that_another_version_wrote_starts_afresh(database: Database) -> None:
    desk = Desk(database)
    conversation = desk.hear("anna", "hello")
    with database.writing() as session:
        old = {"slots": {"language": "en"}, "a_key_of_tomorrow": 1}
        dialogues.save_states(session, {conversation: old}, desk.clock())
    desk.work()
    assert desk.said("anna") == ["re hello"]
    with database.reading() as session:
        (state,) = dialogues.load_states(session, [conversation]).values()
    assert State(**state).started


class Forgetful(Parrot):
    """A dialogue that knows nothing of a form which an older project had."""

    def hear(self, state: State, heard: Any) -> State:
        if state.active_loop:
            raise KeyError(state.active_loop)
        return super().hear(state, heard)


def test_a_dialogue_that_cannot_go_on_starts_afresh_at_the_last_try(database: Database) -> None:
    desk = Desk(database, dialogue=Forgetful())
    conversation = desk.hear("anna", "hello")
    with database.writing() as session:
        stuck = {"active_loop": "a_form_of_yesterday"}
        dialogues.save_states(session, {conversation: stuck}, desk.clock())
    desk.work_until_settled()
    assert desk.said("anna") == ["re hello"]
    assert desk.floor(conversation) == "bot"


class Wordless(Phrases):
    """A project without any words."""

    def respond(self, name: str, slots: Mapping[str, Any], channel: str) -> list[Content]:
        raise KeyError(name)


def test_who_cannot_be_told_is_handed_over_all_the_same(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(database, project=Wordless())
    conversation = desk.hear("anna", "boom")
    desk.work_until_settled()
    (parked,) = desk.messages("anna")
    assert parked.work == "parked"
    assert desk.floor(conversation) == "waiting"


def test_what_is_parked_and_the_hand_over_stand_or_fall_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database)
    conversation = desk.hear("anna", "boom")
    for _ in range(TRIES - 1):
        desk.work()
        desk.clock.pass_(20)

    class Killed(BaseException):
        """The process ends here."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("parley.workers.handed_over", die)
        with pytest.raises(Killed):
            desk.work()
    desk.clock.pass_(20)
    desk.work_until_settled()
    assert desk.said("anna") == ["utter_handover_coming"]
    assert desk.floor(conversation) == "waiting"


def test_under_an_agent_a_message_that_cannot_be_understood_is_parked_without_a_word(
    database: Database,
) -> None:
    desk = Desk(database)
    conversation = desk.hear("anna", "boom")
    with database.writing() as session:
        conversations.take_over(session, conversation, "lin")
    desk.work_until_settled()
    (parked,) = desk.messages("anna")
    assert parked.work == "parked"
    assert desk.floor(conversation) == "agent"


def test_whose_lease_is_gone_neither_answers_nor_parks(database: Database) -> None:
    desk = Desk(database)
    good, bad = desk.hear("anna", "hello"), desk.hear("ben", "boom")
    with database.writing() as session:
        conversations.drop_leases(session)
    desk.worker.work([good, bad], ())
    assert [m.attempts for who in ("anna", "ben") for m in desk.messages(who)] == [0, 0]


@pytest.mark.parametrize(
    ("known", "answered"), [("en", "en"), ("zh_CN", "zh"), ("zh-hans", "zh"), ("ko", "en"), ("", "zh")]
)
def test_who_has_sent_no_word_yet_is_answered_in_the_language_of_their_page(
    database: Database, known: str, answered: str
) -> None:
    desk = Desk(database)
    conversation = desk.hear("anna", "👍", language=known)
    desk.work()
    with database.reading() as session:
        (state,) = dialogues.load_states(session, [conversation]).values()
    assert state["slots"]["language"] == answered
