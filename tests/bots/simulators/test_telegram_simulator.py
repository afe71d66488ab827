"""The local Telegram itself: as strict as the real one, and as unreliable as it is told to be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bots.simulators.clock import Clock
from bots.simulators.telegram import build
from bots.simulators.telegram.platform import TelegramPlatform
from bots.simulators.telegram.updates import Updates
from bots.simulators.telegram.webhook import Target
from tests.bots.telegram_house import TOKEN, local_telegram, served

REFUSALS = Path(__file__).parents[1] / "telegram_answers" / "refusals.json"
CHAT = 5550101
Ask = Callable[..., Coroutine[Any, Any, dict[str, Any]]]


@asynccontextmanager
async def platform_and_bot() -> AsyncIterator[tuple[TelegramPlatform, Ask]]:
    """A platform, and a way to call its methods as a bot does."""
    async with local_telegram() as (platform, url), aiohttp.ClientSession() as http:

        async def ask(method: str, token: str = TOKEN, **asked: Any) -> dict[str, Any]:
            async with http.post(f"{url}/bot{token}/{method}", json=asked) as response:
                said: dict[str, Any] = await response.json()
                assert response.status == said.get("error_code", 200)
                return said

        yield platform, ask


@asynccontextmanager
async def somebody_listening(statuses: list[int]) -> AsyncIterator[tuple[str, asyncio.Queue[Request]]]:
    """A webhook that answers with these statuses in turn, then 200; and the requests it got."""
    got: asyncio.Queue[Request] = asyncio.Queue()

    async def take(request: Request) -> Response:
        await request.body()
        got.put_nowait(request)
        return JSONResponse({}, statuses.pop(0) if statuses else 200)

    async with served(Starlette(routes=[Route("/hook", take, methods=["POST"])])) as url:
        yield f"{url}/hook", got


async def number(request: Request) -> int:
    return int((await request.json())["update_id"])


def refusal(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(REFUSALS.read_text("utf-8"))[name]
    return found


def test_refusals_are_worded_as_the_real_ones() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            assert await ask("sendMessage", chat_id=9, text="hi") == refusal("chat not found")
            platform.chats.join(CHAT)
            platform.chats.block(CHAT)
            assert await ask("sendMessage", chat_id=CHAT, text="hi") == refusal("blocked")
            platform.chats.block(CHAT, blocked=False)
            marked = {"chat_id": CHAT, "text": "ab <x", "parse_mode": "HTML"}
            assert await ask("sendMessage", **marked) == refusal("unparsable")
            platform.chats.join(-7).moved_to = -1002200330044
            assert await ask("sendMessage", chat_id=-7, text="hi") == refusal("moved")
            platform.webhook.point_at(Target("http://127.0.0.1:9/hook"))
            assert await ask("getUpdates") == refusal("webhook is active")
            platform.fail_next("sendMessage", "429")
            assert await ask("sendMessage", chat_id=CHAT, text="hi") == refusal("too fast")

    asyncio.run(scenario())


@pytest.mark.parametrize(("token", "code"), [("700100:wrong", 401), ("wrong", 404)])
def test_a_wrong_token_opens_nothing(token: str, code: int) -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (_, ask):
            assert (await ask("getMe", token=token))["error_code"] == code

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": "字" * 4097}, "message is too long"),
        ({"text": "🍵" * 2049}, "message is too long"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "字" * 22}]]}},
         "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": '{"inline_keyboard": [[{"text": "", "callback_data": "a"}]]}'},
         "text must be non-empty"),
        ({"text": "x", "reply_markup": "{broken"}, "can't parse"),
    ],
)  # fmt: skip
def test_what_breaks_a_limit_is_refused(asked: dict[str, Any], said: str) -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            platform.chats.join(CHAT)
            answer = await ask("sendMessage", chat_id=CHAT, **asked)
            assert answer["error_code"] == 400
            assert said in answer["description"]
            assert (await ask("sendMessage", chat_id=CHAT, text="字" * 4096))["ok"]

    asyncio.run(scenario())


def test_parameters_may_come_as_a_form_or_in_the_address() -> None:
    async def scenario() -> None:
        async with local_telegram() as (platform, url), aiohttp.ClientSession() as http:
            platform.chats.join(CHAT)
            door = f"{url}/bot{TOKEN}/sendMessage"
            async with http.post(door, data={"chat_id": str(CHAT), "text": "一"}) as response:
                assert response.status == 200
            async with http.get(door, params={"chat_id": str(CHAT), "text": "二"}) as response:
                assert response.status == 200
            async with http.post(door, data=b"{", headers={"content-type": "application/json"}) as response:
                assert response.status == 400

    asyncio.run(scenario())


def test_thirty_a_second_in_all_and_one_a_second_to_each() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            for chat in range(1, 41):
                platform.chats.join(chat)
            said = [await ask("sendMessage", chat_id=chat, text="hi") for chat in range(1, 41)]
            assert [each["ok"] for each in said] == [True] * 30 + [False] * 10
            assert said[-1]["parameters"] == {"retry_after": 1}
            platform.clock.advance(1)
            assert (await ask("sendMessage", chat_id=40, text="hi"))["ok"]

    asyncio.run(scenario())


def test_a_poll_waits_for_news_and_an_offset_confirms() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            waiting = asyncio.create_task(ask("getUpdates", timeout=25))
            await platform.updates.changed.wait()
            platform.chats.write(CHAT, "一")
            (first,) = (await waiting)["result"]
            assert first["message"]["text"] == "一"
            assert (await ask("getUpdates"))["result"] == [first]
            assert (await ask("getUpdates", offset=first["update_id"] + 1))["result"] == []
            assert platform.updates.waiting == []

    asyncio.run(scenario())


def test_a_poll_ends_when_its_time_is_over_or_a_newer_one_begins() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            older = asyncio.create_task(ask("getUpdates", timeout=25))
            await platform.updates.changed.wait()
            newer = asyncio.create_task(ask("getUpdates", timeout=25))
            assert "terminated by other getUpdates" in (await older)["description"]
            platform.clock.advance(26)
            assert (await newer)["result"] == []

    asyncio.run(scenario())


def test_an_update_comes_again_until_it_is_accepted() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, _), somebody_listening([500, 404]) as (url, got):
            platform.webhook.point_at(Target(url, "hush"))
            update = platform.chats.write(CHAT, "一")
            for pause in (0, 1, 2):
                request = await next_after(platform, got, pause)
                assert await request.json() == update
                assert request.headers["x-telegram-bot-api-secret-token"] == "hush"
            while platform.updates.waiting:
                await platform.updates.changed.wait()
            assert [each.status for each in platform.webhook.deliveries] == [500, 404, 200]

    asyncio.run(scenario())


async def next_after(platform: TelegramPlatform, got: asyncio.Queue[Request], pause: float) -> Request:
    """The next delivery, which comes only once the clock has moved on by `pause` seconds."""
    while pause and platform.webhook.deliveries[-1].status == 0:
        await platform.updates.changed.wait()
    if pause:
        assert got.empty()
        platform.clock.advance(pause)
    return await asyncio.wait_for(got.get(), 10)


def test_nobody_there_is_told_in_the_webhooks_information() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, ask):
            await ask("setWebhook", url="http://127.0.0.1:9/hook", secret_token="hush")
            platform.chats.write(CHAT, "一")
            while not any(each.error for each in platform.webhook.deliveries):
                await platform.updates.changed.wait()
            info = (await ask("getWebhookInfo"))["result"]
            assert info["url"] == "http://127.0.0.1:9/hook"
            assert info["pending_update_count"] == 1
            assert info["last_error_message"] == "Connection failed"
            assert (await ask("deleteWebhook", drop_pending_updates=True))["ok"]
            assert (await ask("getUpdates"))["result"] == []

    asyncio.run(scenario())


def test_deliveries_can_be_doubled_forged_and_out_of_order() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, _), somebody_listening([]) as (url, got):
            platform.webhook.point_at(Target(url, "hush"))
            platform.fail_next("webhook", "duplicate")
            first = platform.chats.write(CHAT, "一")["update_id"]
            assert [await number(await got.get()) for _ in range(2)] == [first, first]
            platform.fail_next("webhook", "forged")
            platform.chats.write(CHAT, "二")
            assert (await got.get()).headers["x-telegram-bot-api-secret-token"] == "hushx"
            platform.fail_next("webhook", "reorder")
            third = platform.chats.write(CHAT, "三")["update_id"]
            fourth = platform.chats.write(CHAT, "四")["update_id"]
            assert [await number(await got.get()) for _ in range(2)] == [fourth, third]

    asyncio.run(scenario())


def test_a_file_can_be_had_by_its_path() -> None:
    async def scenario() -> None:
        async with local_telegram() as (platform, url), aiohttp.ClientSession() as http:
            update = platform.chats.send_photo(CHAT, b"bytes")
            file_id = update["message"]["photo"][-1]["file_id"]
            async with http.post(f"{url}/bot{TOKEN}/getFile", json={"file_id": file_id}) as response:
                path = (await response.json())["result"]["file_path"]
            async with http.get(f"{url}/file/bot{TOKEN}/{path}") as response:
                assert await response.read() == b"bytes"
            async with http.get(f"{url}/file/bot700100:wrong/{path}") as response:
                assert response.status == 401

    asyncio.run(scenario())


def test_who_has_blocked_the_bot_cannot_write_before_letting_it_in_again() -> None:
    async def scenario() -> None:
        async with platform_and_bot() as (platform, _):
            change = platform.chats.block(CHAT)["my_chat_member"]
            assert change["new_chat_member"]["status"] == "kicked"
            with pytest.raises(ValueError, match="blocked"):
                platform.chats.write(CHAT, "一")
            assert platform.chats.block(CHAT, blocked=False)["my_chat_member"]["new_chat_member"] == {
                "user": platform.bot,
                "status": "member",
            }

    asyncio.run(scenario())


def test_everything_can_be_done_over_http() -> None:
    async def scenario() -> None:
        async with local_telegram() as (platform, url), aiohttp.ClientSession(url) as http:

            async def act(what: str, status: int = 200, **body: Any) -> Any:
                async with http.post(f"/simulator/{what}", json=body) as response:
                    assert response.status == status, await response.text()
                    return await response.json()

            assert await act("people", name="Anna") == {"chat": 1001}
            await act("messages", chat=1001, text="/start spring")
            await platform.api.methods.call(
                "sendMessage",
                {"chat_id": 1001, "text": "?", "reply_markup": {"inline_keyboard": [[key("好", "/yes")]]}},
            )
            await act("press", chat=1001, message_id=2, data="/yes")
            await act("contacts", chat=1001, phone_number="+491700000")
            await act("locations", chat=1001, latitude=1.5, longitude=2)
            await act("photos", chat=1001, data="aGVsbG8=", caption="看")
            await act("faults", method="sendMessage", kind="429", times=2)
            await act("clock", seconds=60)
            await act("block", chat=1001)
            await act("messages", 400, chat=1001, text="x")
            await act("press", 400, chat=1001, message_id=99, data="x")
            await act("messages", 400, chat=1001)
            await act("faults", 400, method="sendMessage", kind="earthquake")
            await act("clock", 400, seconds=-1)
            await act("dance", 404)
            async with http.post("/simulator/messages", data=b'{"chat":1,"text":"x"}') as response:
                assert response.status == 415
            async with http.get("/simulator/chats/1001") as response:
                chat = await response.json()
            assert chat["blocked"]
            assert [message.get("text") for message in chat["messages"][:2]] == ["/start spring", "?"]
            assert chat["messages"][1]["pressing"] == ["/yes"]
            async with http.get("/simulator/state") as response:
                state = await response.json()
            assert state["faults"] == [{"kind": "429", "method": "sendMessage", "times": 2}]
            assert state["waiting"] == 6
            async with http.get("/simulator/chats/5") as response:
                assert response.status == 404

    asyncio.run(scenario())


def key(title: str, data: str) -> dict[str, str]:
    return {"text": title, "callback_data": data}


def test_changes_are_told_as_they_happen() -> None:
    async def scenario() -> None:
        async with (
            local_telegram() as (platform, url),
            aiohttp.ClientSession(url) as http,
            http.get("/simulator/events") as response,
        ):
            assert await response.content.readline() == b"data: \n"
            await response.content.readline()
            platform.chats.write(CHAT, "一")
            assert await response.content.readline() == b"data: \n"

    asyncio.run(scenario())


def test_it_is_built_from_options_with_people_at_hand() -> None:
    app = build({"bot_token": TOKEN, "webhook": "http://127.0.0.1:9/x", "secret": "hush"})
    assert len(list(app.state.platform.chats)) == 4
    assert app.state.platform.webhook.target.secret == "hush"
    with pytest.raises(ValueError, match="tokn"):
        build({"tokn": "x"})


def test_a_platform_that_is_started_anew_does_not_repeat_the_numbers_of_updates() -> None:
    first = Updates(Clock(datetime(2026, 11, 21, 8, tzinfo=UTC)))
    again = Updates(Clock(datetime(2026, 11, 21, 9, tzinfo=UTC)))
    seen = [first.add("message", {})["update_id"] for _ in range(3)]
    assert again.add("message", {})["update_id"] > max(seen)
