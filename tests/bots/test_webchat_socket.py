from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from bots.base import Line, LiveEvent
from bots.webchat.seal import Seal
from crm_store.messages import Address, Button, Content, Incoming
from tests.bots.webchat_host import House, WebchatHost, open_house
from tests.bots.webchat_wire import open_wire


@pytest.fixture
def house() -> Iterator[House]:
    with open_house(signing_key="a key of this test") as opened:
        yield opened


def issue(house: House, visitor: str, age: timedelta, key: str = "a key of this test") -> str:
    at = int((house.host.now() - age).timestamp())
    return Seal(key.encode(), "site").close("visitor", {"visitor": visitor, "at": at})


def test_a_message_is_recorded_confirmed_and_answered(house: House) -> None:
    with open_wire(house) as wire:
        assert wire.hello(language="zh") == []
        wire.say(type="message", id="m1", text="你们几点开门？😀\n주말에도요?")
        said, answer = wire.hear_lines(2)
        assert wire.hear("kept") == {"type": "kept", "id": "m1"}
    [incoming] = house.host.recorded
    assert incoming.content == Content(text="你们几点开门？😀\n주말에도요?")
    assert (incoming.address.channel, incoming.key, incoming.payload) == ("site", "m1", "")
    assert incoming.profile == {"language": "zh"}
    assert (said["direction"], said["key"]) == ("in", "m1")
    assert (answer["direction"], answer["sender"]) == ("out", "bot")
    assert answer["content"]["text"].startswith("You said: 你们几点开门")


