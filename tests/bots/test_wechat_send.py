"""Customer-service messages: what goes over the wire, what each refusal means, one token for all."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import structlog
from aiohttp import web

from bots.wechat import Wechat
from bots.wechat import api as wechat_api
from bots.wechat.errors import CallFailed
from bots.wechat.text import TEXT_LIMIT, size
from crm_store.messages import Button, Content, Media, Sent
from tests.bots.host import NOON, FakeHost
from tests.bots.wechat_account import APP_ID, OPENID, SECRET, open_account

SEND, TOKEN_CALL, UPLOAD = "/cgi-bin/message/custom/send", "/cgi-bin/stable_token", "/cgi-bin/media/upload"
OK = {"errcode": 0, "errmsg": "ok"}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)

Answer = dict[str, Any] | Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Platform:
    """WeChat's API as far as a script tells: first the answers in a call's script, then the usual ones."""

    url: str = ""
    tokens: int = 1  # which token is the right one
    script: dict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    @property
    def token(self) -> str:
        return f"secret-token-{self.tokens}"

    @property
    def texts(self) -> list[str]:
        return [call["text"]["content"] for call in self.calls[SEND]]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls[request.path].append(await _body(request))
        if self.script[request.path]:
            answer = self.script[request.path].pop(0)
            return web.json_response(answer) if isinstance(answer, dict) else await answer(request)
        if request.path == TOKEN_CALL:
            return web.json_response({"access_token": self.token, "expires_in": 7200})
        if request.query["access_token"] != self.token:
            message = f"invalid credential, {request.query['access_token']} is not latest hint: [x]"
            return web.json_response({"errcode": 40001, "errmsg": message})
        return web.json_response(OK | ({"media_id": "m-up"} if request.path == UPLOAD else {}))


async def _body(request: web.Request) -> Any:
    """The JSON of a request, or name, type and bytes of the file in it."""
    if not request.content_type.startswith("multipart/"):
        return await request.json()
    file = (await request.post())["media"]
    assert isinstance(file, web.FileField)
    return file.filename, file.content_type, file.file.read()


async def picture(request: web.Request) -> web.Response:
    return {
        "a.png": web.Response(body=PNG, content_type="image/png"),
        "a.html": web.Response(text="<p>no picture</p>", content_type="text/html"),
        "big.png": web.Response(body=bytes(wechat_api.PICTURE_LIMIT + 1), content_type="image/png"),
    }.get(request.match_info["name"]) or web.Response(status=404)


@asynccontextmanager
async def platform_and_channel(
    host: FakeHost | None = None, **settings: Any
) -> AsyncIterator[tuple[Platform, Wechat, FakeHost]]:
    platform = Platform()
    app = web.Application()
    app.router.add_post("/cgi-bin/{call:.*}", platform.handle)
    app.router.add_get("/pictures/{name}", picture)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        platform.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with host or FakeHost() as opened:
            yield platform, open_account(opened, api_base_url=platform.url, **settings), opened
    finally:
        await runner.cleanup()


def send(*contents: Content, answers: dict[str, list[Answer]] | None = None) -> tuple[list[Sent], Platform]:
    """What became of sends to a platform that follows a script."""

    async def story() -> tuple[list[Sent], Platform]:
        async with platform_and_channel() as (platform, channel, _):
            platform.script.update(answers or {})
            to = channel.address(OPENID)
            sent = [await channel.send(to, _at(content, platform)) for content in contents]
            return sent, platform

    return asyncio.run(story())


def _at(content: Content, platform: Platform) -> Content:
    """The content with its picture's address on the platform's own server."""
    if not content.media or not content.media.url.startswith("/"):
        return content
    return Content(content.kind, content.text, content.buttons, Media(platform.url + content.media.url))


def refusal(code: int, message: str = "refused rid: 5f3ded7d") -> Sent:
    (sent,), platform = send(Content(text="hi"), answers={SEND: [{"errcode": code, "errmsg": message}] * 2})
    assert len(platform.calls[SEND]) <= 2
    return sent


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as logs:
        yield logs


# What goes over the wire


def test_a_text_goes_out_as_it_is_written() -> None:
    (sent,), platform = send(Content(text="九点开门 🙂 \\u4e00 \ud800\x00"))
    assert sent == Sent("accepted", took=1)
    assert platform.calls[SEND] == [
        {"touser": OPENID, "msgtype": "text", "text": {"content": "九点开门 🙂 \\u4e00"}}
    ]


def test_letters_are_not_escaped_because_wechat_shows_the_escapes() -> None:
    bodies = []

    async def keep(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response(OK)

    send(Content(text="你好"), answers={SEND: [keep]})
    assert "你好".encode() in bodies[0]


def test_a_long_text_goes_out_in_parts_and_in_order() -> None:
    (sent,), platform = send(Content(text="这是一句话。" * 400, buttons=(Button("好", "/affirm"),)))
    assert sent.status == "accepted"
    assert len(platform.texts) > 3
    assert all(size(text) <= TEXT_LIMIT for text in platform.texts)
    assert "msgmenucontent=好" in platform.texts[-1]
    assert "".join(platform.texts).startswith("这是一句话。" * 400)


def test_a_part_that_is_refused_after_others_arrived_is_told_and_never_repeated() -> None:
    busy = {"errcode": -1, "errmsg": "system error"}
    (sent,), platform = send(Content(text="字" * 1000), answers={SEND: [OK, busy]})
    assert (sent.status, sent.code, sent.retry_after) == ("failed", "-1", None)
    assert sent.reason.startswith("Only the first 1 of its parts arrived.")
    assert len(platform.calls[SEND]) == 2


def test_a_message_without_anything_to_show_is_not_sent() -> None:
    (sent,), platform = send(Content("event", data={"name": "typing"}))
    assert sent.status == "skipped"
    assert not platform.calls


def test_an_account_without_that_right_sends_nothing() -> None:
    async def story() -> Sent:
        async with platform_and_channel(customer_service_messages=False) as (platform, channel, _):
            sent = await channel.send(channel.address(OPENID), Content(text="hi"))
            assert not platform.calls
            assert not channel.policy.push
            return sent

    sent = asyncio.run(story())
    assert sent.status == "skipped"
    assert sent.reason


# What each refusal means


@pytest.mark.parametrize("code", [45015, 45047])
def test_outside_the_window_a_message_is_skipped_with_a_reason(code: int) -> None:
    sent = refusal(code)
    assert (sent.status, sent.code, sent.gone) == ("skipped", str(code), False)
    assert sent.reason.endswith(".")
    assert "rid" not in sent.reason


@pytest.mark.parametrize("code", [40003, 43004, 43019])
def test_who_has_left_is_gone(code: int) -> None:
    sent = refusal(code)
    assert (sent.status, sent.gone, sent.code) == ("failed", True, str(code))
    assert sent.reason


@pytest.mark.parametrize(("code", "seconds"), [(-1, 5), (45011, 60), (45009, 12 * 3600)])
def test_a_used_up_quota_is_waited_for(code: int, seconds: float) -> None:
    sent = refusal(code)
    assert (sent.status, sent.retry_after, sent.code) == ("queued", seconds, str(code))


def test_the_day_ends_at_midnight_in_china() -> None:
    host = FakeHost(datetime(2026, 3, 2, 16, 30, tzinfo=UTC))  # half past midnight in Shanghai

    async def story() -> Sent:
        async with platform_and_channel(host) as (platform, channel, _):
            platform.script[SEND] = [{"errcode": 45009, "errmsg": "reach max api daily quota limit"}]
            return await channel.send(channel.address(OPENID), Content(text="hi"))

    assert asyncio.run(story()).retry_after == 23.5 * 3600


@pytest.mark.parametrize("code", [48001, 45002, 40007, 50002, 40164, 99999])
def test_any_other_refusal_is_a_failure_in_words(code: int) -> None:
    sent = refusal(code, "odd thing happened")
    assert (sent.status, sent.code, sent.gone, sent.retry_after) == ("failed", str(code), False, None)
    assert sent.reason
    assert (code != 99999) or "odd thing happened" in sent.reason


async def _text(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "", "unknown"),
        (200, "<html>", "unknown"),
        (200, "[]", "unknown"),
        (200, '{"errcode": "x"}', "unknown"),
        (500, "", "unknown"),
        (504, "", "unknown"),
        (503, "", "queued"),
        (429, "", "queued"),
        (404, "", "failed"),
        (302, "", "failed"),
    ],
)
def test_an_answer_that_is_not_wechats_is_not_taken_for_success(
    status: int, body: str, expected: str
) -> None:
    (sent,), platform = send(Content(text="hi"), answers={SEND: [lambda _: _text(body, status)]})
    assert sent.status == expected
    assert sent.reason
    assert len(platform.calls[SEND]) == 1


def test_a_platform_that_does_not_answer_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wechat_api, "TIMEOUT", aiohttp.ClientTimeout(total=0.3, connect=0.2))

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    (sent,), platform = send(Content(text="hi"), answers={SEND: [hang]})
    assert (sent.status, sent.retry_after) == ("unknown", None)
    assert len(platform.calls[SEND]) == 1


def test_a_connection_cut_after_the_request_leaves_it_unknown() -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.close()
        return web.Response()

    (sent,), platform = send(Content(text="hi"), answers={SEND: [cut]})
    assert sent.status == "unknown"
    assert len(platform.calls[SEND]) == 1


def test_a_platform_that_cannot_be_reached_is_tried_again(unused_port: int) -> None:
    async def story() -> list[Sent]:
        async with FakeHost() as host:
            channel = open_account(host, api_base_url=f"http://127.0.0.1:{unused_port}")
            first = await channel.send(channel.address(OPENID), Content(text="hi"))
            host.values["shop.access_token"] = ("known", datetime(2030, 1, 1, tzinfo=UTC))
            return [first, await channel.send(channel.address(OPENID), Content(text="hi"))]

    for sent in asyncio.run(story()):
        assert sent.status == "queued"
        assert sent.retry_after


@pytest.fixture
def unused_port() -> int:
    async def find() -> int:
        server = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
        port: int = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        return port

    return asyncio.run(find())


# The access token


def test_the_token_is_asked_for_as_a_stable_one_and_kept() -> None:
    sent, platform = send(*(Content(text=str(number)) for number in range(3)))
    assert [one.status for one in sent] == ["accepted"] * 3
    assert platform.calls[TOKEN_CALL] == [
        {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET, "force_refresh": False}
    ]


def test_the_token_is_renewed_in_the_last_minutes_of_its_life() -> None:
    async def story() -> datetime:
        async with platform_and_channel() as (_, channel, host):
            await channel.send(channel.address(OPENID), Content(text="hi"))
            return host.values["shop.access_token"][1]

    left = 7200 - (asyncio.run(story()) - NOON).total_seconds()
    assert 0 < left < 300


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_fifty_sends_with_a_stale_token_refresh_it_once(code: int) -> None:
    async def story() -> None:
        async with platform_and_channel() as (platform, channel, _):
            to = channel.address(OPENID)
            await channel.send(to, Content(text="first"))
            platform.tokens = 2
            platform.script[SEND] = [{"errcode": code, "errmsg": "access_token expired"}] * 50
            sends = (channel.send(to, Content(text=str(number))) for number in range(50))
            assert {sent.status for sent in await asyncio.gather(*sends)} == {"accepted"}
            assert len(platform.calls[TOKEN_CALL]) == 2
            assert len(platform.calls[SEND]) == 1 + 50 + 50

    asyncio.run(story())


def test_a_platform_that_refuses_every_token_is_asked_twice_and_no_more() -> None:
    stale = {"errcode": 40001, "errmsg": "invalid credential"}
    (sent,), platform = send(Content(text="hi"), answers={SEND: [stale] * 9})
    assert (sent.status, sent.code) == ("failed", "40001")
    assert len(platform.calls[SEND]) == 2


def test_a_refused_token_that_comes_again_is_replaced_by_force() -> None:
    stale = {"errcode": 40001, "errmsg": "invalid credential"}
    (sent,), platform = send(Content(text="hi"), answers={SEND: [stale]})
    assert sent.status == "accepted"
    assert [call["force_refresh"] for call in platform.calls[TOKEN_CALL]] == [False, False, True]


@pytest.mark.parametrize("code", [40001, 40013, 40125])
def test_a_wrong_secret_is_named(code: int) -> None:
    (sent,), platform = send(
        Content(text="hi"), answers={TOKEN_CALL: [{"errcode": code, "errmsg": f"invalid {SECRET}"}]}
    )
    assert (sent.status, sent.code) == ("failed", str(code))
    assert sent.reason == "The app id or secret of this channel is wrong."
    assert not platform.calls[SEND]


@pytest.mark.parametrize(
    "answer",
    [
        {"errcode": -1, "errmsg": "system error"},
        {"errcode": 0},
        {"access_token": 5},
        lambda _: _text("", 500),
    ],
)
def test_without_a_token_nothing_was_sent_so_it_is_tried_again(answer: Answer) -> None:
    (sent,), platform = send(Content(text="hi"), answers={TOKEN_CALL: [answer]})
    assert sent.status == "queued"
    assert sent.retry_after
    assert not platform.calls[SEND]


def test_secrets_reach_neither_reasons_nor_logs_nor_exceptions(
    logged: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    echo = {"errcode": 99999, "errmsg": f"bad secret-token-1 of {SECRET}"}
    caplog.set_level(0)
    (sent,), _ = send(Content(text="hi"), answers={SEND: [echo]})
    assert sent.status == "failed"
    for told in (repr(sent), json.dumps(logged), caplog.text):
        assert "secret-token" not in told
        assert SECRET not in told


def test_a_failed_call_does_not_carry_its_request_along() -> None:
    async def story() -> BaseException:
        async with platform_and_channel() as (platform, channel, _):
            await channel.send(channel.address(OPENID), Content(text="hi"))
            platform.script[SEND] = [lambda _: _text("", 500)]
            with pytest.raises(CallFailed) as caught:
                await channel._api.send_custom(OPENID, "text", content="hi")
            return caught.value

    error: BaseException | None = asyncio.run(story())
    assert error
    assert error.__cause__ is None
    assert error.__context__ is None


# Pictures


def test_a_picture_is_uploaded_and_its_caption_follows() -> None:
    (sent,), platform = send(Content("image", "新款", media=Media("/pictures/a.png")))
    assert sent.status == "accepted"
    assert platform.calls[UPLOAD] == [("picture.png", "image/png", PNG)]
    assert platform.calls[SEND] == [
        {"touser": OPENID, "msgtype": "image", "image": {"media_id": "m-up"}},
        {"touser": OPENID, "msgtype": "text", "text": {"content": "新款"}},
    ]


def test_an_upload_too_replaces_a_stale_token() -> None:
    stale = {"errcode": 42001, "errmsg": "access_token expired"}
    (sent,), platform = send(Content("image", media=Media("/pictures/a.png")), answers={UPLOAD: [stale]})
    assert sent.status == "accepted"
    assert platform.calls[UPLOAD] == [("picture.png", "image/png", PNG)] * 2


@pytest.mark.parametrize("name", ["a.html", "big.png", "missing.png"])
def test_a_picture_that_is_none_becomes_a_link(name: str) -> None:
    (sent,), platform = send(Content("image", "新款", media=Media(f"/pictures/{name}")))
    assert sent.status == "accepted"
    assert platform.texts == [f"新款\n{platform.url}/pictures/{name}"]
    assert not platform.calls[UPLOAD]


@pytest.mark.parametrize(
    "url", ["ftp://shop.example/a.png", "http://", "http://[", "a.png", "http://127.0.0.1:1/a"]
)
def test_a_picture_that_cannot_be_fetched_becomes_a_link(url: str) -> None:
    (sent,), platform = send(Content("image", "新款", media=Media(url)))
    assert sent.status == "accepted"
    assert platform.texts == [f"新款\n{url}"]


def test_a_picture_that_wechat_does_not_take_becomes_a_link() -> None:
    (sent,), platform = send(
        Content("image", media=Media("/pictures/a.png")),
        answers={UPLOAD: [{"errcode": 40009, "errmsg": "invalid image size"}]},
    )
    assert sent.status == "accepted"
    assert platform.texts == [f"{platform.url}/pictures/a.png"]


def test_an_upload_that_was_cut_off_may_be_tried_again() -> None:
    (sent,), platform = send(
        Content("image", media=Media("/pictures/a.png")), answers={UPLOAD: [lambda _: _text("", 500)]}
    )
    assert sent.status == "queued"
    assert not platform.calls[SEND]


def test_a_picture_that_wechat_knows_goes_out_by_its_id() -> None:
    (sent,), platform = send(Content("image", media=Media(platform_id="m-8f1c")))
    assert sent.status == "accepted"
    assert platform.calls[SEND][0]["image"] == {"media_id": "m-8f1c"}
