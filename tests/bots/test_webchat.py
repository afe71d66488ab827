from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from bots.base import find_channel
from bots.webchat.channel import Webchat, WebchatSettings
from bots.webchat.rate import MOST_KEYS, Rate
from crm_store.messages import KINDS, Address, Content
from tests.bots.webchat_host import WebchatHost, open_house
from tests.bots.webchat_wire import open_wire, request

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_the_channel_is_found_by_its_kind() -> None:
    assert find_channel("webchat") is Webchat


def test_what_is_sent_is_accepted_as_the_line_is_already_there() -> None:
    channel = Webchat(WebchatSettings(name="site", kind="webchat"), WebchatHost())
    for kind in KINDS:
        sent = asyncio.run(channel.send(Address("site", "anna"), Content(kind, "x")))
        assert sent.status == "accepted"


@pytest.mark.parametrize(
    "values",
    [
        {"allowed_origins": ["shop.example"]},
        {"allowed_origins": ["*"]},
        {"allowed_origins": ["https://shop.example/path"]},
        {"allowed_origins": ["javascript://shop.example"]},
        {"image_max_mb": 0},
        {"origins": []},
    ],
)
def test_a_wrong_setting_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WebchatSettings.model_validate({"name": "site", "kind": "webchat"} | values)


def test_without_a_signing_key_one_is_made_and_shared_by_all_processes() -> None:
    host = WebchatHost()
    with open_house(host) as first, open_wire(first) as wire:
        wire.hello()
        wire.say(type="message", id="m1", text="hello")
        wire.hear("kept")
    with open_house(host) as second, open_wire(second) as again:
        assert len(again.hello(wire.token)) == 2
    assert host.made == {"site.signing_key": 1}


def test_the_page_may_be_framed_by_allowed_origins_only() -> None:
    with open_house(allowed_origins=["https://shop.example"]) as house:
        status, _, headers = request(house, "GET", "?origin=https://shop.example")
        policy = headers["content-security-policy"]
        assert status == 200
        assert "frame-ancestors 'self' https://shop.example" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert request(house, "GET", "?origin=https://evil.example")[0] == 403
        assert request(house, "GET", "?origin=https://shop.example.evil.example")[0] == 403


def test_the_page_comes_in_the_language_asked_for() -> None:
    title = {"zh": "云上茶馆", "en": "Cloud Tea House"}
    with open_house(title=title, greeting={"zh": "您好！", "en": "Hi!"}) as house:
        assert "云上茶馆" in request(house, "GET", "", Accept_Language="zh-TW,en;q=0.5")[1]["text"]
        assert "Cloud Tea House" in request(house, "GET", "?language=en", Accept_Language="zh")[1]["text"]
        assert 'lang="en"' in request(house, "GET", "?language=xx", Accept_Language="tlh")[1]["text"]


def test_settings_cannot_break_out_of_the_page() -> None:
    with open_house(title="</script><script>alert(1)</script>") as house:
        html = request(house, "GET", "")[1]["text"]
    assert "<script>alert" not in html


def test_a_rate_lets_through_so_many_in_any_window() -> None:
    rate = Rate(2, timedelta(seconds=10))
    seconds = [0, 1, 2, 9, 10, 10.5, 11]
    waits = [rate.wait("anna", NOW + timedelta(seconds=second)) for second in seconds]
    assert waits == [0, 0, 8, 1, 0, 0.5, 0]
    assert rate.wait("bert", NOW) == 0


def test_a_rate_forgets_the_longest_idle() -> None:
    rate = Rate(1, timedelta(hours=1))
    for number in range(MOST_KEYS + 1):
        assert rate.wait(str(number), NOW) == 0
    assert rate.wait("0", NOW) == 0
    assert rate.wait(str(MOST_KEYS), NOW) > 0
