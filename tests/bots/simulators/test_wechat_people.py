"""Followers, QR codes, files, menus and rights of the local WeChat."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from crm_store.messages import NotFound, Refused
from tests.bots.simulators.wechat_shop import LI, START, WANG, Shop, open_shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_following_pushes_subscribe_with_an_empty_key() -> None:
    async with open_shop() as shop:
        shop.replies(Content="欢迎！")
        assert [seen.text for seen in await shop.simulator.follow(LI)] == ["欢迎！"]
        event = shop.opened()
        assert (event["MsgType"], event["Event"], event["EventKey"]) == ("event", "subscribe", "")
        assert "MsgId" not in event
        assert await shop.simulator.follow(LI) == []
        assert len(shop.received) == 1


async def test_leaving_pushes_unsubscribe_and_nothing_is_shown() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        shop.replies(Content="别走")
        await shop.simulator.unfollow(LI)
        assert shop.opened()["Event"] == "unsubscribe"
        assert shop.seen(LI) == []
        with pytest.raises(Refused):
            await shop.simulator.say(LI, "我回来了")


async def test_the_other_messages_of_customers_have_their_own_fields() -> None:
    async with open_shop(public_url="http://sim.example") as shop:
        await shop.simulator.image(LI, b"\x89PNG", "image/png")
        image = shop.opened()
        assert image["PicUrl"] == f"http://sim.example/simulator/media/{image['MediaId']}"
        assert await shop.get("/cgi-bin/media/get", media_id=image["MediaId"]) == b"\x89PNG"
        async with shop.http.get(f"{shop.address}/simulator/media/{image['MediaId']}") as response:
            assert (await response.read(), response.content_type) == (b"\x89PNG", "image/png")
        await shop.simulator.voice(LI, "几点关门")
        assert (shop.opened()["Format"], shop.opened()["Recognition"]) == ("amr", "几点关门")
        await shop.simulator.location(LI, 31.2, 121.5, "上海")
        assert (shop.opened()["Location_X"], shop.opened()["Location_Y"]) == ("31.2", "121.5")
        await shop.simulator.link(LI, "文章", "说明", "https://a.example/")
        assert shop.opened()["Url"] == "https://a.example/"
        await shop.simulator.video(LI)
        assert {"MediaId", "ThumbMediaId"} <= set(shop.opened())
        await shop.simulator.event(LI, "debug_demo", debug_str="hello")
        assert (shop.opened()["Event"], shop.opened()["debug_str"]) == ("debug_demo", "hello")
        assert len({push.message.get("MsgId") for push in shop.simulator.pusher.log}) == 6


async def test_a_tap_on_a_choice_that_is_not_there_is_no_message() -> None:
    async with open_shop() as shop:
        with pytest.raises(NotFound):
            await shop.simulator.press(LI, "满意")


async def test_a_choice_within_a_text_sends_its_words_and_its_id() -> None:
    async with open_shop() as shop:
        link = "weixin://bizmsgmenu?msgmenucontent=看营业时间&msgmenuid=/ask{1}"
        shop.replies(Content=f'请选择：<a href="{link}">营业时间</a>')
        [seen] = await shop.simulator.say(LI, "你好")
        await shop.simulator.press(LI, seen.buttons[0])
        assert (shop.opened()["Content"], shop.opened()["bizmsgmenuid"]) == ("看营业时间", "/ask{1}")


async def _code(shop: Shop, **body: Any) -> Any:
    return await shop.post("/cgi-bin/qrcode/create", body)


async def test_a_newcomer_who_scans_follows_through_the_code_and_a_follower_scans() -> None:
    async with open_shop() as shop:
        scene = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "counter-1"}}}
        made = await _code(shop, **scene)
        assert set(made) == {"ticket", "url"}
        await shop.simulator.scan(LI, made["ticket"])
        first = shop.opened()
        assert (first["Event"], first["EventKey"], first["Ticket"]) == (
            "subscribe",
            "qrscene_counter-1",
            made["ticket"],
        )
        await shop.simulator.scan(LI, "counter-1")
        second = shop.opened()
        assert (second["Event"], second["EventKey"], second["Ticket"]) == (
            "SCAN",
            "counter-1",
            made["ticket"],
        )


async def test_a_temporary_code_ends() -> None:
    async with open_shop() as shop:
        made = await _code(shop, action_name="QR_SCENE", action_info={"scene": {"scene_id": 7}})
        assert made["expire_seconds"] == 60
        shop.advance(60)
        with pytest.raises(Refused):
            await shop.simulator.scan(LI, made["ticket"])
        assert shop.received == []


WRONG_CODES: list[tuple[dict[str, Any], int]] = [
    ({"action_name": "QR_OTHER"}, 40052),
    ({"action_name": "QR_SCENE"}, 40053),
    ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
    ({"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": "x" * 65}}}, 40053),
    (
        {
            "action_name": "QR_STR_SCENE",
            "expire_seconds": 2_592_001,
            "action_info": {"scene": {"scene_str": "x"}},
        },
        40053,
    ),
]


@pytest.mark.parametrize(("body", "code"), WRONG_CODES)
async def test_a_code_outside_the_limits_is_refused(body: dict[str, Any], code: int) -> None:
    async with open_shop() as shop:
        assert (await _code(shop, **body))["errcode"] == code


async def test_user_info_tells_how_somebody_came_and_nothing_of_who_left() -> None:
    async with open_shop() as shop:
        await shop.simulator.follow(LI, scene="counter-1")
        info = await shop.get("/cgi-bin/user/info", openid=LI)
        assert (info["subscribe"], info["nickname"], info["qr_scene_str"]) == (1, "", "counter-1")
        assert info["subscribe_time"] == int(START.timestamp())
        assert info["unionid"]
        await shop.simulator.unfollow(LI)
        assert await shop.get("/cgi-bin/user/info", openid=LI) == {"subscribe": 0, "openid": LI}
        assert (await shop.get("/cgi-bin/user/info", openid="oNobody"))["errcode"] == 40003


async def test_followers_are_listed_and_asked_for_in_batches() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        shop.simulator.customer(WANG)
        page = await shop.get("/cgi-bin/user/get")
        assert (page["total"], page["data"]["openid"], page["next_openid"]) == (2, [LI, WANG], WANG)
        rest = await shop.get("/cgi-bin/user/get", next_openid=WANG)
        assert (rest["count"], rest["next_openid"]) == (0, "")
        asked = {"user_list": [{"openid": LI}, {"openid": WANG}]}
        found = await shop.post("/cgi-bin/user/info/batchget", asked)
        assert [info["openid"] for info in found["user_info_list"]] == [LI, WANG]


async def test_a_file_is_uploaded_and_kept_three_days() -> None:
    async with open_shop() as shop:

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("media", b"jpeg", filename="tea.jpg", content_type="image/jpeg")
            return data

        made = await shop.post("/cgi-bin/media/upload", form(), type="image")
        assert (made["type"], made["created_at"]) == ("image", int(START.timestamp()))
        assert await shop.get("/cgi-bin/media/get", media_id=made["media_id"]) == b"jpeg"
        assert (await shop.post("/cgi-bin/media/upload", form(), type="hologram"))["errcode"] == 40004
        assert (await shop.post("/cgi-bin/media/upload", b"", type="image"))["errcode"] == 41005
        shop.advance(3 * 24 * 3600)
        assert (await shop.get("/cgi-bin/media/get", media_id=made["media_id"]))["errcode"] == 40007


async def test_the_menu_can_be_set_read_and_taken_away() -> None:
    async with open_shop() as shop:
        button = {"type": "click", "name": "营业时间", "key": "hours"}
        assert (await shop.post("/cgi-bin/menu/create", {"button": [button]}))["errcode"] == 0
        assert await shop.get("/cgi-bin/menu/get") == {"menu": {"button": [button]}}
        assert (await shop.post("/cgi-bin/menu/create", {"button": [button] * 4}))["errcode"] == 40016
        wide = {"name": "更多", "sub_button": [button] * 6}
        assert (await shop.post("/cgi-bin/menu/create", {"button": [wide]}))["errcode"] == 40016
        assert (await shop.get("/cgi-bin/menu/delete"))["errcode"] == 0
        assert (await shop.get("/cgi-bin/menu/get"))["errcode"] == 46003


RIGHTS = {
    "subscription_unverified": set(),
    "subscription_verified": {"send", "info", "mass", "upload", "menu"},
    "service_unverified": {"menu"},
    "service_verified": {"send", "info", "mass", "upload", "menu", "template", "qr"},
}


@pytest.mark.parametrize("kind", RIGHTS)
async def test_an_account_may_do_what_its_kind_may(kind: str) -> None:
    async with open_shop(kind=kind) as shop:
        await shop.simulator.say(LI, "你好")
        answers = {
            "send": await shop.post("/cgi-bin/message/custom/send", {"touser": LI}),
            "info": await shop.get("/cgi-bin/user/info", openid=LI),
            "mass": await shop.post("/cgi-bin/message/mass/sendall", {}),
            "upload": await shop.post("/cgi-bin/media/upload", b"", type="image"),
            "menu": await shop.get("/cgi-bin/menu/get"),
            "template": await shop.post("/cgi-bin/message/template/send", {"touser": LI}),
            "qr": await shop.post("/cgi-bin/qrcode/create", {}),
        }
        allowed = {name for name, answer in answers.items() if answer.get("errcode") != 48001}
        assert allowed == RIGHTS[kind]


async def test_a_day_has_so_many_calls_and_the_count_can_be_cleared() -> None:
    async with open_shop(daily_limits={"/cgi-bin/user/info": 2}) as shop:
        shop.simulator.customer(LI)

        async def ask() -> int:
            return int((await shop.get("/cgi-bin/user/info", openid=LI)).get("errcode", 0))

        assert [await ask() for _ in range(3)] == [0, 0, 45009]
        asked = {"cgi_path": "/cgi-bin/user/info"}
        quota = (await shop.post("/cgi-bin/openapi/quota/get", asked))["quota"]
        assert quota == {"daily_limit": 2, "used": 2, "remain": 0}
        clear = {"appid": shop.simulator.account.app_id}
        assert (await shop.post("/cgi-bin/clear_quota", clear))["errcode"] == 0
        assert await ask() == 0
        for _ in range(9):
            await shop.post("/cgi-bin/clear_quota", clear)
        assert (await shop.post("/cgi-bin/clear_quota", clear))["errcode"] == 48006


async def test_the_method_and_the_path_must_be_right() -> None:
    async with open_shop() as shop:
        assert (await shop.get("/cgi-bin/message/custom/send"))["errcode"] == 43002
        assert (await shop.post("/cgi-bin/user/info", {}))["errcode"] == 43001
        assert (await shop.get("/cgi-bin/nowhere"))["errcode"] == 40066


async def test_scripted_faults_strike_the_interfaces() -> None:
    async with open_shop() as shop:
        path = "/cgi-bin/message/custom/send"
        await shop.simulator.say(LI, "你好")
        await shop.fetch_token()
        shop.simulator.script_fault("45009", path)
        assert await shop.write_to(LI) == 45009
        shop.simulator.script_fault("502")
        with pytest.raises(AssertionError):
            await shop.write_to(LI)
        assert shop.seen(LI) == []
        shop.simulator.script_fault("slow", path)
        assert await shop.write_to(LI) == 0


async def test_a_scripted_time_out_strikes_after_the_work_is_done() -> None:
    async with open_shop() as shop:
        await shop.simulator.say(LI, "你好")
        await shop.fetch_token()
        shop.simulator.script_fault("timeout", "/cgi-bin/message/custom/send")
        with pytest.raises(TimeoutError):
            await _impatient(shop)
        assert shop.seen(LI) == ["您好"]


async def _impatient(shop: Shop) -> None:
    body = {"touser": LI, "msgtype": "text", "text": {"content": "您好"}}
    address = f"{shop.address}/cgi-bin/message/custom/send?access_token={shop.access_token}"
    async with shop.http.post(address, json=body, timeout=aiohttp.ClientTimeout(total=0.1)):
        pass
