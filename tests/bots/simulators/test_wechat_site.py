"""The local WeChat over HTTP: what drives it, what tells of its changes, how it is built by the command."""

from __future__ import annotations

from typing import Any

import pytest

from bots.simulators.wechat.simulator import PEOPLE, build
from tests.bots.simulators.wechat_shop import KEY, LI, WANG, Shop, open_shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def _act(shop: Shop, name: str, /, **body: Any) -> tuple[int, Any]:
    async with shop.http.post(f"{shop.address}/simulator/{name}", json=body) as response:
        return response.status, await response.json(content_type=None)


async def _state(shop: Shop, openid: str = "") -> Any:
    async with shop.http.get(f"{shop.address}/simulator/state", params={"openid": openid}) as response:
        return await response.json()


async def test_a_program_can_write_as_a_customer_and_read_the_screen() -> None:
    async with open_shop() as shop:
        shop.replies(Content="您好")
        status, answer = await _act(shop, "say", openid=LI, text="你好")
        assert status == 200
        assert [seen["text"] for seen in answer["seen"]] == ["您好"]
        async with shop.http.get(f"{shop.address}/simulator/screen", params={"openid": LI}) as response:
            items = (await response.json())["items"]
        assert [(item["by"], item["text"]) for item in items] == [("customer", "你好"), ("account", "您好")]


@pytest.mark.parametrize(("name", "body", "event"), [
    ("click", {"key": "hours"}, "CLICK"), ("view", {"url": "https://shop.example/"}, "VIEW"),
    ("unfollow", {}, "unsubscribe"), ("image", {"data": "aGk="}, "image"), ("voice", {}, "voice"),
    ("location", {}, "location"),
])  # fmt: skip
async def test_every_deed_can_be_done_over_http(name: str, body: dict[str, str], event: str) -> None:
    async with open_shop() as shop:
        shop.simulator.customer(LI)
        assert (await _act(shop, name, openid=LI, **body))[0] == 200
        assert shop.simulator.pusher.log[-1].name == event


async def test_a_code_is_made_and_scanned_and_a_newcomer_follows_over_http() -> None:
    async with open_shop() as shop:
        await _act(shop, "customer", name="王芳", openid=WANG)
        await _act(shop, "ticket", scene="door")
        assert (await _act(shop, "scan", openid=WANG, ticket="door"))[0] == 200
        assert shop.opened()["EventKey"] == "qrscene_door"
        status, problem = await _act(shop, "scan", openid=WANG, ticket="window")
        assert (status, "window" in problem["detail"]) == (400, True)


async def test_clock_mode_faults_templates_and_tokens_are_turned_over_http() -> None:
    async with open_shop(aes_key=KEY) as shop:
        shop.simulator.customer(LI)
        await shop.fetch_token()
        before = shop.simulator.clock.now()
        acts: dict[str, dict[str, Any]] = {
            "clock": {"seconds": 60},
            "configure": {"mode": "safe", "format": "json", "kind": "service_unverified"},
            "fault": {"kind": "duplicate", "match": "push", "times": 2},
            "templates": {"openid": LI, "outcome": "failed:user block"},
            "revoke-tokens": {},
            "verify": {},
        }
        for name, body in acts.items():
            assert (await _act(shop, name, **body))[0] == 200, name
        state = await _state(shop, LI)
        assert (shop.simulator.clock.now() - before).total_seconds() == 60
        account = state["account"]
        assert (account["mode"], account["format"], account["kind"]) == (
            "safe",
            "json",
            "service_unverified",
        )
        assert state["faults"] == [{"kind": "duplicate", "match": "push", "times": 2}]
        assert state["customer"]["templates"] == "failed:user block"
        assert state["tokens"] == []
        assert account["verified"] is True
        await _act(shop, "clear-faults")
        assert (await _state(shop))["faults"] == []


