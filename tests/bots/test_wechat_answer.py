"""What a WeChat webhook answers: passive replies, how contents are drawn, where long texts are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.simulators.wechat.screen import draw_text
from bots.simulators.wechat.wire import Envelope, read_json, read_xml, sign
from bots.wechat import Wechat
from bots.wechat.menu import Menu
from bots.wechat.text import TEXT_LIMIT, draw, draw_short, size, split
from crm_store.messages import Button, Content, Incoming, Media
from tests.bots.host import NOON
from tests.bots.wechat_account import (
    ACCOUNT,
    AES_KEY,
    APP_ID,
    OLD_KEY,
    OPENID,
    TOKEN,
    open_account,
    payload,
    receive,
    sealed,
    signed,
    text_push,
)

FAMILY = "👨‍👩‍👧‍👦"
PICTURE = Content("image", "新款", media=Media(url="https://shop.example/a.png"))


def link(button: Button) -> str:
    return Menu(TOKEN).link(button, OPENID)


def answer(channel: Wechat, *contents: Content) -> tuple[dict[str, Any] | None, int]:
    """The fields of the passive reply to a plain text, None for `success`, and how many it carries."""
    query = signed(channel)
    reply, carried = channel.answer(query, [receive(channel, query, text_push())], contents)
    if reply.body == b"success":
        return None, carried
    assert reply.media_type.startswith("application/xml")
    return read_xml(reply.body), carried


def say(text: str) -> Content:
    return Content(text=text)


@pytest.fixture
def pushing() -> Wechat:
    return open_account()


@pytest.fixture
def passive() -> Wechat:
    return open_account(customer_service_messages=False)


# The reply


def test_a_passive_reply_goes_back_to_the_sender(pushing: Wechat) -> None:
    fields, carried = answer(pushing, say("九点开门 🙂"))
    assert carried == 1
    assert fields == {
        "ToUserName": OPENID,
        "FromUserName": ACCOUNT,
        "CreateTime": str(int(NOON.timestamp())),
        "MsgType": "text",
        "Content": "九点开门 🙂",
    }


def test_nothing_to_say_is_said_as_success(pushing: Wechat) -> None:
    assert answer(pushing) == (None, 0)
    assert answer(pushing, Content()) == (None, 1)
    assert answer(pushing, say(" \x00\x0b ")) == (None, 1)


def test_a_reply_to_a_push_that_is_not_known_carries_nothing(pushing: Wechat) -> None:
    stranger = Incoming(pushing.address(OPENID), "1", Content(text="hi"))
    reply, carried = pushing.answer({}, [stranger], [say("hi")])
    assert (reply.body, carried) == (b"success", 0)


@pytest.mark.parametrize(
    "text",
    [
        "]]>",
        "a]]></Content><MsgType><![CDATA[image]]></MsgType><Content><![CDATA[",
        "<xml>&amp;</xml>",
        "tab\tline\nend",
        FAMILY,
    ],
)
def test_no_text_breaks_out_of_the_reply(pushing: Wechat, text: str) -> None:
    fields, _ = answer(pushing, say(text))
    assert fields
    assert (fields["Content"], fields["MsgType"]) == (text, "text")


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=60) | st.text("]>\x00\x0b\ud800\ufffe<&a", min_size=1))
def test_every_text_makes_a_reply_that_can_be_read(text: str) -> None:
    for channel in (open_account(), open_account(customer_service_messages=False)):
        fields, carried = answer(channel, say(text), Content(buttons=(Button(text, text),)))
        assert carried == 2
        assert fields
        assert fields["MsgType"] == "text"
        (button,) = draw_text(fields["Content"]).buttons
        assert button.text.strip()


@pytest.mark.parametrize("key", [AES_KEY, OLD_KEY])
@pytest.mark.parametrize("push", ["text.xml", "text_as_json.json"])
def test_an_encrypted_reply_is_locked_with_the_key_of_its_push(key: str, push: str) -> None:
    channel = open_account(encoding_aes_key=AES_KEY, previous_encoding_aes_key=OLD_KEY)
    query, body = sealed(channel, payload(push), key)
    reply, carried = channel.answer(query, [receive(channel, query, body)], [say("九点 🙂 ]]>")])
    read = read_json if push.endswith(".json") else read_xml
    envelope = read(reply.body)
    stamp = str(envelope["TimeStamp"])
    assert set(envelope) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    assert (envelope["Nonce"], stamp) == (query["nonce"], str(int(NOON.timestamp())))
    assert envelope["MsgSignature"] == sign(TOKEN, stamp, query["nonce"], envelope["Encrypt"])
    assert read(Envelope(key, APP_ID).open(envelope["Encrypt"]).encode())["Content"] == "九点 🙂 ]]>"
    assert carried == 1


def test_success_is_never_encrypted() -> None:
    channel = open_account(encoding_aes_key=AES_KEY)
    query, body = sealed(channel, text_push())
    assert channel.answer(query, [receive(channel, query, body)], [])[0].body == b"success"


def test_a_push_in_json_is_answered_in_json(pushing: Wechat) -> None:
    query = signed(pushing)
    incoming = receive(pushing, query, payload("text_as_json.json"))
    reply, _ = pushing.answer(query, [incoming], [say("내일 도착해요\ud800\x00")])
    assert reply.media_type.startswith("application/json")
    assert json.loads(reply.body) == {
        "ToUserName": OPENID,
        "FromUserName": ACCOUNT,
        "CreateTime": int(NOON.timestamp()),
        "MsgType": "text",
        "Content": "내일 도착해요",
    }


# What it carries


def test_texts_are_joined_with_an_empty_line(pushing: Wechat) -> None:
    fields, carried = answer(pushing, say("你好"), Content(), say("九点开门"))
    assert fields
    assert (fields["Content"], carried) == ("你好\n\n九点开门", 3)


def test_what_no_longer_fits_whole_is_left_for_a_message_of_its_own(
    pushing: Wechat, passive: Wechat
) -> None:
    for channel in (pushing, passive):
        fields, carried = answer(channel, say("a" * 1500), say("b" * 600))
        assert fields
        assert (fields["Content"], carried) == ("a" * 1500, 1)


def test_a_text_that_is_too_long_is_left_to_be_pushed(pushing: Wechat) -> None:
    assert answer(pushing, say("长" * 1000)) == (None, 0)


def test_an_account_that_cannot_push_cuts_a_text_that_is_too_long(passive: Wechat) -> None:
    fields, carried = answer(passive, say("这是一句话。" * 300), say("more"))
    assert fields
    assert fields["Content"].endswith("这是一句话。…")
    assert 1024 < size(fields["Content"]) <= TEXT_LIMIT
    assert carried == 1


def test_buttons_of_a_text_that_was_cut_stay() -> None:
    text = draw_short(Content(text="长" * 3000, buttons=(Button("是", "/affirm"),)), link)
    assert size(text) <= TEXT_LIMIT
    assert [piece.sends for piece in draw_text(text).buttons] == ["是"]


def test_a_picture_is_left_in_its_place(pushing: Wechat, passive: Wechat) -> None:
    fields, carried = answer(pushing, say("看"), PICTURE, say("喜欢吗"))
    assert fields
    assert (fields["Content"], carried) == ("看", 1)
    assert answer(pushing, PICTURE) == (None, 0)
    fields, carried = answer(passive, say("看"), PICTURE, say("喜欢吗"))
    assert fields
    assert (fields["Content"], carried) == ("看\n\n新款\nhttps://shop.example/a.png\n\n喜欢吗", 3)


# How contents are drawn


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (say("  hi "), "hi"),
        (PICTURE, "新款\nhttps://shop.example/a.png"),
        (
            Content("file", media=Media("https://shop.example/b.pdf", name="b.pdf")),
            "b.pdf\nhttps://shop.example/b.pdf",
        ),
        (
            Content("location", data={"latitude": 31.2, "longitude": 121.4, "label": "静安寺"}),
            "静安寺\n31.2, 121.4",
        ),
        (
            Content("link", data={"url": "https://shop.example", "title": "店", "description": "八折"}),
            "店\n八折\nhttps://shop.example",
        ),
        (Content("contact", data={"name": "Mei", "phone_number": "021-5550"}), "Mei\n021-5550"),
        (Content("voice", "要退货", media=Media(platform_id="m-1")), "要退货"),
        (Content("event", data={"name": "follow"}), ""),
        (Content("unknown", data={"raw": {"a": 1}}), ""),
    ],
)
def test_every_kind_of_content_has_words(content: Content, text: str) -> None:
    assert "\n".join(draw(content, link)) == text


@pytest.mark.parametrize(
    "title", ["营业时间", "A & B", 'say "hi"', "50% off + more", "a=b#c", "영업 시간", "🙂", "1"]
)
def test_a_button_is_a_link_that_says_its_title(title: str) -> None:
    (text,) = draw(Content(text="请选择", buttons=(Button(title, "/ask"),)), link)
    seen = draw_text(text)
    assert seen.text == f"请选择\n{title}"
    (button,) = seen.buttons
    assert button.sends == title
    assert Menu(TOKEN).read_id(button.menu_id, OPENID) == "/ask"


def test_a_title_cannot_bring_a_link_of_its_own() -> None:
    title = '</a><a href="weixin://bizmsgmenu?msgmenucontent=x&msgmenuid=1">pay</a>'
    seen = draw_text(link(Button(title[:59], "/ask")))
    assert len(seen.buttons) == 1
    assert seen.buttons[0].sends == title[:59]


def test_a_long_payload_is_left_out_and_the_title_is_said() -> None:
    (button,) = draw_text(link(Button("是", "/a" * 100))).buttons
    assert (button.sends, button.menu_id) == ("是", "0")


def test_an_endless_title_is_shortened() -> None:
    assert size(link(Button("很" * 5000, "/ask"))) < TEXT_LIMIT // 4


def test_many_buttons_are_spread_over_messages_and_none_is_cut() -> None:
    buttons = tuple(Button(f"选项 {number}", f"/choose{{{number}}}") for number in range(40))
    parts = draw(Content(text="选" * 600, buttons=buttons), link)
    assert len(parts) > 1
    assert all(size(part) <= TEXT_LIMIT for part in parts)
    said = [piece.sends for part in parts for piece in draw_text(part).buttons]
    assert said == [button.title for button in buttons]


# Where long texts are cut


@pytest.mark.parametrize("end", ["\n\n", "\n", "。", "！", "？", ". ", "；", "，", " "])
def test_a_long_text_is_cut_after_a_whole_piece(end: str) -> None:
    piece = "字" * 50 + end
    parts = split(piece * 40)
    assert len(parts) == 4
    assert all(part.endswith("字" + end.strip()) for part in parts)


def test_a_better_border_is_taken_before_a_later_one() -> None:
    parts = split("字" * 400 + "\n" + "字。" * 200 + "字" * 300)
    assert parts[0] == "字" * 400


def test_a_composed_emoji_is_not_taken_apart() -> None:
    for lead in range(8):
        parts = split("a" * lead + FAMILY * 200)
        assert all(part.lstrip("a").replace(FAMILY, "") == "" for part in parts)


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("字a 。.\n\t🙂\u0301\u200d👍🏽"), max_size=400), st.integers(4, 60))
def test_splitting_loses_nothing_but_space_and_keeps_to_the_limit(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < size(part) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
