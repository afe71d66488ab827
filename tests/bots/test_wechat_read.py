"""Every recorded push, and what it means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bots.wechat.menu import Menu
from bots.wechat.read import KEY_LIMIT, Pushed
from crm_store.messages import Address, Media, Window
from tests.bots.wechat_account import (
    OPENID,
    PAYLOADS,
    TOKEN,
    open_account,
    payload,
    receive,
    signed,
    text_push,
)

MESSAGE = Window("message", timedelta(hours=48), 5)
MENU = Window("menu", timedelta(seconds=60), 3)
EVENT_KEY = f"{OPENID}:1772424000"
HAND_OVERS = {"account": "mei@shop"}


def read(name: str) -> Pushed:
    channel = open_account()
    return receive(channel, signed(channel), payload(name))


MESSAGES: dict[str, dict[str, Any]] = {
    "text.xml": {"kind": "text", "text": "请问周日几点开门？🙂"},
    "text_as_json.json": {"kind": "text", "text": "배송은 얼마나 걸려요?"},
    "text_broken_out_of_cdata.xml": {"kind": "text", "text": "a]]>b <MsgType>event</MsgType>"},
    "text_from_article.xml": {"kind": "text", "text": "Is this jacket still in stock?"},
    "image.xml": {"kind": "image", "media": Media("http://mmbiz.example/pic/8f1c/0", "m-8f1c")},
    "voice.xml": {"kind": "voice", "media": Media(platform_id="m-21aa", content_type="audio/amr")},
    "voice_recognised.xml": {"kind": "voice", "text": "我要退货"},
    "video.xml": {"kind": "video", "media": Media(platform_id="m-77d0"), "data": {"thumbnail": "t-77d0"}},
    "shortvideo.xml": {"kind": "video", "media": Media(platform_id="m-77d1")},
    "location.xml": {
        "kind": "location",
        "text": "上海市黄浦区人民广场",
        "data": {"latitude": 31.230416, "longitude": 121.473701, "label": "上海市黄浦区人民广场"},
    },
    "location_without_place.xml": {"kind": "unknown"},
    "link.xml": {
        "kind": "link",
        "text": "春季新品",
        "data": {"url": "https://shop.example/spring", "title": "春季新品", "description": "全场八折"},
    },
    "unknown_message.xml": {"kind": "unknown"},
}

# Events that only report something: what is kept of them.
QUIET: dict[str, dict[str, Any]] = {
    "event_view.xml": {"name": "view", "url": "https://shop.example/", "menu": "430012"},
    "event_view_miniprogram.xml": {
        "name": "view_miniprogram",
        "path": "pages/index/index",
        "menu": "430012",
    },
    "event_location.xml": {
        "name": "location",
        "latitude": "31.23",
        "longitude": "121.47",
        "precision": "40.0",
    },
    "event_location_select.xml": {
        "name": "location_select",
        "key": "where",
        "latitude": "31.2",
        "longitude": "121.4",
        "label": "静安寺",
    },
    "event_pic_sysphoto.xml": {"name": "pic_sysphoto", "key": "photo", "count": "1"},
    "event_pic_photo_or_album.xml": {"name": "pic_photo_or_album", "key": "photo", "count": "1"},
    "event_pic_weixin.xml": {"name": "pic_weixin", "key": "photo", "count": "1"},
    "event_mass_finish.xml": {
        "name": "masssendjobfinish",
        "message": "1000004711",
        "status": "send success",
        "total": "120",
        "filtered": "100",
        "sent": "98",
        "errors": "2",
    },
    "event_publish_finish.xml": {
        "name": "publishjobfinish",
        "publish": "2247503051",
        "status": "0",
        "article": "b5O2OUs25HBxRceL7hfReg",
    },
    "event_permit_popup.xml": {
        "name": "subscribe_msg_popup_event",
        "permits": [
            {"TemplateId": "tpl-a", "SubscribeStatusString": "accept", "PopupScene": "2"},
            {"TemplateId": "tpl-b", "SubscribeStatusString": "reject", "PopupScene": "2"},
        ],
    },
    "event_permit_as_json.json": {
        "name": "subscribe_msg_popup_event",
        "permits": [{"TemplateId": "tpl-a", "SubscribeStatusString": "accept", "PopupScene": "0"}],
    },
    "event_permit_change.xml": {
        "name": "subscribe_msg_change_event",
        "permits": [{"TemplateId": "tpl-a", "SubscribeStatusString": "reject"}],
    },
    "event_kf_create_session.xml": {"name": "kf_create_session", "account": "mei@shop"},
    "event_kf_close_session.xml": {"name": "kf_close_session", "account": "mei@shop"},
    "event_kf_switch_session.xml": {
        "name": "kf_switch_session",
        "account": "lin@shop",
        "from_account": "mei@shop",
    },
    "event_privacy_revoke.xml": {"name": "user_authorization_revoke", "openid": OPENID, "revoked": "1"},
    "event_privacy_modified.xml": {"name": "user_info_modified", "openid": OPENID, "changed": "2"},
    "event_debug.xml": {"name": "debug_demo", "note": "hello"},
}

RECEIPTS = {
    "event_template_success.xml": ("3301557788120", "delivered", ""),
    "event_template_user_block.xml": ("3301557788121", "failed", "does not accept"),
    "event_template_system_failed.xml": ("3301557788122", "failed", "fault of its own"),
    "event_template_freq_limit.xml": ("3301557788123", "failed", "too many"),
    "event_permit_sent.xml": ("1700827132819550001", "delivered", ""),
    "event_permit_refused.xml": ("1700827132819550002", "failed", "user refuse"),
}

TRIGGERS = {
    "event_subscribe.xml": ("follow", {"name": "follow"}),
    "event_subscribe_without_key.xml": ("follow", {"name": "follow"}),
    "event_subscribe_scene.xml": ("follow", {"name": "follow", "scene": "store-07"}),
    "event_subscribe_trade.xml": ("follow", {"name": "follow", "trade": "4200001234202603021234567890"}),
    "event_scan.xml": ("scan", {"name": "scan", "scene": "store-07"}),
    "event_click.xml": ("menu", {"name": "menu", "key": "营业时间"}),
    "event_click_intent.xml": ("menu", {"name": "menu", "key": '/ask_hours{"day": "sunday"}'}),
    "event_scancode_push.xml": (
        "menu",
        {"name": "scancode_push", "key": "scan", "result": "A-1009", "type": "qrcode"},
    ),
    "event_scancode_waitmsg.xml": (
        "menu",
        {"name": "scancode_waitmsg", "key": "scan_and_wait", "result": "A-1009", "type": "qrcode"},
    ),
}

OTHERS = {"event_unsubscribe.xml", "event_unknown.xml", "aes_vector.json"}


def test_every_recorded_push_is_looked_at() -> None:
    assert {path.name for path in PAYLOADS.iterdir()} == {*MESSAGES, *QUIET, *RECEIPTS, *TRIGGERS, *OTHERS}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_says_what_its_sender_said(name: str) -> None:
    incoming = read(name)
    for part, expected in MESSAGES[name].items():
        assert getattr(incoming.content, part) == expected
    assert incoming.address == Address("shop", OPENID)
    assert incoming.key.startswith("24810733019552")
    assert incoming.sent_at == datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
    assert incoming.opens == MESSAGE
    assert incoming.wants_reply
    assert incoming.reachable is None


@pytest.mark.parametrize("name", ["unknown_message.xml", "location_without_place.xml"])
def test_a_message_that_cannot_be_read_is_kept_as_it_came(name: str) -> None:
    raw = read(name).content.data["raw"]
    assert raw["FromUserName"] == OPENID
    assert raw["MsgType"] in payload(name).decode()


@pytest.mark.parametrize("name", QUIET)
def test_an_event_that_only_reports_asks_for_no_reply_and_opens_no_window(name: str) -> None:
    incoming = read(name)
    assert (incoming.content.kind, incoming.content.data) == ("event", QUIET[name])
    assert (incoming.wants_reply, incoming.opens, incoming.receipt) == (False, None, None)


@pytest.mark.parametrize("name", RECEIPTS)
def test_a_result_becomes_a_receipt(name: str) -> None:
    incoming = read(name)
    message, status, reason = RECEIPTS[name]
    assert incoming.receipt
    assert (incoming.receipt.platform_id, incoming.receipt.status) == (message, status)
    assert reason in incoming.receipt.reason
    assert bool(incoming.receipt.reason) == (status == "failed")
    assert (incoming.wants_reply, incoming.opens) == (False, None)


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_opens_its_window_for_three_messages_in_a_minute(name: str) -> None:
    incoming = read(name)
    trigger, data = TRIGGERS[name]
    assert incoming.opens == Window(trigger, timedelta(minutes=1), 3)
    assert incoming.content.data == data
    assert incoming.wants_reply == (name != "event_scancode_push.xml")
    assert incoming.reachable is (True if trigger == "follow" else None)


def test_who_leaves_is_unreachable() -> None:
    incoming = read("event_unsubscribe.xml")
    assert (incoming.reachable, incoming.wants_reply, incoming.opens) == (False, False, None)
    assert incoming.content.data == {"name": "unfollow"}


def test_an_unknown_event_is_kept_as_it_came() -> None:
    incoming = read("event_unknown.xml")
    assert (incoming.content.kind, incoming.wants_reply, incoming.opens) == ("unknown", False, None)
    assert incoming.content.data["raw"]["Prize"] == "42"


def test_a_menu_key_is_a_payload_or_stands_for_a_text() -> None:
    said, meant = read("event_click.xml"), read("event_click_intent.xml")
    assert (said.payload, said.content.text) == ("", "营业时间")
    assert (meant.payload, meant.content.text) == ('/ask_hours{"day": "sunday"}', "")


def test_events_of_one_second_are_told_apart_and_repeats_are_not() -> None:
    assert read("event_scan.xml").key == f"{EVENT_KEY}:SCAN:store-07"
    assert read("event_subscribe.xml").key == read("event_subscribe_without_key.xml").key
    keys = [read(name).key for name in (*TRIGGERS, "event_view.xml", "event_unsubscribe.xml")]
    assert len(set(keys)) == len(keys) - 1
    assert read("event_template_success.xml").key != read("event_template_user_block.xml").key


def test_a_key_of_any_length_is_short_and_its_own() -> None:
    channel = open_account()
    keys = {
        receive(channel, signed(channel), text_push(message="9" * 5000 + end)).key for end in ("1", "2")
    }
    assert len(keys) == 2
    assert all(len(key) <= KEY_LIMIT for key in keys)


def tap(menu_id: str) -> Pushed:
    channel = open_account()
    body = text_push("营业时间").replace(
        b"</xml>", f"<bizmsgmenuid>{menu_id}</bizmsgmenuid></xml>".encode()
    )
    return receive(channel, signed(channel), body)


def test_a_tapped_button_brings_its_payload_back() -> None:
    menu = Menu(TOKEN)
    for payload_ in ('/ask_hours{"day": "周日"}', "yes", "🙂"):
        incoming = tap(menu.write_id(payload_, OPENID))
        assert (incoming.payload, incoming.content.text) == (payload_, "营业时间")


@pytest.mark.parametrize(
    "menu_id",
    [
        "",
        "0",
        "101",
        "L2Fzaw",
        "L2Fzaw.",
        ".",
        "é.é",
        Menu("another-token").write_id("/ask", OPENID),
        Menu(TOKEN).write_id("/ask", "oSomebodyElse"),
        Menu(TOKEN).write_id("/ask", OPENID)[:-1],
    ],
)
def test_a_payload_that_we_did_not_write_for_this_customer_is_no_payload(menu_id: str) -> None:
    assert (tap(menu_id).payload, tap(menu_id).content.text) == ("", "营业时间")


def test_a_typed_intent_is_only_a_text() -> None:
    channel = open_account()
    assert receive(channel, signed(channel), text_push("/restart{}")).payload == ""