WRONG: list[tuple[str, dict[str, Any], int]] = [
    ("dance", {}, 404),
    ("say", {"openid": LI}, 400),
    ("say", {"openid": LI, "text": 5}, 400),
    ("clock", {"seconds": -1}, 400),
    ("clock", {"seconds": "now"}, 400),
    ("image", {"openid": LI, "data": "%"}, 400),
    ("configure", {"mode": "safe"}, 400),
    ("configure", {"kind": "royal"}, 400),
    ("fault", {"kind": "nonsense", "match": "push"}, 400),
    ("templates", {"openid": LI, "outcome": "lost"}, 400),
]


@pytest.mark.parametrize(("name", "body", "status"), WRONG)
async def test_a_request_that_cannot_be_done_is_a_problem_in_words(
    name: str, body: dict[str, Any], status: int
) -> None:
    async with open_shop() as shop:
        answered, problem = await _act(shop, name, **body)
        assert (answered, problem["status"]) == (status, status)
        assert problem["detail"]


async def test_a_page_of_somebody_else_cannot_drive_the_simulator() -> None:
    async with open_shop() as shop:
        address = f"{shop.address}/simulator/say"
        async with shop.http.post(address, data='{"openid": "o", "text": "x"}') as response:
            assert response.status == 415
        assert shop.received == []


async def test_every_change_is_told_at_once() -> None:
    async with open_shop() as shop, shop.http.get(f"{shop.address}/simulator/events") as stream:
        assert stream.content_type == "text/event-stream"
        first = await stream.content.readuntil(b"\n\n")
        await shop.simulator.say(LI, "你好")
        second = await stream.content.readuntil(b"\n\n")
        assert int(second.removeprefix(b"data: ")) > int(first.removeprefix(b"data: "))


async def test_the_state_shows_windows_tokens_pushes_and_calls() -> None:
    async with open_shop() as shop:
        shop.replies(Content="您好")
        await shop.simulator.say(LI, "你好")
        await shop.write_to(LI)
        state = await _state(shop, LI)
        [window] = state["customer"]["windows"]
        assert (window["trigger"], window["left"], window["count"]) == ("message", 4, 5)
        assert [(token["kind"], token["works"]) for token in state["tokens"]] == [("stable", True)]
        [push] = state["pushes"]
        assert (push["name"], push["outcome"], push["attempts"][0]["status"]) == ("text", "answered", 200)
        assert "您好" in push["attempts"][0]["answer"]
        assert [call["path"] for call in state["calls"]] == [
            "/cgi-bin/message/custom/send",
            "/cgi-bin/stable_token",
        ]


async def test_a_file_that_is_no_picture_is_never_served_as_a_page() -> None:
    async with open_shop() as shop:
        await shop.simulator.image(LI, b"<script>", "text/html")
        media = shop.simulator.screen(LI)[0].media
        async with shop.http.get(shop.address + media) as response:
            assert response.content_type == "application/octet-stream"
        async with shop.http.get(f"{shop.address}/simulator/media/none") as response:
            assert response.status == 404


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "微信模拟器"), ("en", "WeChat simulator")])
async def test_the_page_speaks_the_readers_language(language: str, title: str) -> None:
    asked = {"accept-language": language}
    async with open_shop() as shop, shop.http.get(shop.address, headers=asked) as response:
        assert title in await response.text()
        assert "default-src 'none'" in response.headers["content-security-policy"]


async def test_the_command_gets_an_application_with_people_and_refuses_unknown_options() -> None:
    needed = {"webhook": "http://127.0.0.1:1/", "app_id": "wx1", "secret": "s", "token": "t"}
    app = build(needed | {"aes_key": KEY})
    assert {"/", "/cgi-bin/{path:path}"} <= {getattr(route, "path", "") for route in app.routes}
    assert len(PEOPLE) == 3
    with pytest.raises(ValueError, match="portt"):
        build(needed | {"portt": 1})
