"""Customer-service messages to the local WeChat: the allowance, the types, the refusals."""

from __future__ import annotations

from typing import Any

import pytest

from bots.simulators.wechat.quota import Allowance
from bots.simulators.wechat.state import state
from tests.bots.simulators.wechat_shop import LI, START, WANG, Shop, open_shop

pytestmark = pytest.mark.anyio
HOURS = 3600.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _until_refused(shop: Shop, openid: str) -> tuple[int, int]:
    """How many messages go through, and the errcode that ends it."""
    for count in range(20):
        if code := await shop.write_to(openid):
            return count, code
    raise AssertionError("there is no end to it")


async def test_a_message_allows_five_for_48_hours() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        assert await _until_refused(shop, LI) == (5, 45047)
        assert len(shop.seen(LI)) == 5
        await shop.simulator.say(LI, "还在吗")
        shop.advance(48 * HOURS - 1)
        assert await shop.write_to(LI) == 0
        shop.advance(1)
        assert await shop.write_to(LI) == 45015


@pytest.mark.parametrize("trigger", ["menu", "follow", "scan"])
async def test_a_click_a_follow_and_a_scan_allow_three_for_a_minute(trigger: str) -> None:
    async with open_shop() as shop:

        async def do() -> None:
            if trigger == "follow":
                await shop.simulator.unfollow(LI)
                await shop.simulator.follow(LI)
            elif trigger == "menu":
                await shop.simulator.click(LI, "营业时间")
            else:
                shop.simulator.platform.tickets.issue("door", START, None)
                await shop.simulator.scan(LI, "door")

        shop.simulator.customer(LI)
        await do()
        assert await _until_refused(shop, LI) == (3, 45047)
        await do()
        shop.advance(59)
        assert await shop.write_to(LI) == 0
        shop.advance(1)
        assert await shop.write_to(LI) == 45015


async def test_opening_a_page_from_the_menu_allows_nothing() -> None:
    async with open_shop() as shop:
        await shop.simulator.view(LI, "https://shop.example/")
        assert await shop.write_to(LI) == 45015


async def test_each_message_sets_the_allowance_anew_and_adds_nothing_up() -> None:
    async with open_shop() as shop:
        for _ in range(3):
            await shop.simulator.say(LI, "你好")
        await shop.write_to(LI)
        await shop.simulator.say(LI, "你好")
        assert await _until_refused(shop, LI) == (5, 45047)


async def test_buckets_of_several_triggers_do_not_add_up() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        await shop.simulator.click(LI, "营业时间")
        assert await _until_refused(shop, LI) == (5, 45047)
        await shop.simulator.click(LI, "营业时间")
        assert await _until_refused(shop, LI) == (3, 45047)


def test_what_is_left_is_the_largest_rest_of_the_open_buckets() -> None:
    allowance = Allowance()
    assert allowance.left(START) == 0
    allowance.open("menu", START)
    assert allowance.left(START) == 3
    allowance.open("message", START)
    allowance.take(START)
    assert (allowance.left(START), allowance.buckets(START)["menu"].left) == (4, 2)


async def test_passive_replies_and_refused_messages_cost_nothing() -> None:
    async with open_shop() as shop:
        shop.replies()
        await shop.simulator.say(LI, "你好")
        wrong = {"touser": LI, "msgtype": "image", "image": {"media_id": "none"}}
        assert (await shop.post("/cgi-bin/message/custom/send", wrong))["errcode"] == 40007
        assert await _until_refused(shop, LI) == (5, 45047)


async def test_each_customer_has_an_own_allowance() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        shop.simulator.customer(WANG)
        assert (await shop.write_to(LI), await shop.write_to(WANG)) == (0, 45015)


async def test_nothing_can_be_written_to_who_left_nor_to_a_stranger() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        await shop.simulator.unfollow(LI)
        assert await shop.write_to(LI) == 45015
        assert await shop.write_to("oNobody") == 40003


async def test_who_leaves_and_comes_back_brings_no_old_allowance() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        await shop.simulator.unfollow(LI)
        await shop.simulator.follow(LI)
        assert await _until_refused(shop, LI) == (3, 45047)
        shop.advance(60)
        assert await shop.write_to(LI) == 45015


async def test_the_refusals_read_as_the_platform_writes_them() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        body = {"touser": LI, "msgtype": "text", "text": {"content": "您好"}}
        answer = await shop.post("/cgi-bin/message/custom/send", body)
        words, _, rid = answer["errmsg"].partition(" rid: ")
        assert words == "response out of time limit or subscription is canceled"
        assert [len(part) for part in rid.split("-")] == [8, 8, 8]


