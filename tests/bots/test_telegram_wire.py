"""What recorded updates mean, and that no bytes bring more than a refusal."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.base import Rejected
from bots.telegram.raw import MAX_BYTES, parse
from bots.telegram.wire import Me, read
from crm_store.messages import Address, Incoming, Proof

PAYLOADS = Path(__file__).parent / "telegram"
ME = Me(700100, "tea_house_bot")
LIN = Address("shop", "5550101")
CLUB = Address("shop", "-1002200330044")


def recorded(name: str) -> Incoming:
    incoming = read(parse((PAYLOADS / f"{name}.json").read_bytes()), "shop", ME)
    assert incoming
    return incoming


def update(**parts: Any) -> bytes:
    return json.dumps({"update_id": 9} | parts).encode()


def test_a_text_comes_with_who_wrote_it_where_and_when() -> None:
    incoming = recorded("text")
    assert incoming.address == LIN
    assert incoming.key == "730401"
    assert incoming.content.text == "你们几点开门？"
    assert incoming.wants_reply
    assert incoming.sent_at is not None
    assert incoming.sent_at.isoformat() == "2026-03-02T04:00:00+00:00"
    assert incoming.profile == {"display_name": "小雨 林", "language": "zh-hans", "username": "xiaoyu"}
    assert incoming.proofs == ()


def test_korean_and_emoji_arrive_whole() -> None:
    assert recorded("text_korean_emoji").content.text == "안녕하세요 🍵 배송되나요?"


@pytest.mark.parametrize(
    ("name", "start"), [("start_bare", {}), ("start_deeplink", {"start": "spring_26-A"})]
)
def test_start_means_that_somebody_follows(name: str, start: dict[str, str]) -> None:
    incoming = recorded(name)
    assert incoming.content.kind == "event"
    assert incoming.content.text == "/start"
    assert incoming.content.data == {"name": "follow"} | start
    assert incoming.reachable is True
    assert incoming.wants_reply


def test_an_edit_is_told_and_not_answered() -> None:
    incoming = recorded("edited")
    assert incoming.content.data == {"name": "edited"}
    assert incoming.content.text == "你们周日几点开门？"
    assert not incoming.wants_reply


@pytest.mark.parametrize(
    ("name", "kind", "text", "file_id", "content_type"),
    [
        ("photo", "image", "我的茶壶裂了", "AgADb1", "image/jpeg"),
        ("voice", "voice", "", "AwADv1", "audio/ogg"),
        ("video", "video", "unboxing", "BAADv1", "video/mp4"),
        ("document", "file", "", "BQADd1", "application/pdf"),
        ("sticker", "image", "👍", "CAADs1", "image/webp"),
    ],
)
def test_files_are_named_by_the_largest_size_and_their_type(
    name: str, kind: str, text: str, file_id: str, content_type: str
) -> None:
    content = recorded(name).content
    assert content.media is not None
    assert (content.kind, content.text) == (kind, text)
    assert (content.media.platform_id, content.media.content_type) == (file_id, content_type)
    assert content.media.size > 1000


def test_ones_own_number_is_a_proof() -> None:
    incoming = recorded("contact_own")
    assert incoming.content.data == {"phone_number": "+8613800138000", "name": "小雨 林"}
    assert incoming.proofs == (Proof("phone", "+8613800138000"),)


@pytest.mark.parametrize("name", ["contact_other", "contact_in_group"])
def test_a_number_that_may_be_anothers_proves_nothing(name: str) -> None:
    assert recorded(name).content.kind == "contact"
    assert recorded(name).proofs == ()


def test_a_place_comes_in_degrees_and_with_its_name() -> None:
    assert recorded("location").content.data == {"latitude": 31.2304, "longitude": 121.4737}
    assert recorded("venue").content.data["label"] == "豫园, 安仁街218号"


def test_a_pressed_button_is_shown_by_its_title_and_means_its_payload() -> None:
    incoming = recorded("button")
    assert incoming.content.text == "找人工"
    assert incoming.payload == '/human{"why":"button"}'
    assert incoming.content.data == {"callback_query_id": "98765432100"}
    assert incoming.wants_reply


def test_a_button_whose_payload_was_too_long_counts_as_its_title_said() -> None:
    incoming = recorded("button_long_payload")
    assert incoming.content.text.endswith("did not fit into sixty-four bytes")
    assert incoming.payload == ""


def test_a_button_under_a_message_too_old_to_show_still_counts() -> None:
    incoming = recorded("button_old_message")
    assert (incoming.address, incoming.payload) == (LIN, "/ask_address")


@pytest.mark.parametrize(("name", "reachable"), [("blocked", False), ("unblocked", True)])
def test_who_blocks_us_is_gone_until_they_come_back(name: str, reachable: bool) -> None:
    incoming = recorded(name)
    assert (incoming.address, incoming.reachable) == (LIN, reachable)
    assert not incoming.wants_reply


@pytest.mark.parametrize(
    ("name", "text", "wants_reply"),
    [
        ("group_chatter", "今天天气真好", False),
        ("group_mention", "🍵  你们几点开门？", True),
        ("group_mention_of_other", "@anna_k 你来吗", False),
        ("group_reply", "谢谢", True),
        ("other_bot_in_group", "hi", False),
        ("group_start", "/start", True),
    ],
)
def test_in_a_group_the_bot_answers_only_when_spoken_to(name: str, text: str, wants_reply: bool) -> None:
    incoming = recorded(name)
    assert incoming.address == CLUB
    assert (incoming.content.text, incoming.wants_reply) == (text, wants_reply)
    assert incoming.profile == {"display_name": "Tea club 茶友会"}


@pytest.mark.parametrize(
    ("name", "wants_reply"), [("dice", True), ("reaction_unknown", False), ("from_the_future", False)]
)
def test_what_is_unknown_is_kept_as_it_came(name: str, wants_reply: bool) -> None:
    incoming = recorded(name)
    assert incoming.address == LIN
    assert incoming.content.kind == "unknown"
    assert incoming.content.data["raw"] == json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    assert incoming.wants_reply is wants_reply


def test_an_update_in_which_nobody_speaks_brings_nothing() -> None:
    assert read(parse((PAYLOADS / "poll_state.json").read_bytes()), "shop", ME) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"update_id": "7"}',
        b'{"update_id": true}',
        b'{"update_id": 7, "x": NaN}',
        b'{"update_id": 7, "x": 1e999}',
        b'{"update_id": 7, "x": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"update_id": 7, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        b'{"update_id": ' + b"7" * 5000 + b"}",
        b'{"update_id": 7, "x": "' + b"x" * MAX_BYTES + b'"}',
    ],
)
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        parse(body)
    assert refused.value.status in (400, 413)


@pytest.mark.parametrize(
    "message",
    [
        {"chat": {"id": 5}, "text": 7},
        {"chat": {"id": 5}, "date": 10**30, "text": "x"},
        {"chat": {"id": 5}, "from": [], "text": "x"},
        {"chat": {"id": 5}, "from": {"id": 5, "first_name": {"a": 1}}, "text": "x"},
        {"chat": {"id": 5}, "location": {"latitude": "north", "longitude": 1}},
        {"chat": {"id": 5}, "photo": [{"file_id": "only"}]},
    ],
)
def test_an_update_of_a_strange_shape_is_kept_as_unknown(message: dict[str, Any]) -> None:
    incoming = read(parse(update(message=message)), "shop", ME)
    assert incoming is not None
    assert incoming.address.external_id == "5"
    assert incoming.content.kind == "unknown"
    assert incoming.wants_reply


def test_texts_come_without_what_no_database_stores() -> None:
    incoming = read(parse(update(message={"chat": {"id": 5}, "text": "a\x00b\ud800c"})), "shop", ME)
    assert incoming is not None
    assert incoming.content.text == "abc"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_update_or_refused(body: bytes) -> None:
    with suppress(Rejected):
        read(parse(body), "shop", ME)


@given(st.sampled_from(sorted(PAYLOADS.glob("*.json"))), st.data())
def test_any_damage_to_an_update_is_survived_and_what_is_read_can_be_stored(
    path: Path, data: st.DataObject
) -> None:
    raw = json.loads(path.read_bytes())
    part: Any = raw
    while True:
        names: list[Any] = [name for name in part if name != "update_id"] if isinstance(part, dict) else []
        names = list(range(len(part))) if isinstance(part, list) else names
        if not names:
            break
        name = data.draw(st.sampled_from(names))
        if not isinstance(part[name], dict | list) or data.draw(st.booleans()):
            part[name] = data.draw(json_values)
            break
        part = part[name]
    try:
        incoming = read(parse(json.dumps(raw).encode()), "shop", ME)
    except Rejected:
        return
    if incoming:
        assert incoming.key == str(raw["update_id"])
        json.dumps(incoming.content.to_json(), allow_nan=False)
        assert all(isinstance(value, str) for value in incoming.profile.values())
