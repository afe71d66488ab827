"""Template messages and mass sends of the local WeChat, and the events that report on them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bots.simulators.wechat_shop import LI, WANG, Shop, open_shop

pytestmark = pytest.mark.anyio
DAYS = 24 * 3600.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _template(shop: Shop, **changes: Any) -> Any:
    body = {"touser": LI, "template_id": "order", "data": {"thing1": {"value": "秋茶礼盒"}}}
    answer = await shop.post("/cgi-bin/message/template/send", body | changes)
    await shop.simulator.settled()
    return answer


@pytest.mark.parametrize(
    "fate", ["success", "failed:user block", "failed: system failed", "failed:freq limit"]
)
async def test_the_fate_of_a_template_message_comes_as_an_event(fate: str) -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI).templates = fate
        answer = await _template(shop)
        assert (answer["errcode"], answer["errmsg"]) == (0, "ok")
        event = shop.opened()
        assert (event["Event"], event["Status"]) == ("TEMPLATESENDJOBFINISH", fate)
        assert event["MsgID"] == str(answer["msgid"])
        assert "MsgId" not in event
        assert shop.seen(LI) == (["秋茶礼盒"] if fate == "success" else [])


async def test_a_template_needs_no_allowance_but_a_follower() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        assert await shop.write_to(LI) == 45015
        assert (await _template(shop))["errcode"] == 0
        await shop.simulator.unfollow(LI)
        answer = await _template(shop)
        assert (answer["errcode"], answer["errmsg"].startswith("require subscribe")) == (43004, True)
        assert (await _template(shop, touser="oNobody"))["errcode"] == 40003


async def test_a_template_is_drawn_from_its_own_text() -> None:
    async with open_shop(templates={"order": "订单已发货\n商品：{{thing1.DATA}}"}) as shop:
        shop.simulator.customer(LI)
        await _template(shop, url="https://shop.example/o/1")
        seen = shop.simulator.screen(LI)[-1]
        assert (seen.text, seen.how) == ("订单已发货\n商品：秋茶礼盒", "template")
        assert seen.data["url"] == "https://shop.example/o/1"
        assert (await _template(shop, template_id="other"))["errcode"] == 40037


@pytest.mark.parametrize("data", [None, {}, {"thing1": "秋茶"}, {"thing1": {"value": None}}])
async def test_a_template_without_its_data_is_refused(data: Any) -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        assert (await _template(shop, data=data))["errcode"] == 47003
        assert shop.seen(LI) == []


async def test_the_same_client_msg_id_sends_one_template() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        first, second = [await _template(shop, client_msg_id="o-1") for _ in range(2)]
        assert first["msgid"] == second["msgid"]
        assert len(shop.seen(LI)) == 1


async def test_a_failed_report_is_not_shown_to_the_customer() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        shop.replies()
        await _template(shop)
        assert shop.seen(LI) == ["秋茶礼盒"]


async def _mass(shop: Shop, **changes: Any) -> Any:
    body = {"filter": {"is_to_all": True}, "msgtype": "text", "text": {"content": "秋茶上新"}}
    answer = await shop.post("/cgi-bin/message/mass/sendall", body | changes)
    await shop.simulator.settled()
    return answer


async def test_each_customer_gets_four_mass_messages_a_calendar_month() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        for _ in range(4):
            assert (await _mass(shop))["errcode"] == 0
        answer = await _mass(shop)
        assert (answer["errcode"], answer["errmsg"].startswith("has no masssend quota")) == (45028, True)
        shop.advance(10 * DAYS)  # into December
        assert (await _mass(shop))["errcode"] == 0
        assert len(shop.seen(LI)) == 5


async def test_who_has_had_four_is_filtered_and_counted() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        for _ in range(4):
            await _mass(shop)
        shop.simulator.customer(WANG)
        answer = await _mass(shop)
        event = shop.opened()
        assert (event["Event"], event["Status"]) == ("MASSSENDJOBFINISH", "send success")
        assert event["MsgID"] == str(answer["msg_id"])
        counts = {name: event[name] for name in ("TotalCount", "FilterCount", "SentCount", "ErrorCount")}
        assert counts == {"TotalCount": "2", "FilterCount": "1", "SentCount": "1", "ErrorCount": "0"}
        assert (len(shop.seen(LI)), len(shop.seen(WANG))) == (4, 1)


async def test_a_clientmsgid_is_taken_once_within_24_hours() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        await _mass(shop, clientmsgid="autumn")
        assert await _mass(shop, clientmsgid="autumn") == {"errcode": 45065, "errmsg": "clientmsgid exist"}
        assert len(shop.seen(LI)) == 1
        shop.advance(DAYS)
        assert (await _mass(shop, clientmsgid="autumn"))["errcode"] == 0


async def test_a_subscription_account_sends_once_a_day() -> None:
    async with open_shop(kind="subscription_verified") as shop:
        shop.simulator.customer(LI)
        assert (await _mass(shop))["errcode"] == 0
        assert (await _mass(shop))["errcode"] == 45028
        shop.advance(DAYS)
        assert (await _mass(shop))["errcode"] == 0


async def test_sixty_mass_calls_a_minute_are_the_most() -> None:
    async with open_shop() as shop:
        for _ in range(60):
            shop.simulator.platform.limits.take("/cgi-bin/message/mass/sendall", shop.simulator.clock.now())
        assert await _mass(shop) == {"errcode": 45011, "errmsg": "api minute-quota reach limit"}
        shop.advance(60)
        assert (await _mass(shop))["errcode"] != 45011


async def test_a_mass_message_goes_to_a_tag_by_its_tag_id() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        shop.simulator.customer(WANG)
        tag = (await shop.post("/cgi-bin/tags/create", {"tag": {"name": "常客"}}))["tag"]["id"]
        await shop.post("/cgi-bin/tags/members/batchtagging", {"tagid": tag, "openid_list": [WANG]})
        assert (await _mass(shop, filter={"is_to_all": False, "group_id": tag}))["errcode"] == 45159
        assert (await _mass(shop, filter={"is_to_all": False, "tag_id": tag}))["errcode"] == 0
        assert (shop.seen(LI), shop.seen(WANG)) == ([], ["秋茶上新"])


async def test_a_list_of_openids_needs_two_to_be_sent_to() -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        shop.simulator.customer(WANG)
        body: dict[str, Any] = {"touser": [LI], "msgtype": "text", "text": {"content": "秋茶上新"}}
        assert (await shop.post("/cgi-bin/message/mass/send", body))["errcode"] == 40003
        assert (await shop.post("/cgi-bin/message/mass/send", body | {"touser": [LI, WANG]}))[
            "errcode"
        ] == 0
        assert shop.seen(WANG) == ["秋茶上新"]


async def test_a_preview_is_seen_by_one_and_counts_for_nothing() -> None:
    async with open_shop() as shop:
        customer = shop.simulator.customer(LI)
        body = {"touser": LI, "msgtype": "text", "text": {"content": "秋茶上新"}}
        assert (await shop.post("/cgi-bin/message/mass/preview", body))["errcode"] == 0
        assert shop.seen(LI) == ["秋茶上新"]
        assert sum(customer.mass_received.values()) == 0
