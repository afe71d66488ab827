"""Access tokens of the local WeChat: who gets one, how long it works, what ends it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bots.simulators.wechat_shop import LI, Shop, open_shop

pytestmark = pytest.mark.anyio
MINUTES = 60.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _plain(shop: Shop, **changes: str) -> Any:
    account = shop.simulator.account
    query = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret}
    return await shop.get("/cgi-bin/token", **query | changes)


async def _works(shop: Shop, token: str) -> int:
    """The errcode of a harmless call; 0 if it is let in."""
    answer = await shop.get("/cgi-bin/tags/get", access_token=token)
    return int(answer.get("errcode", 0))


@pytest.mark.parametrize(("changes", "code"), [
    ({"grant_type": "password"}, 40002), ({"appid": "wx0"}, 40013), ({"secret": "guess"}, 40125),
])  # fmt: skip
async def test_a_token_needs_the_right_app_id_and_secret(changes: dict[str, str], code: int) -> None:
    async with open_shop() as shop:
        assert (await _plain(shop, **changes))["errcode"] == code
        assert (await shop.stable_token(**changes))["errcode"] == code


async def test_a_token_lasts_two_hours_then_42001() -> None:
    async with open_shop() as shop:
        given = await _plain(shop)
        assert given["expires_in"] == 7200
        shop.simulator.clock.advance(7199)
        assert await _works(shop, given["access_token"]) == 0
        shop.simulator.clock.advance(1)
        assert await _works(shop, given["access_token"]) == 42001


async def test_a_new_plain_token_ends_the_one_before_after_five_minutes() -> None:
    async with open_shop() as shop:
        old, new = (await _plain(shop))["access_token"], (await _plain(shop))["access_token"]
        assert old != new
        shop.simulator.clock.advance(5 * MINUTES - 1)
        assert (await _works(shop, old), await _works(shop, new)) == (0, 0)
        shop.simulator.clock.advance(1)
        assert (await _works(shop, old), await _works(shop, new)) == (40001, 0)


async def test_plain_tokens_are_given_2000_times_a_day_of_shanghai() -> None:
    async with open_shop() as shop:
        now = shop.simulator.platform.now()
        for _ in range(1999):
            shop.simulator.platform.limits.take("/cgi-bin/token", now)
        assert "access_token" in await _plain(shop)
        assert (await _plain(shop))["errcode"] == 45009
        shop.simulator.clock.advance(12 * 3600)  # from noon to midnight in Shanghai
        assert "access_token" in await _plain(shop)


async def test_the_stable_token_stays_the_same_until_five_minutes_before_its_end() -> None:
    async with open_shop() as shop:
        first = await shop.stable_token()
        shop.simulator.clock.advance(7200 - 301)
        again = await shop.stable_token()
        assert again == {"access_token": first["access_token"], "expires_in": 301}
        shop.simulator.clock.advance(1)
        new = await shop.stable_token()
        assert new["access_token"] != first["access_token"]
        assert new["expires_in"] == 7200
        assert await _works(shop, first["access_token"]) == 0, "old and new work side by side"
        shop.simulator.clock.advance(300)
        assert await _works(shop, first["access_token"]) == 42001
        assert await _works(shop, new["access_token"]) == 0


async def test_stable_and_plain_tokens_do_not_end_each_other() -> None:
    async with open_shop() as shop:
        stable, plain = (await shop.stable_token())["access_token"], (await _plain(shop))["access_token"]
        await _plain(shop)
        await shop.stable_token(force_refresh=True)
        await shop.stable_token()
        assert await _works(shop, plain) == 0
        shop.simulator.clock.advance(5 * MINUTES)
        assert (await _works(shop, plain), await _works(shop, stable)) == (40001, 40001)


async def test_a_forced_stable_token_ends_the_old_one_at_once() -> None:
    async with open_shop() as shop:
        old = (await shop.stable_token())["access_token"]
        new = (await shop.stable_token(force_refresh=True))["access_token"]
        assert (await _works(shop, old), await _works(shop, new)) == (40001, 0)


async def test_force_works_every_30_seconds_and_20_times_a_day() -> None:
    async with open_shop() as shop:
        for _ in range(20):
            assert "access_token" in await shop.stable_token(force_refresh=True)
            assert (await shop.stable_token(force_refresh=True))["errcode"] == 45011
            shop.simulator.clock.advance(30)
        assert (await shop.stable_token(force_refresh=True))["errcode"] == 45009
        assert "access_token" in await shop.stable_token()


async def test_a_token_has_512_characters() -> None:
    async with open_shop() as shop:
        assert len((await shop.stable_token())["access_token"]) == 512


async def test_calls_without_a_token_or_with_a_made_up_one_are_refused() -> None:
    async with open_shop() as shop:
        assert await _works(shop, "") == 41001
        answer = await shop.get("/cgi-bin/tags/get", access_token="made-up")
        assert answer["errcode"] == 40001
        assert "invalid credential, access_token is invalid or not latest" in answer["errmsg"]
        header = {"authorization": f"Bearer {await shop.fetch_token()}"}
        async with shop.http.get(shop.address + "/cgi-bin/tags/get", headers=header) as response:
            assert (await response.json())["errcode"] == 41001, "the token counts in the query alone"


async def test_a_changed_secret_ends_all_tokens() -> None:
    async with open_shop() as shop:
        token = await shop.fetch_token()
        shop.simulator.platform.tokens.revoke()
        assert await _works(shop, token) == 40001


async def test_the_log_of_calls_keeps_neither_token_nor_secret() -> None:
    async with open_shop() as shop:
        token = await shop.fetch_token()
        await _plain(shop)
        await shop.write_to(LI)
        kept = repr([called.to_json() for called in shop.simulator.platform.calls])
        assert token not in kept
        assert shop.simulator.account.secret not in kept
