"""Pushes of the local WeChat: handshake, modes, tries, and which answers a customer gets to see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from bots.simulators.wechat.screen import UNAVAILABLE
from bots.simulators.wechat.wire import sign
from tests.bots.simulators.wechat_shop import KEY, LI, OTHER_KEY, START, Received, Shop, open_shop

pytestmark = pytest.mark.anyio
MODES = ["plain", "compatible", "safe"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_callback_is_verified_once_before_the_first_push() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        await shop.simulator.say(LI, "在吗")
        [greeting] = shop.greetings
        assert set(greeting) == {"signature", "timestamp", "nonce", "echostr"}
        assert greeting["signature"] == sign(shop.token, greeting["timestamp"], greeting["nonce"])
        assert greeting["timestamp"] == str(int(START.timestamp()))


@pytest.mark.parametrize("status", [200, 403])
async def test_nothing_is_pushed_to_a_callback_that_fails_the_handshake(status: int) -> None:
    async with open_shop() as shop:
        shop.challenge = lambda echo: web.Response(
            text=f'"{echo}"' if status == 200 else echo, status=status
        )
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]
        assert shop.received == []
        assert not await shop.simulator.pusher.verify()


@pytest.mark.parametrize("format_", ["xml", "json"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_text_is_pushed_and_answered_in_every_mode_and_format(mode: str, format_: str) -> None:
    async with open_shop(mode=mode, format=format_, aes_key=KEY) as shop:

        async def answer(received: Received) -> bytes:
            return shop.reply() if mode == "plain" else shop.sealed(shop.reply())

        shop.answer = answer
        assert [seen.text for seen in await shop.simulator.say(LI, "早上好 ☀️ ]]>")] == ["您好！"]
        [received] = shop.received
        assert received.content_type == ("text/xml" if format_ == "xml" else "application/json")
        message = shop.opened()
        assert message["Content"] == "早上好 ☀️ ]]>"
        assert (message["FromUserName"], message["ToUserName"]) == (LI, shop.simulator.account.original_id)
        assert message["CreateTime"] == (
            str(int(START.timestamp())) if format_ == "xml" else START.timestamp()
        )
        _check_envelope(shop, received, mode)


def _check_envelope(shop: Shop, received: Received, mode: str) -> None:
    query, fields = received.query, received.fields()
    assert query["signature"] == sign(shop.token, query["timestamp"], query["nonce"])
    if mode == "plain":
        assert set(query) == {"signature", "timestamp", "nonce"}
        assert "Encrypt" not in fields
        return
    assert (query["openid"], query["encrypt_type"]) == (LI, "aes")
    sealed = fields["Encrypt"]
    assert query["msg_signature"] == sign(shop.token, query["timestamp"], query["nonce"], sealed)
    assert set(fields) == {"ToUserName", "Encrypt"} or (mode == "compatible" and "Content" in fields)


async def test_numbers_are_numbers_in_json() -> None:
    async with open_shop(format="json") as shop:
        await shop.simulator.location(LI, 23.134521, 113.358803, "广州塔")
        message = shop.opened()
        assert (message["Location_X"], message["Location_Y"]) == (23.134521, 113.358803)
        assert isinstance(message["MsgId"], int)


async def test_without_an_answer_in_time_the_same_message_comes_three_times() -> None:
    async with open_shop(deadline=0.5) as shop:
        never = asyncio.Event()

        async def hang(received: Received) -> bytes:
            await never.wait()
            return b"success"

        shop.answer = hang
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]
        assert len(shop.received) == 3
        assert len({received.body for received in shop.received}) == 1
        assert len({received.query["nonce"] for received in shop.received}) == 3
        [push] = shop.simulator.pusher.log
        assert [attempt.problem for attempt in push.attempts] == ["no answer within 0.5 s"] * 3
        never.set()


async def test_the_timer_cuts_at_the_deadline_and_an_answer_on_the_third_try_counts() -> None:
    async with open_shop(deadline=0.5) as shop:

        async def late(received: Received) -> bytes:
            if len(shop.received) < 3:
                await asyncio.sleep(2)
            return shop.reply()

        shop.answer = late
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == ["您好！"]
        assert shop.seen(LI) == ["您好！"]
        assert len(shop.received) == 3


async def test_each_try_has_the_timestamp_of_its_own_time() -> None:
    async with open_shop() as shop:

        async def fail(received: Received) -> web.Response:
            shop.simulator.clock.advance(5)
            return web.Response(status=500)

        shop.answer = fail
        await shop.simulator.say(LI, "你好")
        stamps = [int(received.query["timestamp"]) - int(START.timestamp()) for received in shop.received]
        assert stamps == [0, 5, 10]
        assert len({shop.opened(number)["CreateTime"] for number in range(3)}) == 1
        assert len({shop.opened(number)["MsgId"] for number in range(3)}) == 1


@pytest.mark.parametrize("body", [b"success", b""])
async def test_success_and_an_empty_body_end_it_without_anything_to_see(body: bytes) -> None:
    async with open_shop(mode="safe", aes_key=KEY) as shop:

        async def answer(received: Received) -> bytes:
            return body

        shop.answer = answer
        assert await shop.simulator.say(LI, "你好") == []
        assert len(shop.received) == 1
        assert shop.seen(LI) == []


async def test_a_webhook_that_is_not_there_is_tried_three_times() -> None:
    async with open_shop(webhook="http://127.0.0.1:9/webhooks/shop") as shop:
        shop.simulator.pusher.verified = True
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]
        assert len(shop.simulator.pusher.log[0].attempts) == 3


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"ToUserName": "gh_5a1e0f2b7c93", "FromUserName": LI}, "ToUserName"),
    ({"ToUserName": "oSomebodyElse"}, "ToUserName"),
    ({"FromUserName": "gh_other"}, "FromUserName"),
    ({"FromUserName": None}, "FromUserName"),
    ({"CreateTime": "now"}, "CreateTime"),
    ({"MsgType": None}, "MsgType"),
    ({"MsgType": "hologram"}, "hologram"),
    ({"Content": None}, "Content"),
    ({"Content": "测" * 683}, "2049 bytes"),
    ({"MsgType": "image", "Image": {"MediaId": "nowhere"}}, "40007"),
    ({"MsgType": "image"}, "Image"),
    ({"MsgType": "news", "ArticleCount": 2, "Articles": {"item": [{"Title": "一"}]}}, "ArticleCount"),
]


@pytest.mark.parametrize("format_", ["xml", "json"])
@pytest.mark.parametrize(("changes", "problem"), BROKEN)
async def test_a_reply_that_breaks_a_rule_shows_service_unavailable(
    changes: dict[str, Any], problem: str, format_: str
) -> None:
    async with open_shop(format=format_) as shop:
        shop.replies(**changes)
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]
        assert len(shop.received) == 1, "an invalid answer is an answer: no further try"
        [push] = shop.simulator.pusher.log
        assert push.outcome == "refused"
        assert problem in push.problem


async def test_a_text_of_exactly_2048_bytes_is_shown() -> None:
    async with open_shop() as shop:
        shop.replies(Content="测" * 682 + "ab")
        [seen] = await shop.simulator.say(LI, "你好")
        assert len(seen.text.encode()) == 2048


RAW = {
    "json in xml mode": b'{"ToUserName": "x"}',
    "words": b"OK",
    "text that broke out of its section": (
        b"<xml><ToUserName>a</ToUserName><FromUserName>b</FromUserName><CreateTime>1</CreateTime>"
        b"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[a]]><MsgType>news</MsgType></Content></xml>"
    ),
    "an open section": b"<xml><Content><![CDATA[a</Content></xml>",
}


@pytest.mark.parametrize("name", RAW)
async def test_a_body_that_is_no_reply_shows_service_unavailable(name: str) -> None:
    async with open_shop() as shop:

        async def answer(received: Received) -> bytes:
            return RAW[name]

        shop.answer = answer
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]


SEALED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a forged signature": (KEY, {"MsgSignature": "0" * 40}, "MsgSignature"),
    "no signature": (KEY, {"MsgSignature": ""}, "MsgSignature"),
    "another nonce than the signed one": (KEY, {"Nonce": "43"}, "MsgSignature"),
    "another key": (OTHER_KEY, {}, "Encrypt"),
}


@pytest.mark.parametrize("name", SEALED)
async def test_an_encrypted_reply_must_be_signed_and_sealed_rightly(name: str) -> None:
    key, changes, problem = SEALED[name]
    async with open_shop(mode="safe", aes_key=KEY) as shop:

        async def answer(received: Received) -> bytes:
            return shop.sealed(shop.reply(), key, **changes)

        shop.answer = answer
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == [UNAVAILABLE]
        assert problem in shop.simulator.pusher.log[0].problem


@pytest.mark.parametrize(("mode", "sealed", "good"), [
    ("plain", False, True), ("plain", True, False), ("compatible", False, True),
    ("compatible", True, True), ("safe", False, False), ("safe", True, True),
])  # fmt: skip
async def test_each_mode_takes_its_own_kind_of_reply(mode: str, sealed: bool, good: bool) -> None:
    async with open_shop(mode=mode, aes_key=KEY) as shop:

        async def answer(received: Received) -> bytes:
            return shop.sealed(shop.reply()) if sealed else shop.reply()

        shop.answer = answer
        seen = await shop.simulator.say(LI, "你好")
        assert [each.text for each in seen] == ["您好！" if good else UNAVAILABLE]


async def test_passive_pictures_cards_and_transfers_are_drawn() -> None:
    async with open_shop() as shop:
        media = shop.simulator.platform.media.keep("image", b"png", "image/png", "a.png", START)
        shop.replies(MsgType="image", Content=None, Image={"MediaId": media.media_id})
        [image] = await shop.simulator.say(LI, "照片")
        assert (image.kind, image.media) == ("image", f"/simulator/media/{media.media_id}")
        article = {"Title": "新品", "Description": "秋茶", "PicUrl": "", "Url": "https://shop.example/tea"}
        shop.replies(MsgType="news", Content=None, ArticleCount=1, Articles={"item": [article]})
        [news] = await shop.simulator.say(LI, "新品")
        assert (news.kind, news.text, news.data["url"]) == ("news", "新品", "https://shop.example/tea")
        shop.replies(MsgType="transfer_customer_service", Content=None, TransInfo={"KfAccount": "a@b"})
        [transfer] = await shop.simulator.say(LI, "人工")
        assert (transfer.kind, transfer.data["kf_account"]) == ("transfer", "a@b")


async def test_the_mode_can_be_switched_while_it_runs() -> None:
    async with open_shop(aes_key=KEY) as shop:
        await shop.simulator.say(LI, "一")
        shop.simulator.configure(mode="safe", format="json")
        await shop.simulator.say(LI, "二")
        assert "Encrypt" not in shop.received[0].fields()
        assert set(shop.received[1].fields()) == {"ToUserName", "Encrypt"}
        assert shop.received[1].content_type == "application/json"


async def test_a_mode_with_encryption_needs_a_key() -> None:
    async with open_shop() as shop:
        with pytest.raises(ValueError, match="EncodingAESKey"):
            shop.simulator.configure(mode="safe")


async def test_a_lost_answer_brings_the_same_message_again() -> None:
    async with open_shop() as shop:
        shop.replies()
        shop.simulator.script_fault("timeout", "push")
        assert [seen.text for seen in await shop.simulator.say(LI, "你好")] == ["您好！"]
        assert len(shop.received) == 2
        assert shop.opened(0) == shop.opened(1)


async def test_a_duplicate_brings_an_answered_message_again_and_shows_a_second_answer() -> None:
    async with open_shop() as shop:
        shop.replies()
        shop.simulator.script_fault("duplicate", "push")
        assert len(await shop.simulator.say(LI, "你好")) == 2
        assert shop.opened(0)["MsgId"] == shop.opened(1)["MsgId"]


async def test_a_reordered_push_comes_after_the_next_one() -> None:
    async with open_shop() as shop:
        shop.simulator.script_fault("reorder", "push")
        await shop.simulator.say(LI, "一")
        assert shop.received == []
        await shop.simulator.say(LI, "二")
        assert [shop.opened(number)["Content"] for number in (0, 1)] == ["二", "一"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_forged_push_carries_no_valid_signature(mode: str) -> None:
    async with open_shop(mode=mode, aes_key=KEY) as shop:
        shop.simulator.script_fault("bad_signature", "push")
        await shop.simulator.say(LI, "你好")
        query, sealed = shop.received[0].query, shop.received[0].fields().get("Encrypt", "")
        assert query["signature"] != sign(shop.token, query["timestamp"], query["nonce"])
        if mode != "plain":
            right = sign(shop.token, query["timestamp"], query["nonce"], sealed)
            assert query["msg_signature"] != right


async def test_after_a_change_of_key_a_push_may_still_use_the_old_one_and_so_must_its_reply() -> None:
    async with open_shop(mode="safe", aes_key=OTHER_KEY) as shop:
        with pytest.raises(ValueError, match="no previous EncodingAESKey"):
            shop.simulator.script_fault("old_key", "push")
        before = shop.simulator.account
        shop.simulator.change_aes_key(KEY)
        shop.simulator.script_fault("old_key", "push", times=2)
        shown = []
        for key in (OTHER_KEY, KEY):

            async def answer(received: Received, key: str = key) -> bytes:
                now = shop.simulator.account
                shop.simulator.platform.account = before  # the helper opens with the account's own key
                reply = shop.reply()
                shop.simulator.platform.account = now
                return shop.sealed(reply, key)

            shop.answer = answer
            shown += [seen.text for seen in await shop.simulator.say(LI, "你好")]
        assert shown == ["您好！", UNAVAILABLE]


@pytest.mark.parametrize(("kind", "match"), [("slow", "push"), ("duplicate", "api"), ("nonsense", "api")])
async def test_a_fault_that_cannot_strike_there_is_refused(kind: str, match: str) -> None:
    async with open_shop() as shop:
        with pytest.raises(ValueError, match="expected"):
            shop.simulator.script_fault(kind, match)