def test_a_language_that_we_do_not_have_is_not_noted(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello(language="<b>")
        wire.say(type="message", id="m1", text="hello")
        wire.hear("kept")
    assert house.host.recorded[0].profile == {}


def test_a_token_brings_the_visitor_back_to_their_lines(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        wire.hear("kept")
    with open_wire(house) as again:
        lines = again.hello(wire.token)
    assert [line["content"]["text"] for line in lines] == ["hello", "You said: hello"]


@pytest.mark.parametrize("age", [timedelta(days=2), timedelta(days=364)])
def test_a_token_of_more_than_a_day_is_renewed_for_the_same_visitor(house: House, age: timedelta) -> None:
    old = issue(house, "anna", age)
    with open_wire(house) as wire:
        wire.hello(old)
        wire.say(type="message", id="m1", text="hello")
        wire.hear("kept")
    assert wire.token != old
    assert house.host.recorded[0].address == Address("site", "anna")


def test_a_token_of_today_stays(house: House) -> None:
    token = issue(house, "anna", timedelta(hours=23))
    with open_wire(house) as wire:
        wire.hello(token)
    assert wire.token == token


@pytest.mark.parametrize(
    "fault", ["old", "future", "key", "channel", "purpose", "unsigned", "changed", "中文"]
)
def test_a_token_that_does_not_hold_names_nobody(house: House, fault: str) -> None:
    now = int(house.host.now().timestamp())
    good = issue(house, "anna", timedelta())
    payload = good.split(".")[1]
    token = {
        "old": issue(house, "anna", timedelta(days=366)),
        "future": issue(house, "anna", -timedelta(hours=1)),
        "key": issue(house, "anna", timedelta(), "another key"),
        "channel": Seal(b"a key of this test", "other").close("visitor", {"visitor": "anna", "at": now}),
        "purpose": Seal(b"a key of this test", "site").close("picture", {"visitor": "anna", "at": now}),
        "unsigned": f"v1.{payload}.",
        "changed": good.replace(payload, payload[:-2] + "AA"),
    }.get(fault, fault)
    with open_wire(house) as wire:
        wire.hello(token)
        wire.say(type="message", id="m1", text="hello")
        wire.hear("kept")
    assert house.host.recorded[0].address != Address("site", "anna")


def test_after_a_lost_connection_the_missed_lines_come_once_and_in_order(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        last = wire.hear_lines(2)[-1]["seq"]
    for number in range(120):
        house.say(Content(text=str(number)))
    with open_wire(house) as again:
        lines = again.hello(wire.token, after=last)
        house.say(Content(text="live"))
        assert again.hear("line")["content"]["text"] == "live"
    assert [line["content"]["text"] for line in lines] == [str(number) for number in range(120)]


class _BusyHost(WebchatHost):
    """A line is written in the very moment that a page reads the history."""

    async def history(self, address: Address, after: int = 0, limit: int = 50) -> list[Line]:
        self.say(address, Content(text="in between"))
        return await super().history(address, after, limit)


def test_a_line_written_while_history_is_read_is_neither_lost_nor_doubled() -> None:
    with open_house(_BusyHost()) as house, open_wire(house) as wire:
        [line] = wire.hello()
        wire.say(type="message", id="m1", text="hello")
        assert line["content"]["text"] == "in between"
        assert [line["content"]["text"] for line in wire.hear_lines(2)] == ["hello", "You said: hello"]


def test_a_message_said_again_is_confirmed_again_and_recorded_once(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        for _ in range(2):
            wire.say(type="message", id="m1", text="hello")
            assert wire.hear("kept")["id"] == "m1"
    assert len(house.host.recorded) == 1


def test_asking_again_sends_only_lines_that_were_not_pushed(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        first = wire.hear_lines(2)[0]["seq"]
        wire.say(type="hello", token=wire.token, after=first)
        wire.say(type="message", id="m2", text="more")
        assert [line["content"]["text"] for line in wire.hear_lines(2)] == ["more", "You said: more"]


def offer(incoming: Incoming) -> Sequence[Content]:
    return [Content(text="Which?", buttons=(Button("Green tea", '/choose{"tea":"green"}'),))]


def test_a_button_that_was_offered_says_its_payload() -> None:
    with open_house(WebchatHost(offer)) as house, open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="tea")
        wire.hear("kept")
        wire.say(type="press", id="m2", payload='/choose{"tea":"green"}', title="Something else")
        wire.hear("kept")
        pressed = house.host.recorded[1]
    assert pressed.payload == '/choose{"tea":"green"}'
    assert pressed.content == Content(text="Green tea")


@pytest.mark.parametrize("title", ["", "Refund"])
def test_a_forged_button_is_plain_text(title: str) -> None:
    with open_house(WebchatHost(offer)) as house, open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="tea")
        wire.hear("kept")
        wire.say(type="press", id="m2", payload='/refund{"amount":900}', title=title)
        wire.hear("kept")
        pressed = house.host.recorded[1]
    assert pressed.payload == ""
    assert pressed.content.text == (title or '/refund{"amount":900}')


def test_a_button_offered_to_somebody_else_is_plain_text() -> None:
    with open_house(WebchatHost(offer)) as house:
        with open_wire(house) as wire:
            wire.hello()
            wire.say(type="message", id="m1", text="tea")
            wire.hear("kept")
        with open_wire(house) as other:
            other.hello()
            other.say(type="press", id="m1", payload='/choose{"tea":"green"}', title="Green tea")
            other.hear("kept")
    assert house.host.recorded[1].payload == ""


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null", "http://[", "file://"])
def test_a_socket_from_elsewhere_is_refused(house: House, origin: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused, open_wire(house, origin):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["https://shop.example", "https://parley.example"])
def test_a_socket_from_an_allowed_origin_is_served(origin: str) -> None:
    settings: dict[str, Any] = {
        "allowed_origins": ["https://Shop.example/"],
        "public_url": "https://parley.example",
    }
    with open_house(**settings) as house, open_wire(house, origin) as wire:
        assert wire.hello() == []


@pytest.mark.parametrize(
    "raw", ["{", "", "\ufeff{}", "[" * 16_000, '{"a":' * 2_000, "9" * 9_000, b"\x00\xff"]
)
def test_what_is_no_json_closes_the_socket(house: House, raw: str | bytes) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.connection.send(raw)
        assert wire.close_code() == 1003
    assert house.host.recorded == []


def test_a_frame_of_more_than_16_kib_closes_the_socket(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="x" * 17_000)
        assert wire.close_code() == 1009
    assert house.host.recorded == []


@pytest.mark.parametrize(
    "frame",
    [
        None,
        [],
        "message",
        {},
        {"type": "other"},
        {"type": ["message"]},
        {"type": "message", "id": "m1"},
        {"type": "message", "id": "m1", "text": 5},
        {"type": "message", "id": "m1", "text": {"$ne": ""}},
        {"type": "message", "id": "", "text": "x"},
        {"type": "message", "id": "a b", "text": "x"},
        {"type": "message", "id": "x" * 65, "text": "x"},
        {"type": "press", "id": "m1", "payload": None},
        {"type": "image", "id": "m1", "url": "/etc/passwd"},
        {"type": "hello", "after": -1},
        {"type": "hello", "after": 10**30},
        {"type": "hello", "after": True},
        {"type": "hello", "after": float("nan")},
    ],
)
def test_a_frame_of_wrong_shape_is_refused_and_leaves_no_row(house: House, frame: Any) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.connection.send(json.dumps(frame))
        assert wire.hear()["why"] == "unreadable"
        wire.say(type="message", id="good", text="still here")
        wire.hear("kept")
    assert [incoming.key for incoming in house.host.recorded] == ["good"]


@pytest.mark.parametrize(("text", "why"), [("x" * 4_001, "too_long"), ("", "empty"), (" \n\t", "empty")])
def test_a_text_too_long_or_empty_is_refused(house: House, text: str, why: str) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text=text)
        assert wire.hear() == {"type": "refused", "why": why, "id": "m1"}
    assert house.host.recorded == []


def test_four_thousand_characters_of_any_script_are_taken(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.connection.send(
            json.dumps({"type": "message", "id": "m1", "text": "茶" * 4_000}, ensure_ascii=False)
        )
        wire.hear("kept")
    assert house.host.recorded[0].content.text == "茶" * 4_000


def test_what_no_database_can_store_is_left_out(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.connection.send(r'{"type":"message","id":"m1","text":"a\u0000b\ud83dc"}')
        wire.hear("kept")
    assert house.host.recorded[0].content.text == "abc"


@pytest.mark.parametrize(
    "frame", [{"type": "message", "id": "m", "text": "x"}, {"type": "hello", "token": 1}, 7]
)
def test_who_does_not_begin_with_a_hello_is_shown_out(house: House, frame: Any) -> None:
    with open_wire(house) as wire:
        wire.connection.send(json.dumps(frame))
        assert wire.close_code() == 1008
    assert house.host.recorded == []


def test_the_21st_message_in_ten_seconds_has_to_wait(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        for number in range(21):
            wire.say(type="message", id=f"m{number}", text="x")
            answer = wire.hear("kept", "refused")
        assert answer == {"type": "refused", "why": "rate", "id": "m20", "retry_after": 10.0}
        house.host.advance(timedelta(seconds=10))
        wire.say(type="message", id="m20", text="x")
        assert wire.hear("kept", "refused")["type"] == "kept"
    assert len(house.host.recorded) == 21


def test_one_address_cannot_make_visitors_without_end() -> None:
    with open_house(new_visitors_per_minute=2) as house:
        tokens = []
        for _ in range(2):
            with open_wire(house) as wire:
                wire.hello()
                tokens.append(wire.token)
        with open_wire(house) as wire:
            wire.say(type="hello")
            assert wire.hear()["why"] == "rate"
            assert wire.close_code() == 1013
        with open_wire(house) as wire:
            assert wire.hello(tokens[0]) == []


def test_who_is_refused_without_end_is_shown_out(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        for _ in range(61):
            wire.say(type="message", id="m1", text="")
        assert wire.close_code() == 1008


def test_typing_and_the_floor_are_shown_but_not_ones_own_typing(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        wire.say(type="typing")
        wire.hear("kept")
        address = house.host.recorded[0].address
        wire.say(type="message", id="m2", text="again")
        wire.hear_lines(4)
        assert house.host.typed == [address]

        async def happen() -> None:
            house.host.publish(address, LiveEvent("typing", data={"sender": "customer"}))
            house.host.publish(address, LiveEvent("typing", data={"sender": "agent"}))
            house.host.publish(address, LiveEvent("floor", data={"floor": "agent"}))

        house.run(happen())
        assert wire.hear("typing", "floor") == {"type": "typing"}
        assert wire.hear("floor") == {"type": "floor", "floor": "agent"}


def test_what_came_raw_from_another_wire_stays_with_us(house: House) -> None:
    with open_wire(house) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        wire.hear_lines(2)
        house.say(Content("unknown", data={"raw": "<secret/>", "name": "dice"}))
        assert wire.hear("line")["content"]["data"] == {"name": "dice"}
