"""A project's own actions run on Rasa's real action server, as they did under Rasa."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from crm_store.db import Database
from tests.parley.rasa_sdk_server import action_server
from tests.parley.table_bot import Table, server_at, table_bot
from tests.real_rasa import need_rasa


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Rasa's action server."""
    need_rasa()
    with action_server(tmp_path_factory.mktemp("actions")) as url:
        yield url


@pytest.fixture
def table(database: Database, url: str) -> Table:
    return Table(database, table_bot(server_at(url)))


def test_a_form_is_validated_asked_and_concluded_by_the_server(table: Table) -> None:
    assert table.say("anna", "book") == ["How many are you?"]
    assert table.say("anna", "12") == ["Not 12, at most 8.", "How many are you?"]
    assert table.say("anna", "4") == ["When?"]
    buttons = table.messages("anna")[-1].said.buttons
    assert [(b.title, b.payload) for b in buttons] == [("7 p.m.", "at seven"), ("8 p.m.", "at eight")]
    said = table.say("anna", "at seven")
    assert said == ["A table for 4 at at seven, see you.", "image", "file", "Map"]
    picture, file, card = (message.said for message in table.messages("anna")[-3:])
    assert [one.media and one.media.url for one in (picture, file)] == [
        "https://example.org/table.png",
        "https://example.org/a.pdf",
    ]
    assert card.data == {"url": "https://example.org/map"}


def test_the_server_is_told_all_that_rasa_would_tell_it(table: Table) -> None:
    for text in ("book", "4", "at seven"):
        table.say("anna", text)
    (said,) = table.say("anna", "look at 3")
    seen = json.loads(said)
    assert seen.pop("said") == ["book", "4", "at seven", "look at 3"]
    assert seen.pop("heard")[:3] == ["How many are you?", "When?", "A table for 4 at at seven, see you."]
    assert seen == {
        "sender": "shop:anna",
        "text": "look at 3",
        "intent": "look",
        "again": "look",
        "number": 3,
        "lucky": 6,  # as `action_validate_slot_mappings` has changed it
        "booking": "T-7",
        "loop": None,
        "channel": "shop",
        "paused": False,
        "before": "action_listen",
        "confirmed": True,
        "forms": {"table_form": {"required_slots": ["people", "time"]}},
    }


def test_an_action_that_refuses_leaves_it_to_the_next(table: Table) -> None:
    assert table.say("anna", "refuse") == ["That was refused."]
    steps = [step for m in table.messages("anna") if m.direction == "in" for step in m.decision or ()]
    assert [(s["action"], s.get("rejected", False)) for s in steps] == [
        ("action_validate_slot_mappings", False),
        ("action_refuse", True),
        ("utter_refused", False),
    ]


def test_events_change_the_dialogue(table: Table) -> None:
    conversation = table.hear("anna", "book", "4", "at seven")
    table.settle()
    assert table.state(conversation).slots["booking"] == "T-7"
    (said,) = table.say("anna", "followed")
    assert json.loads(said)["booking"] == "followed"
    assert table.say("anna", "forget") == ["forgotten"]
    assert "booking" not in table.state(conversation).slots


def test_who_pauses_the_bot_gets_a_person(table: Table) -> None:
    conversation = table.hear("anna", "silence")
    table.settle()
    assert table.floor(conversation) == "waiting"


@pytest.mark.parametrize("text", ["break", "elsewhere"])
def test_what_fails_there_is_tried_again_and_then_goes_to_a_person(table: Table, text: str) -> None:
    conversation = table.hear("anna", text)
    for attempt in (1, 2):
        table.settle()
        (waiting,) = table.messages("anna")
        assert (waiting.work, waiting.attempts) == ("waiting", attempt)
        table.clock.pass_(20)
    table.settle()
    assert table.messages("anna")[0].work == "parked"
    assert table.floor(conversation) == "waiting"
