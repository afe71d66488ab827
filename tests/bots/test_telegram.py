"""The channel against a local Telegram: what it lets in, what it sends, what it makes of refusals."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bots.base import Rejected, find_channel
from bots.simulators.clock import Clock
from bots.telegram import Telegram
from crm_store.messages import Button, Content, Media, Sent
from tests.bots.telegram_house import (
    CUSTOMER,
    GROUP,
    HELLO,
    NOWHERE,
    SECRET,
    START,
    TOKEN,
    Shop,
    bot_and_customer,
    local_telegram,
    open_bot,
    seen,
    send_to,
    served,
    webhook_of,
)

PAYLOADS = Path(__file__).parent / "telegram"
HEADER = "x-telegram-bot-api-secret-token"


def receive(channel: Telegram, headers: dict[str, str], body: bytes) -> list[Any]:
    return asyncio.run(channel.receive(headers, {}, body))


def test_the_kind_telegram_opens_this_channel() -> None:
    assert find_channel("telegram") is Telegram


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"webhook_secret": ""}, "webhook_secret is required"),
        ({"webhook_secret": "not allowed!"}, "webhook_secret: expected"),
        ({"bot_token": "with/slash"}, "BotFather"),
        ({"mode": "pigeon"}, "polling"),
    ],
)
def test_wrong_settings_are_refused_in_words_without_the_secrets(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        open_bot(Shop(), NOWHERE, **wrong)
    assert TOKEN not in str(refused.value)
    assert "not allowed!" not in str(refused.value)


def test_polling_needs_no_secret_and_opens_no_webhook() -> None:
    channel = open_bot(Shop(), NOWHERE, mode="polling", webhook_secret="")
    assert channel.polls
    with pytest.raises(Rejected):
        receive(channel, {HEADER: ""}, (PAYLOADS / "text.json").read_bytes())


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: SECRET + "x"}, {HEADER: "密\udcff"}])
def test_a_forged_update_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Rejected) as refused:
        receive(open_bot(Shop(), NOWHERE), headers, (PAYLOADS / "text.json").read_bytes())
    assert refused.value.status == 403


def test_a_true_update_is_received() -> None:
    channel = open_bot(Shop(), NOWHERE)
    (incoming,) = receive(channel, {HEADER: SECRET}, (PAYLOADS / "text.json").read_bytes())
    assert str(incoming.address) == "shop:5550101"
    assert receive(channel, {HEADER: SECRET}, b'{"update_id": 1}') == []


def test_a_pressed_button_is_acknowledged_in_the_answer_of_the_webhook() -> None:
    channel = open_bot(Shop(), NOWHERE)
    (pressed,) = receive(channel, {HEADER: SECRET}, (PAYLOADS / "button.json").read_bytes())
    reply, carried = channel.answer({}, [pressed], [HELLO])
    assert carried == 0
    assert json.loads(reply.body) == {
        "method": "answerCallbackQuery",
        "callback_query_id": "98765432100",
    }
    (text,) = receive(channel, {HEADER: SECRET}, (PAYLOADS / "text.json").read_bytes())
    assert channel.answer({}, [text], [])[0].body == b""


def test_a_sent_message_stands_in_the_chat() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            content = Content(text="还有什么可以帮您？", buttons=(Button("找人工", "/human"),))
            sent = await send_to(channel, content)
            (message,) = seen(platform)
            assert sent == Sent("accepted", str(message["message_id"]))
            assert message["text"] == "还有什么可以帮您？"
            assert message["reply_markup"]["inline_keyboard"] == [
                [{"text": "找人工", "callback_data": "/human"}]
            ]

    asyncio.run(scenario())


def test_a_long_text_comes_in_order_and_in_whole() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            assert (await send_to(channel, Content(text="一二三。" * 2500))).status == "accepted"
            assert "".join(message["text"] for message in seen(platform)) == "一二三。" * 2500
            assert len(seen(platform)) == 3

    asyncio.run(scenario())


def test_pictures_and_places_are_drawn() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            picture = Content("image", text="茶壶", media=Media(url="https://shop.example/pot.jpg"))
            place = Content("location", data={"latitude": 31.2, "longitude": 121.4})
            assert (await send_to(channel, picture)).status == "accepted"
            assert (await send_to(channel, place)).status == "accepted"
            photo, pin = seen(platform)
            assert photo["photo"][0]["file_id"] == "https://shop.example/pot.jpg"
            assert photo["caption"] == "茶壶"
            assert pin["location"] == {"latitude": 31.2, "longitude": 121.4}

    asyncio.run(scenario())


def test_a_picture_that_telegram_cannot_take_is_told_in_words() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            lost = Content("image", text="茶壶", media=Media(platform_id="of-another-bot"))
            assert (await send_to(channel, lost)).status == "accepted"
            assert [message.get("text") for message in seen(platform)] == ["茶壶"]

    asyncio.run(scenario())


def test_who_has_blocked_the_bot_is_gone() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            platform.chats.block(CUSTOMER)
            sent = await send_to(channel)
            assert (sent.status, sent.code, sent.gone) == ("failed", "403", True)
            assert "blocked by the user" in sent.reason

    asyncio.run(scenario())


def test_a_chat_that_never_was_is_gone() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, _, _host):
            sent = await send_to(channel, chat=1)
            assert (sent.status, sent.code, sent.gone) == ("failed", "400", True)
            assert (await send_to(channel, chat="nobody")).status == "failed"

    asyncio.run(scenario())


def test_a_group_that_has_moved_says_where_to() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            platform.chats.join(-77).moved_to = GROUP
            sent = await send_to(channel, chat=-77)
            assert (sent.status, sent.gone) == ("failed", False)
            assert str(GROUP) in sent.reason

    asyncio.run(scenario())


def test_too_fast_means_later_and_the_platform_says_when() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            results = [await send_to(channel) for _ in range(11)]
            assert [sent.status for sent in results] == ["accepted"] * 10 + ["queued"]
            assert (results[-1].code, results[-1].retry_after) == ("429", 1)
            platform.clock.advance(1)
            assert (await send_to(channel)).status == "accepted"

    asyncio.run(scenario())


def test_an_error_of_the_platform_itself_means_later() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            platform.fail_next("sendMessage", "500")
            sent = await send_to(channel)
            assert (sent.status, sent.code) == ("queued", "500")
            assert sent.retry_after
            assert seen(platform) == []

    asyncio.run(scenario())


@pytest.mark.parametrize("fault", ["timeout", "reset"])
def test_without_an_answer_nobody_knows_and_nothing_is_sent_twice(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Telegram, "send_seconds", 0.2)

    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            platform.fail_next("sendMessage", fault)
            assert (await send_to(channel)).status == "unknown"
            assert len(seen(platform)) == 1

    asyncio.run(scenario())


def test_a_platform_that_cannot_be_reached_has_got_nothing() -> None:
    async def scenario() -> None:
        async with Shop() as host:
            sent = await send_to(open_bot(host, NOWHERE))
            assert (sent.status, sent.code) == ("queued", "unreachable")
            assert sent.retry_after

    asyncio.run(scenario())


def test_a_text_that_arrived_in_part_is_not_sent_again() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, _):
            for _ in range(9):
                await send_to(channel)
            first = await send_to(channel, Content(text="长" * 9000))
            assert first.status == "failed"
            assert first.reason.startswith("only 1 of 3 parts were delivered")
            assert first.platform_id
            assert len(seen(platform)) == 10

    asyncio.run(scenario())


def test_a_short_pause_between_the_parts_of_a_text_is_waited_for() -> None:
    async def scenario() -> None:
        async with Shop() as host, local_telegram(Clock()) as (platform, url):
            platform.chats.join(CUSTOMER)
            platform.fail_next("sendMessage", "429")
            channel = open_bot(host, url)
            assert (await send_to(channel)).status == "queued"
            for _ in range(9):
                await send_to(channel)
            assert (await send_to(channel, Content(text="长" * 9000))).status == "accepted"
            assert len(seen(platform)) == 12

    asyncio.run(scenario())


@pytest.mark.parametrize("token", ["700100:not-this-one", "no-token-at-all"])
def test_a_wrong_token_is_a_failure_that_says_so(token: str) -> None:
    async def scenario() -> None:
        async with bot_and_customer(bot_token=token) as (channel, _, _host):
            sent = await send_to(channel)
            assert sent.status == "failed"
            assert "does not know the bot token" in sent.reason
            assert not sent.gone

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, {"ok": False, "error_code": 403, "description": "Forbidden: user is deactivated"}, "failed"),
        (200, {"ok": True, "result": {"message_id": 7}}, "accepted"),
        (200, {"ok": True, "result": True}, "accepted"),
        (200, {"surprise": 1}, "unknown"),
        (200, None, "unknown"),
        (502, None, "unknown"),
        (403, None, "failed"),
        (302, None, "unknown"),
    ],
)
def test_the_status_is_what_the_answer_says(status: int, answer: Any, expected: str) -> None:
    async def say(_: Request) -> Response:
        return JSONResponse(answer, status) if answer else Response("<html>", status)

    async def scenario() -> None:
        routes = [Route("/bot{token}/{method}", say, methods=["POST"])]
        async with Shop() as host, served(Starlette(routes=routes)) as url:
            assert (await send_to(open_bot(host, url))).status == expected

    asyncio.run(scenario())


def test_the_token_reaches_no_log_and_no_reason(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(Telegram, "send_seconds", 0.2)
    reasons = []

    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, host):
            for fault in ("timeout", "reset", "500", "429"):
                platform.fail_next("sendMessage", fault)
                reasons.append(repr(await send_to(channel)))
            for url in (NOWHERE, "http://", "nonsense", "http://127.0.0.1:0"):
                reasons.append(repr(await send_to(open_bot(host, url))))
            with suppress(Exception):
                await open_bot(host, NOWHERE).connect("https://shop.example")
            reasons.append(repr(channel.settings))

    with structlog.testing.capture_logs() as logs:
        asyncio.run(scenario())
    assert TOKEN not in caplog.text.replace("uvicorn", "")
    assert TOKEN not in repr(logs)
    assert TOKEN not in "".join(reasons)


def test_connecting_sets_a_webhook_that_works_both_ways() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, host), webhook_of(channel, host) as url:
            await channel.connect(url)
            assert platform.webhook.target.secret == SECRET
            platform.chats.write(CUSTOMER, "你们几点开门？")
            await host.until_recorded(1)
            await send_to(channel, Content(text="?", buttons=(Button("好", "/yes"),)))
            platform.chats.press(CUSTOMER, seen(platform)[0]["message_id"], "/yes")
            await host.until_recorded(2)
            assert [each.content.text for each in host.recorded] == ["你们几点开门？", "好"]
            async with asyncio.timeout(10):
                while not all(press.acknowledged for press in platform.chats.presses.values()):
                    await platform.updates.changed.wait()

    asyncio.run(scenario())


def test_in_a_group_the_bots_name_is_asked_once() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, host), webhook_of(channel, host) as url:
            await channel.connect(url)
            platform.chats.write(GROUP, "今天天气真好")
            await host.until_recorded(1)
            platform.chats.write(GROUP, "@shop_bot 你们几点开门？")
            await host.until_recorded(2)
            assert [(each.content.text, each.wants_reply) for each in host.recorded] == [
                ("今天天气真好", False),
                ("你们几点开门？", True),
            ]
            assert [call.method for call in platform.api.calls].count("getMe") == 1

    asyncio.run(scenario())


def test_in_a_group_without_an_answer_to_who_am_i_the_bot_is_silent() -> None:
    async def scenario() -> None:
        async with Shop() as host:
            channel = open_bot(host, NOWHERE)
            body = (PAYLOADS / "group_mention.json").read_bytes()
            (incoming,) = await channel.receive({HEADER: SECRET}, {}, body)
            assert not incoming.wants_reply

    asyncio.run(scenario())


def test_a_file_is_fetched_and_kept() -> None:
    async def scenario() -> None:
        async with bot_and_customer() as (channel, platform, host):
            update = platform.chats.send_photo(CUSTOMER, b"\xff\xd8 a picture", "看")
            (incoming,) = await channel.receive({HEADER: SECRET}, {}, json.dumps(update).encode())
            assert incoming.content.media is not None
            media = await channel.fetch(incoming.content.media)
            assert media.url == "/media/1"
            assert host.kept == [(b"\xff\xd8 a picture", "image/jpeg", "file_1.jpg")]

    asyncio.run(scenario())


def test_the_platforms_clock_can_run_by_itself() -> None:
    async def scenario() -> None:
        async with Shop() as host, local_telegram(Clock()) as (platform, url):
            platform.chats.join(CUSTOMER)
            assert (await send_to(open_bot(host, url))).status == "accepted"
            assert seen(platform)[0]["date"] > START.timestamp()

    asyncio.run(scenario())
