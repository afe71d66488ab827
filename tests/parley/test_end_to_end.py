"""One message, all the way: the demo shop, run as a user runs it, answers on every channel."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser

from bots.simulators.telegram import telegram_simulator
from bots.simulators.wechat import WeChatSimulator
from bots.simulators.wechat.account import Account
from tests.parley.platforms import Loop, served
from tests.parley.serving import MODELS, ROOT, Server, free_port
from tests.parley.wires import TELEGRAM_SECRET, plain, sealed, telegram_text, wechat_text

HOURS_ZH, HOURS_EN = "你们几点开门？", "When are you open?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


class Shop:
    """The server with both local platforms, and a token for its API."""

    def __init__(self, server: Server, wechat: WeChatSimulator, telegram: Any) -> None:
        self.server, self.wechat, self.telegram = server, wechat, telegram
        self.on_wechat: Loop
        self.on_telegram: Loop
        token = server.run("token", "new", "--scope", "admin")
        assert token.returncode == 0, token.stderr
        self.api = requests.Session()
        self.api.headers["authorization"] = f"Bearer {token.stdout.strip()}"

    def get(self, path: str, **query: str) -> Any:
        answer = self.api.get(f"{self.server.url}/api/v1/{path}", params=query, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self.api.post(f"{self.server.url}/api/v1/{path}", json=body or {}, timeout=20)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def customer(self, channel: str, external_id: str) -> dict[str, Any]:
        (found,) = self.get("customers", identity=f"{channel}:{external_id}")["items"]
        return dict(found)

    def messages(self, channel: str, external_id: str) -> list[dict[str, Any]]:
        customer = self.customer(channel, external_id)
        (conversation,) = self.get("conversations", customer=customer["id"])["items"]
        return list(self.get(f"conversations/{conversation['id']}/messages")["items"])


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[Shop]:
    wechat_port, telegram_port = free_port(), free_port()
    wechat_url, telegram_url = (f"http://127.0.0.1:{port}" for port in (wechat_port, telegram_port))
    server = Server(folder, f"sqlite:///{folder / 'shop.db'}", wechat=wechat_url, telegram=telegram_url)
    account = Account(
        webhook=f"{server.url}/webhooks/shop-wechat",
        app_id="wx00000000000000aa",
        secret="app-secret-of-a-test",
        token="token-of-a-test",
        public_url=wechat_url,
    )
    wechat = WeChatSimulator(account)
    telegram = telegram_simulator(
        "123456:token-of-a-test",
        webhook=f"{server.url}/webhooks/shop-telegram",
        secret="secret-of-a-test",
    )
    with (
        served(wechat.app, wechat_port) as on_wechat,
        served(telegram, telegram_port) as on_telegram,
        server,
    ):
        made = Shop(server, wechat, telegram.state.platform)
        made.on_wechat, made.on_telegram = on_wechat, on_telegram
        yield made


def eventually(probe: Callable[[], Any], within: float = 30.0) -> Any:
    """What a probe finds, as soon as it finds anything."""
    until = time.monotonic() + within
    while not (found := probe()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return found


def test_the_simulated_wechat_shows_the_right_answer_in_both_languages(shop: Shop) -> None:
    for openid, question in (("o-zh", HOURS_ZH), ("o-en", HOURS_EN)):
        seen = shop.on_wechat.do(shop.wechat.say(openid, question))
        assert any("10:00" in piece.text and "21:30" in piece.text for piece in seen), seen
    statuses = [(m["sender"], m["status"]) for m in shop.messages("shop-wechat", "o-zh")]
    assert statuses == [("customer", "received"), ("bot", "accepted")]


def test_a_plain_and_an_encrypted_callback_are_answered_in_the_response(shop: Shop) -> None:
    query, body = plain(wechat_text("o-plain", HOURS_ZH, 11))
    answer = requests.post(f"{shop.server.url}/webhooks/shop-wechat?{query}", body, timeout=20)
    assert answer.status_code == 200
    assert "10:00" in answer.text
    query, body = sealed(wechat_text("o-safe", HOURS_ZH, 12))
    answer = requests.post(f"{shop.server.url}/webhooks/safe-wechat?{query}", body, timeout=20)
    assert answer.status_code == 200
    assert "<Encrypt>" in answer.text
    assert "10:00" in shop.messages("safe-wechat", "o-safe")[1]["text"]


def test_the_same_callback_again_is_answered_once(shop: Shop) -> None:
    message = wechat_text("o-again", HOURS_ZH, 77)
    for _ in range(3):
        query, body = plain(message)
        assert (
            requests.post(f"{shop.server.url}/webhooks/shop-wechat?{query}", body, timeout=20).status_code
            == 200
        )
    assert [m["direction"] for m in shop.messages("shop-wechat", "o-again")] == ["in", "out"]


def test_telegram_is_answered_through_its_api(shop: Shop) -> None:
    shop.on_telegram.call(shop.telegram.chats.write, 42, HOURS_EN)
    chat = shop.telegram.chats.find(42)
    seen = eventually(lambda: [m["text"] for m in chat.messages if m["from"]["is_bot"]])
    assert "21:30" in seen[0]
    eventually(lambda: shop.messages("shop-telegram", "42")[-1]["status"] == "accepted")


def test_the_record_shows_what_the_bot_learnt_and_from_which_message(shop: Shop) -> None:
    shop.on_wechat.do(shop.wechat.say("o-record", "我的手机号是 13812345678"))
    customer = eventually(
        lambda: (c := shop.customer("shop-wechat", "o-record"))["attributes"].get("phone") and c
    )
    assert customer["attributes"]["phone"].endswith("13812345678")
    source = customer["attribute_sources"]["phone"]
    (said, *_) = shop.messages("shop-wechat", "o-record")
    assert (source["source"], source["source_id"]) == ("message", said["id"])
    assert any(change["name"] == "phone" for step in said["decision"] for change in step["changes"])


def test_after_a_takeover_the_bot_is_silent_until_it_is_given_back(shop: Shop) -> None:
    shop.on_telegram.call(shop.telegram.chats.write, 43, HOURS_EN)
    chat = shop.telegram.chats.find(43)

    def from_us() -> list[str]:
        return [m["text"] for m in chat.messages if m["from"]["is_bot"]]

    eventually(lambda: len(from_us()) == 1)
    conversation = shop.messages("shop-telegram", "43")[0]["conversation_id"]
    reply = shop.post(f"conversations/{conversation}/messages", {"text": "Hello, this is Lin."})
    assert reply["sender"] == "agent"
    assert shop.get(f"conversations/{conversation}")["floor"] == "agent"
    eventually(lambda: from_us()[1:] == ["Hello, this is Lin."])
    shop.on_telegram.call(shop.telegram.chats.write, 43, HOURS_EN)
    understood = eventually(
        lambda: (m := shop.messages("shop-telegram", "43")[-1])["direction"] == "in" and m["understanding"]
    )
    assert understood["answers"][0]["entry"] == "faq/opening_hours"
    assert len(from_us()) == 2
    shop.post(f"conversations/{conversation}/release")
    shop.on_telegram.call(shop.telegram.chats.write, 43, HOURS_EN)
    eventually(lambda: len(from_us()) == 3)


def test_who_asks_for_a_person_waits_for_one(shop: Shop) -> None:
    shop.on_wechat.do(shop.wechat.say("o-person", "我要找人工客服"))
    conversation = eventually(lambda: shop.messages("shop-wechat", "o-person"))[0]["conversation_id"]
    assert shop.get(f"conversations/{conversation}")["floor"] == "waiting"
    seen = shop.on_wechat.do(shop.wechat.say("o-person", HOURS_ZH))
    assert not any("21:30" in piece.text for piece in seen)


def test_a_stop_counts_also_while_the_customer_waits_for_a_person(shop: Shop) -> None:
    for word in ("我要找人工客服", "退订"):
        shop.on_wechat.do(shop.wechat.say("o-stop", word))
    said = [m for m in shop.messages("shop-wechat", "o-stop") if m["direction"] == "in"][-1]
    changes = [change for step in said["decision"] for change in step.get("changes", ())]
    assert changes == [{"what": "consent", "name": "marketing", "value": False}]
    assert not any("不再给您发" in seen.text for seen in shop.wechat.screen("o-stop"))


def test_a_picture_is_fetched_and_kept_before_its_platform_forgets_it(shop: Shop) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    shop.on_wechat.do(shop.wechat.image("o-picture", png))
    shop.on_telegram.call(shop.telegram.chats.send_photo, 44, png, "my order")

    def kept_media(channel: str, person: str) -> Any:
        media = shop.messages(channel, person)[0]["content"]["media"]
        return media if media.get("url", "").startswith("/media/") else None

    for channel, person in (("shop-wechat", "o-picture"), ("shop-telegram", "44")):
        media = eventually(partial(kept_media, channel, person))
        kept = requests.get(shop.server.url + media["url"], timeout=20)
        assert (kept.status_code, kept.content) == (200, png)
        assert kept.headers["content-type"].startswith("image/")


def test_a_payload_that_is_typed_is_only_a_text(shop: Shop) -> None:
    shop.on_wechat.do(shop.wechat.say("o-typed", '/leave_phone{"phone": "13900000000"}'))
    customer = shop.customer("shop-wechat", "o-typed")
    assert "phone" not in customer["attributes"]


def test_unknown_messages_are_kept_and_answered_politely(shop: Shop) -> None:
    message = wechat_text("o-odd", "", 5000) | {"MsgType": "hologram", "Depth": "3"}
    query, body = plain(message)
    answer = requests.post(f"{shop.server.url}/webhooks/shop-wechat?{query}", body, timeout=20)
    assert answer.status_code == 200
    kept, said = shop.messages("shop-wechat", "o-odd")
    assert kept["content"]["kind"] == "unknown"
    assert kept["content"]["data"]["raw"]["Depth"] == "3"
    assert said["text"]


def test_the_web_chat_answers_in_a_real_browser_and_asks_no_other_host(
    shop: Shop, browser: Browser
) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{shop.server.url}/chat/site")
    page.get_by_role("textbox").fill(HOURS_ZH)
    page.keyboard.press("Enter")
    page.get_by_text("21:30").first.wait_for()
    page.reload()
    page.get_by_text("21:30").first.wait_for()
    assert page.get_by_text(HOURS_ZH).count() >= 1
    assert hosts == {shop.server.url.removeprefix("http://")}


def test_idle_memory_of_the_demo_stays_below_140_mb_without_what_it_never_uses(
    sqlite_url: str, tmp_path: Path
) -> None:
    demo = Server(tmp_path, sqlite_url)
    written = (ROOT / "config" / "parley.toml").read_text(encoding="utf-8")
    written = written.replace("sqlite:///parley.db", sqlite_url).replace(
        'bot = "bot"', f'bot = "{ROOT}/config/bot"'
    )
    demo.config.write_text(f'models_dir = "{MODELS}"\n{written}', encoding="utf-8")
    with demo:
        pass  # The first start fills it.
    with demo:
        assert demo.process is not None
        assert demo.memory() < 140_000_000
        loaded = Path(f"/proc/{demo.process.pid}/maps").read_text()
    for training_or_a_key in ("/sklearn/", "/scipy/", "/cryptography/"):
        assert training_or_a_key not in loaded


def test_no_secret_and_no_word_of_a_customer_reaches_the_log(shop: Shop) -> None:
    shop.on_wechat.do(shop.wechat.say("o-secret", "我的暗号是 xyzzy-4711"))
    log = shop.server.log.read_text()
    for secret in ("token-of-a-test", "app-secret", "secret-of-a-test", "xyzzy", "13812345678", "Mina"):
        assert secret not in log


def test_a_telegram_update_posted_again_is_one_message(shop: Shop) -> None:
    update = telegram_text(990, HOURS_EN, 555_000)
    for _ in range(2):
        answer = requests.post(
            f"{shop.server.url}/webhooks/shop-telegram", json=update, headers=TELEGRAM_SECRET, timeout=20
        )
        assert answer.status_code == 200
    assert len([m for m in shop.messages("shop-telegram", "990") if m["direction"] == "in"]) == 1


def test_check_names_every_fault_with_its_line(shop: Shop, folder: Path) -> None:
    assert shop.server.run("check").returncode == 0
    good = shop.server.config.read_text()
    shop.server.config.write_text(good.replace("app_secret =", "app_secrte =", 1))
    told = shop.server.run("check", "--json")
    shop.server.config.write_text(good)
    assert told.returncode == 1
    (missing, misspelt) = sorted(json.loads(told.stdout)["errors"], key=lambda e: str(e["what"]))
    assert "app_secret" in str(missing["what"])
    assert "did you mean app_secret?" in str(misspelt["what"]) or "did you mean" in str(missing["what"])


def test_check_tells_what_of_a_bot_has_no_effect(shop: Shop, folder: Path) -> None:
    bot = folder / "brought"
    (bot / "data").mkdir(parents=True)
    (bot / "domain.yml").write_text("intents: [hi]\nresponses:\n  utter_hi: [{text: hi}]\n")
    (bot / "config.yml").write_text("policies:\n- name: TEDPolicy\n- name: RulePolicy\n")
    (bot / "original_domain.yml").write_text("intents: [hi]\n")
    (bot / "data" / "stories.yml").write_text(
        "stories:\n- story: s\n  steps: [{intent: hi}, {action: utter_bye}]\n"
    )
    settings, good = shop.server.config, shop.server.config.read_text()
    settings.write_text(f'bot = "{bot}"\n')
    told, printed = shop.server.run("check", "--json"), shop.server.run("check")
    settings.write_text(good)
    assert (told.returncode, printed.returncode) == (0, 0)
    found = json.loads(told.stdout)
    assert (found["ok"], found["errors"]) == (True, [])
    assert [(Path(note["file"]).name, note["line"]) for note in found["notes"]] == [
        ("config.yml", 2), ("stories.yml", 3), ("original_domain.yml", 1),
    ]  # fmt: skip
    assert f"{bot}/config.yml:2: note: TEDPolicy is replaced" in printed.stdout
    assert "Everything holds." in printed.stdout


def test_check_tells_faults_of_settings_and_bot_in_the_order_of_their_files_and_lines(
    shop: Shop, folder: Path
) -> None:
    bot = folder / "faulty"
    (bot / "data").mkdir(parents=True)
    (bot / "domain.yml").write_text(
        "intents:\n- greet\nslots:\n  name:\n    type: no_such_type\nresponses: 7\n"
    )
    settings, good = shop.server.config, shop.server.config.read_text()
    settings.write_text(f'bot = "{bot}"\n\n[[channels]]\nname = "x"\nkind = "nowhere"\n')
    told = shop.server.run("check", "--json")
    settings.write_text(good)
    assert told.returncode == 1
    errors = json.loads(told.stdout)["errors"]
    places = [(error["file"], error["line"]) for error in errors]
    assert places == sorted(places)
    assert {file for file, _ in places} == {str(bot / "domain.yml"), str(settings)}
