"""A dialogue that a Rasa server leads: what it is told, what becomes of its answers, what is none."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from crm_store.messages import Button, Content, Media
from nlu.payload import typed
from nlu.rasa_dialogue import MOST_STEPS, RasaDialogue, Reply, read_reply
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import EngineTimedOut, EngineUnavailable
from tests.rasa import RasaStandIn, rasa_stand_in

WHERE = "https://shop.example/tea.png"


def test_sender_words_channel_and_metadata_are_sent_and_the_answer_comes_back() -> None:
    with rasa_stand_in() as server:
        dialogue = RasaDialogue(f"{server.url}/bots/tea/")
        reply = dialogue.say("site:anna", "hello \ud800", "site", {"message_id": "7"})
    told = {"sender": "site:anna", "message": "hello ", "input_channel": "site"}
    assert server.asked == [("/bots/tea/webhooks/rest/webhook", told | {"metadata": {"message_id": "7"}})]
    assert reply == Reply((Content(text="rasa hello "),))


@pytest.mark.parametrize(
    ("message", "steps", "dropped"),
    [
        ({"text": "Hello"}, (Content(text="Hello"),), ()),
        (
            {"text": "Which?", "buttons": [{"title": "Green", "payload": '/tea{"kind": "green"}'}]},
            (Content(text="Which?", buttons=(Button("Green", '/tea{"kind": "green"}'),)),),
            (),
        ),
        (
            {"text": "Look", "buttons": [{"title": "Yes"}, {"title": "Site", "url": WHERE}, {"no": 1}, 5]},
            (Content(text=f"Look\nSite: {WHERE}", buttons=(Button("Yes", "Yes"),)),),
            (),
        ),
        ({"buttons": [{"title": "Yes", "payload": "/y"}]}, (Content(buttons=(Button("Yes", "/y"),)),), ()),
        (
            {"text": "See", "image": WHERE},
            (Content(text="See"), Content("image", media=Media(url=WHERE))),
            (),
        ),
        ({"attachment": WHERE}, (Content("file", media=Media(url=WHERE)),), ()),
        (
            {"attachment": {"type": "video", "payload": {"title": "Tea", "src": WHERE}}},
            (Content("video", media=Media(url=WHERE)),),
            (),
        ),
        ({"attachment": {"type": "template", "payload": {"elements": []}}}, (), ("attachment",)),
        (
            {"custom": {"kind": "link", "text": "Tea", "data": {"url": WHERE}}},
            (Content("link", text="Tea", data={"url": WHERE}),),
            (),
        ),
        ({"custom": {"action": "action_handover"}}, ("action_handover",), ()),
        ({"custom": {"kind": "event", "data": {"name": "follow"}}}, (), ("custom",)),
        ({"custom": {"kind": "text", "text": 5}}, (), ("custom",)),
        ({"custom": {"kind": "text", "buttons": [{"title": "x"}]}}, (), ("custom",)),
        ({"custom": ["what"]}, (), ("custom",)),
        ({"image": {"src": WHERE}}, (), ("image",)),
        ({"text": "  ", "image": "", "custom": {}}, (), ()),
        ({"text": 5, "buttons": "many"}, (), ("buttons",)),
    ],
)
def test_every_part_of_a_message_becomes_a_content_or_is_told_as_dropped(
    message: dict[str, Any], steps: tuple[Content | str, ...], dropped: tuple[str, ...]
) -> None:
    assert read_reply([{"recipient_id": "x", **message}]) == Reply(steps, dropped)


def test_a_bot_gone_wild_is_cut_short() -> None:
    reply = read_reply([{"text": str(number)} for number in range(MOST_STEPS + 3)])
    assert (len(reply.steps), reply.dropped) == (MOST_STEPS, ("more",))


def test_nothing_that_is_typed_is_a_payload_to_rasa() -> None:
    dice = random.Random(3)
    alphabet = '//  \t\n\r\x0b\x1c\x1f\x85\xa0\u2003\u3000\u200b\ufeff／ab{}"'
    for _ in range(20_000):
        text = "".join(dice.choice(alphabet) for _ in range(dice.randint(1, 8)))
        asked = typed(text)
        assert not asked.strip().startswith("/"), repr(text)  # as Rasa's UserMessage looks at it
        assert asked.strip() or not text.strip(), repr(text)
    assert typed("half/half /greet") == "half/half /greet"
    assert typed(" / /greet") == "greet"
    assert typed("  plain ") == "  plain "


@pytest.mark.parametrize("fault", ["error", "rubbish", "shape", "reset"])
def test_what_is_no_answer_is_unavailable_and_was_asked_once(fault: str) -> None:
    with rasa_stand_in() as server:
        dialogue, reading = RasaDialogue(server.url), RasaServer(server.url)
        assert dialogue.say("a:1", "fine", "a", {}).steps
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1") as told:
            dialogue.say("a:1", fault, "a", {})
        with pytest.raises(EngineUnavailable, match=r"127\.0\.0\.1"):
            reading.understand([f"{fault} with words"])
        assert not isinstance(told.value, EngineTimedOut)
        assert fault not in str(told.value)
        assert server.texts() == ["fine", fault]
        reading.close()


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_the_whole_of_an_answer_has_to_come_in_time(fault: str) -> None:
    with rasa_stand_in() as server:
        for ask in (
            lambda: RasaDialogue(server.url, timeout=0.4).say("a:1", fault, "a", {}),
            lambda: RasaServer(server.url, timeout=0.4).understand([fault]),
        ):
            began = time.monotonic()
            with pytest.raises(EngineTimedOut, match=r"within 0\.4 s"):
                ask()
            assert time.monotonic() - began < 10


def test_a_connection_that_the_server_closed_is_opened_anew_where_that_does_no_harm() -> None:
    with rasa_stand_in() as server:
        reading = RasaServer(server.url)
        reading.understand(["one", "two"])
        assert server.connections == 1
        reading._wire._server._idle[0].sock.shutdown(2)
        (heard,) = reading.understand(["three"])
        assert (heard.intent, server.connections) == ("said", 2)
        reading.close()


def test_an_understanding_of_another_shape_is_none() -> None:
    shapes: list[Any] = [
        [],
        {"intent": {"name": 5, "confidence": 1}},
        {"intent": {"name": "a", "confidence": float("nan")}},
        {"intent": {"name": "a", "confidence": 1}, "entities": [{"entity": 1, "start": 0, "end": 1}]},
        {"intent": {"name": "a", "confidence": 1}, "intent_ranking": [{"name": "a", "confidence": 7}]},
    ]
    with rasa_stand_in() as server:
        reading = RasaServer(server.url)
        for shape in shapes:
            _answer_with(server, shape)
            with pytest.raises(EngineUnavailable, match="parse result"):
                reading.understand(["hello"])
        reading.close()


def _answer_with(server: RasaStandIn, shape: Any) -> None:
    server.parses = lambda _text: shape


@pytest.mark.parametrize(
    "url", ["localhost:5005", "ftp://rasa", "http://", "http://rasa:port", "http://rasa:0"]
)
def test_an_address_that_is_none_is_refused_in_words(url: str) -> None:
    with pytest.raises(ValueError, match="expected an address as in"):
        RasaDialogue(url)
