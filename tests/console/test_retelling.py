"""A real conversation with the demo shop's bot becomes a test story that its own bot passes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, expect
from sqlmodel import select

from console.app import create_console
from crm_store import conversations, outbox
from crm_store.audit import AuditEntry
from crm_store.history import Message, list_messages
from crm_store.messages import Content, Incoming, Policy
from crm_store.recording import record
from nlu.dialogue import RuleDialogue
from nlu.project import read_project
from nlu.steps import Heard
from nlu.story_tests import read_test_stories, run_test_stories
from parley.bot import Bot
from parley.retelling import retold
from parley.workers import Worker
from tests.console.office import PHONE, XIAOLIN, Office, desk
from tests.demo_bot import demo_bot

SHOP = Path(__file__).parents[2] / "config" / "bot"
ALL = (0, 10**9)
KNOWN = [("name", "小林")]


@pytest.fixture(scope="module")
def bot() -> Bot:
    return demo_bot()


class Chat:
    """小林, who writes to the shop of an office; its bot answers, and its console retells."""

    def __init__(self, office: Office, bot: Bot) -> None:
        self.office = office
        self.worker = Worker(office.database, bot, "w", {"shop": Policy()}, lambda: office.time)
        self.told = bot
        office.host = replace(office.host, retold=lambda *given: retold(bot, *given))
        office.console = create_console(office.host)

    def say(self, *texts: str) -> None:
        """Each text is answered before the next; one that begins with a slash is a pressed button."""
        for text in texts:
            payload = text if text.startswith("/") else ""
            incoming = Incoming(
                XIAOLIN, self.office.time.isoformat(), Content(text=text), payload=payload,
                profile={"display_name": "小林"},
            )  # fmt: skip
            with self.office.database.writing() as session:
                (recorded,) = record(session, [incoming], "w", self.office.time)
                assert recorded is not None
                self.id = recorded.conversation_id
            self.worker.work([self.id], ())
            self.office.time += timedelta(minutes=1)

    def agent_says(self, text: str) -> None:
        with self.office.database.writing() as session:
            conversation = conversations.take_over(session, self.id, "aki")
            content = Content(text=text)
            now = self.office.time
            outbox.queue(
                session, [outbox.draft(conversation, content, sender="agent", source="agent:aki", now=now)]
            )

    @property
    def messages(self) -> Sequence[Message]:
        with self.office.database.reading() as session:
            return list_messages(session, self.id, limit=500)

    @property
    def page(self) -> str:
        return f"/console/conversations/{self.id}/test-story"

    def seq(self, text: str) -> int:
        return next(message.seq or 0 for message in self.messages if message.text == text)


@pytest.fixture
def chat(sqlite_office: Office, bot: Bot) -> Chat:
    return Chat(sqlite_office, bot)


def steps(told: dict[str, Any]) -> list[dict[str, Any]]:
    """What the file says, as any reader of YAML has it."""
    (story,) = yaml.safe_load(told["yaml"])["stories"]
    found = story["steps"]
    assert isinstance(found, list)
    return found


CALL = ("我叫小林, 我的电话是139 1234 5678", "给我回个电话", "小林")


def test_what_was_understood_and_done_becomes_steps_that_hold(chat: Chat, bot: Bot, tmp_path: Path) -> None:
    chat.say("你好", "你们几点开门", '/tell_taste{"taste": "fresh"}', "我要清爽一点的茶", *CALL)
    told = retold(bot, chat.messages, ALL, "a call", KNOWN)
    assert (told["passes"], told["failures"], told["turns"]) == (True, [], 7)
    found = steps(told)
    for step in (
        {"user": "你们几点开门\n", "intent": "faq/opening_hours"},
        {"action": "utter_faq/opening_hours"},
        {"user": '/tell_taste{"taste": "fresh"}\n', "intent": "tell_taste"},
        {"user": '我要[清爽]{"entity": "taste", "value": "fresh"}一点的茶\n', "intent": "tell_taste"},
        {"slot_was_set": [{"taste": "fresh"}]},
        {"user": "我叫[李华](name), 我的电话是[139 0000 0001](phone)\n", "intent": "leave_phone"},
    ):
        assert step in found, step
    end = found[found.index({"action": "contact_form"}) :]
    assert end == [
        {"action": "contact_form"},
        {"active_loop": "contact_form"},
        {"slot_was_set": [{"requested_slot": "name"}]},
        {"intent": "nlu_fallback"},
        {"slot_was_set": [{"name": "李华"}]},
        {"action": "contact_form"},
        {"slot_was_set": [{"requested_slot": None}]},
        {"active_loop": None},
        {"action": "action_callback_noted"},
    ]
    path = tmp_path / "test_it.yml"
    path.write_text(told["yaml"], encoding="utf-8")
    assert run_test_stories(read_project(SHOP), [path])["passed"] == 1


def test_nothing_that_is_a_persons_own_stands_in_the_file_unless_it_is_kept(chat: Chat, bot: Bot) -> None:
    chat.say("你好", *CALL, "好的")
    chat.agent_says("小林您好，我打 13912345678 给您？")
    told = retold(bot, chat.messages, ALL, "a call", KNOWN)["yaml"]
    for own in ("小林", "1234", "139 1234 5678", "+8613912345678"):
        assert own not in told, own
    assert "# agent: 李华您好，我打 13900000001 给您？" in told
    assert "# customer: 好的" in told
    kept = retold(bot, chat.messages, ALL, "a call", None)
    assert kept["passes"]
    assert "我叫[小林](name), 我的电话是[139 1234 5678](phone)" in kept["yaml"]


def test_what_neither_rule_nor_story_decides_is_a_comment(chat: Chat, bot: Bot) -> None:
    chat.say("运费多少？能开发票吗？", "退订", "谢谢")
    told = retold(bot, chat.messages, ALL, "x", KNOWN)
    assert (told["passes"], told["turns"], told["left_out"]) == (True, 2, 1)
    assert "  # utter_faq/invoice (faq)\n" in told["yaml"]
    assert "  # 退订 → action_opt_out (house)\n" in told["yaml"]
    assert {"action": "utter_welcome"} in steps(told)


def test_a_part_begins_where_the_dialogue_stood(chat: Chat, bot: Bot) -> None:
    chat.say("你好", "提醒我取茶", "明天十点", "谢谢")
    span = (chat.seq("明天十点"), chat.seq("谢谢") - 1)
    told = retold(bot, chat.messages, span, "part", KNOWN)
    assert told["passes"], told
    assert steps(told)[:2] == [
        {"active_loop": "reminder_form"},
        {"slot_was_set": [{"offer": "nothing"}, {"requested_slot": "reminder_time"}]},
    ]
    assert steps(told)[-1] == {"action": "action_book_followup"}


def test_where_the_bot_of_today_does_something_else_that_is_told(chat: Chat, bot: Bot) -> None:
    chat.say("你好", "谢谢")
    other = read_project(SHOP)
    other.rules = [rule for rule in other.rules if rule.name != "Thank"]
    changed = replace(bot, project=other, dialogue=RuleDialogue(other))
    told = retold(changed, chat.messages, ALL, "x", KNOWN)
    assert not told["passes"]
    assert [(f["turn"], f["expected"], f["of"]) for f in told["failures"]] == [
        (2, "utter_welcome", "dialogue")
    ]
    messages = chat.messages
    messages[0].understanding = {**(messages[0].understanding or {}), "text": "再见"}
    told = retold(bot, messages, ALL, "x", KNOWN)
    assert [(f["turn"], f["actual"], f["of"]) for f in told["failures"]] == [
        (1, "goodbye", "understanding")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[看](这个) yes: null # hm",
        "- a: [b",
        "你好\n\n  你好\t\u2028\x07",
        "{%}'\"\\",
        '[x]{"entity": 1}',
        "?" * 300,
    ],
)
def test_whatever_was_written_the_file_can_be_read(chat: Chat, bot: Bot, text: str, tmp_path: Path) -> None:
    chat.say(text, "谢谢")
    told = retold(bot, chat.messages, ALL, text, KNOWN)
    (tmp_path / "test_it.yml").write_text(told["yaml"], encoding="utf-8")
    (story,) = read_test_stories(tmp_path / "test_it.yml")
    heard = [step for step in story.steps if isinstance(step, Heard)]
    assert [(step.text.strip(), step.entities) for step in heard][-1] == ("谢谢", ())
    assert all(not step.entities for step in heard), "what a customer wrote was read as an annotation"
    assert {"action": "utter_welcome"} in steps(told)
    assert [failure for failure in told["failures"] if failure["of"] == "dialogue"] == []


def test_brackets_of_the_customers_own_do_not_move_an_entity(chat: Chat, bot: Bot, tmp_path: Path) -> None:
    chat.say("我的电话是[139 1234 5678]，谢谢")
    told = retold(bot, chat.messages, ALL, "x", KNOWN)
    assert "我的电话是［[139 0000 0001](phone)］，谢谢" in told["yaml"]
    (tmp_path / "test_it.yml").write_text(told["yaml"], encoding="utf-8")
    (story,) = read_test_stories(tmp_path / "test_it.yml")
    (heard,) = [step for step in story.steps if isinstance(step, Heard)]
    assert [(e.entity, heard.text[e.start : e.end]) for e in heard.entities] == [("phone", "139 0000 0001")]


def test_the_page_shows_runs_and_hands_out_the_story(chat: Chat) -> None:
    office = chat.office
    chat.say("早上好")
    office.time += timedelta(hours=2)
    chat.say("你好", *CALL)
    aki = office.as_("aki")
    assert f'href="{chat.page}"' in aki.get(f"/console/conversations/{chat.id}").text
    page = aki.get(chat.page).text
    assert "Passes" in page
    assert "早上好" not in page[page.index("<pre") :]
    assert "小林" not in page[page.index("<pre") :]
    file = aki.get(f"{chat.page}.yml?first={chat.seq('你好')}&last={chat.seq('你好')}")
    assert file.headers["content-disposition"].startswith('attachment; filename="test_conversation_')
    assert [*yaml.safe_load(file.text)["stories"][0]["steps"][-1]] == ["action"]
    assert "contact_form" not in file.text
    kept = aki.post(chat.page, first=str(chat.seq("你好")), last="x").text
    assert "[小林](name)" in kept
    with office.database.reading() as session:
        seen = session.exec(select(AuditEntry).where(AuditEntry.action == "customer.revealed")).all()
    assert [(one.actor, one.changes) for one in seen] == [("staff:aki", {"seen": "test story"})]
    assert office.as_("mia").get(chat.page).status_code == 403
    assert office.as_("mia").post(chat.page, first="1").status_code == 403


@pytest.mark.parametrize("options", [{}, PHONE | {"color_scheme": "dark", "locale": "zh-CN"}])
def test_one_click_makes_it_and_another_one_copies_it(
    chat: Chat, browser: Browser, options: dict[str, Any]
) -> None:
    chat.say("你好", *CALL)
    permissions = ["clipboard-read", "clipboard-write"]
    with chat.office.serve() as url, desk(browser, url, "aki", permissions=permissions, **options) as aki:
        page = aki.go(f"/console/conversations/{chat.id}")
        page.locator(".talk-deeds summary").click()
        page.get_by_role("link", name=re.compile("Make a test story|生成测试故事")).click()
        expect(page.locator(".notice.good")).to_contain_text(re.compile("Passes|通过"))
        aki.check()
        expect(page.locator("#copy")).to_have_text(re.compile(r"^\s*(Copy|复制)\s*$"))
        page.locator("#copy").click()
        expect(page.locator("#copy")).to_contain_text(re.compile("Copied|已复制"))
        story = page.locator("#story").inner_text()
        assert page.evaluate("navigator.clipboard.readText()").strip() == story.strip()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("Download|下载")).click()
        assert Path(download.value.path()).read_text(encoding="utf-8").strip() == story.strip()
        assert download.value.suggested_filename.startswith("test_conversation_")
        page.get_by_role("button", name=re.compile("Keep what|保留原话")).click()
        expect(page.locator("#story")).to_contain_text("小林")
        with page.expect_download() as download:
            page.locator("#save").click()
        assert "小林" in Path(download.value.path()).read_text(encoding="utf-8")
        aki.check()