DRAWN: list[tuple[dict[str, Any], str, str]] = [
    ({"msgtype": "text", "text": {"content": "好 <b>的</b>"}}, "text", "好 <b>的</b>"),
    (
        {"msgtype": "news", "news": {"articles": [{"title": "新品", "url": "https://shop.example"}]}},
        "news",
        "新品",
    ),
    (
        {
            "msgtype": "msgmenu",
            "msgmenu": {
                "head_content": "满意吗？",
                "list": [{"id": "101", "content": "满意"}, {"id": "102", "content": "不满意"}],
                "tail_content": "谢谢",
            },
        },
        "menu",
        "满意吗？\n满意\n不满意\n谢谢",
    ),
]


@pytest.mark.parametrize(("message", "kind", "text"), DRAWN)
async def test_messages_are_drawn_for_the_customer(message: dict[str, Any], kind: str, text: str) -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        answer = await shop.post("/cgi-bin/message/custom/send", {"touser": LI, **message})
        assert answer == {"errcode": 0, "errmsg": "ok"}
        seen = shop.simulator.screen(LI)[-1]
        assert (seen.kind, seen.text, seen.by, seen.how) == (kind, text, "account", "custom")


@pytest.mark.parametrize("kind", ["image", "voice", "video"])
async def test_uploaded_files_can_be_sent_while_they_are_kept(kind: str) -> None:
    async with open_shop() as shop:
        media = shop.simulator.platform.media.keep(kind, b"data", f"{kind}/x", "x", START)
        await shop.simulator.say(LI, "你好")
        body = {"touser": LI, "msgtype": kind, kind: {"media_id": media.media_id}}
        assert (await shop.post("/cgi-bin/message/custom/send", body))["errcode"] == 0
        assert shop.simulator.screen(LI)[-1].media == f"/simulator/media/{media.media_id}"
        shop.advance(3 * 24 * HOURS)
        await shop.simulator.say(LI, "再发一次")
        assert (await shop.post("/cgi-bin/message/custom/send", body))["errcode"] == 40007


REFUSED: list[tuple[Any, int]] = [
    (b"", 44002),
    (b"{", 47001),
    ([], 47001),
    ({"touser": [LI]}, 40003),
    ({"touser": LI, "msgtype": "hologram", "hologram": {}}, 40008),
    ({"touser": LI, "msgtype": "text"}, 47001),
    ({"touser": LI, "msgtype": "text", "text": {"content": 5}}, 47001),
    ({"touser": LI, "msgtype": "text", "text": {"content": ""}}, 44004),
    ({"touser": LI, "msgtype": "text", "text": {"content": "测" * 683}}, 45002),
    ({"touser": LI, "msgtype": "msgmenu", "msgmenu": {"list": []}}, 47001),
    ({"touser": LI, "msgtype": "msgmenu", "msgmenu": {"list": [{"content": "a"}]}}, 47001),
    ({"touser": LI, "msgtype": "news", "news": {"articles": [{}, {}]}}, 45008),
]


@pytest.mark.parametrize(("body", "code"), REFUSED)
async def test_a_message_that_breaks_a_rule_is_refused_and_not_seen(body: Any, code: int) -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        assert (await shop.post("/cgi-bin/message/custom/send", body))["errcode"] == code
        assert shop.seen(LI) == []


async def test_typing_is_shown_until_it_is_cancelled_or_a_message_comes() -> None:
    async with open_shop() as shop:
        customer = shop.simulator.customer(LI)

        async def typing(command: str) -> int:
            body = {"touser": LI, "command": command}
            return int((await shop.post("/cgi-bin/message/custom/typing", body))["errcode"])

        assert await typing("Typing") == 45015
        await shop.simulator.say(LI, "你好")
        assert await typing("Dancing") == 45072
        for stop in (typing("CancelTyping"), shop.write_to(LI)):
            assert await typing("Typing") == 0
            assert state(shop.simulator, LI)["customer"]["typing"] is True
            assert await stop == 0
            assert state(shop.simulator, LI)["customer"]["typing"] is False
        assert customer.allowance.left(shop.simulator.clock.now()) == 4


async def test_a_pressed_menu_item_comes_back_as_a_text_with_its_id() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        menu = {"head_content": "满意吗？", "list": [{"id": "101", "content": "满意"}]}
        await shop.post(
            "/cgi-bin/message/custom/send", {"touser": LI, "msgtype": "msgmenu", "msgmenu": menu}
        )
        await shop.simulator.press(LI, "满意")
        assert {name: shop.opened()[name] for name in ("MsgType", "Content", "bizmsgmenuid")} == {
            "MsgType": "text",
            "Content": "满意",
            "bizmsgmenuid": "101",
        }


async def test_what_is_sent_later_can_be_waited_for() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        start = shop.simulator.customer(LI).shown
        await shop.write_to(LI, "稍后的回答")
        seen = await shop.simulator.next_seen(LI, after=start, within=1)
        assert (seen.text, seen.at) == ("稍后的回答", START)
        with pytest.raises(TimeoutError):
            await shop.simulator.next_seen(LI, after=seen.seq, within=0.01)
