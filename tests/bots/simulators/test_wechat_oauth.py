"""Web sign-in at the local WeChat: codes, what they tell, and visitors who are nobody."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bots.simulators.wechat.errors import ApiError
from tests.bots.simulators.wechat_shop import LI, Shop, open_shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _exchange(shop: Shop, code: str) -> Any:
    account = shop.simulator.account
    return await shop.get(
        "/sns/oauth2/access_token", appid=account.app_id, secret=account.secret, code=code
    )


async def test_a_code_tells_the_openid_once() -> None:
    async with open_shop() as shop:
        code = shop.simulator.sign_in(LI)
        found = await _exchange(shop, code)
        assert (found["openid"], found["scope"]) == (LI, "snsapi_base")
        assert not {"unionid", "is_snapshotuser"} & set(found)
        assert (await _exchange(shop, code))["errcode"] == 40163
        assert (await _exchange(shop, "made-up"))["errcode"] == 40029


async def test_a_code_ends_after_five_minutes() -> None:
    async with open_shop() as shop:
        code = shop.simulator.sign_in(LI)
        shop.advance(300)
        assert (await _exchange(shop, code))["errcode"] == 40029


async def test_with_consent_the_name_and_the_unionid_are_told() -> None:
    async with open_shop() as shop:
        customer = shop.simulator.customer(LI)
        found = await _exchange(shop, shop.simulator.sign_in(LI, "snsapi_userinfo"))
        assert found["unionid"] == customer.unionid
        token = found["access_token"]
        info = await shop.get("/sns/userinfo", access_token=token, openid=LI)
        assert (info["nickname"], info["unionid"]) == (customer.name, customer.unionid)
        assert (await shop.get("/sns/userinfo", access_token=token, openid="oOther"))["errcode"] == 40003
        assert (await shop.get("/sns/userinfo", access_token="made-up", openid=LI))["errcode"] == 40001
        base = (await _exchange(shop, shop.simulator.sign_in(LI)))["access_token"]
        assert (await shop.get("/sns/userinfo", access_token=base, openid=LI))["errcode"] == 48001


async def test_a_snapshot_visitor_is_marked() -> None:
    async with open_shop() as shop:
        found = await _exchange(shop, shop.simulator.sign_in(LI, "snsapi_userinfo", snapshot=True))
        assert found["is_snapshotuser"] == 1


async def test_only_a_verified_service_account_may_ask_who_is_there() -> None:
    async with open_shop(kind="subscription_verified") as shop:
        with pytest.raises(ApiError, match="48001"):
            shop.simulator.sign_in(LI)


async def test_a_browser_is_sent_back_with_code_and_state() -> None:
    async with open_shop() as shop:
        query = {
            "appid": shop.simulator.account.app_id,
            "redirect_uri": "https://shop.example/me?tab=1",
            "scope": "snsapi_base",
            "state": "s1",
            "openid": LI,
        }
        address = shop.address + "/connect/oauth2/authorize"
        async with shop.http.get(address, params=query, allow_redirects=False) as response:
            back = parse_qs(urlsplit(response.headers["location"]).query)
        assert (back["tab"], back["state"]) == (["1"], ["s1"])
        assert (await _exchange(shop, back["code"][0]))["openid"] == LI
        wrong = query | {"redirect_uri": "javascript:alert(1)"}
        async with shop.http.get(address, params=wrong, allow_redirects=False) as response:
            assert response.status == 400
