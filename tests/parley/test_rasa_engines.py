"""A Rasa server that understands, or leads the dialogue: slow, broken, away and back; one answer each."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from sqlmodel import col, select

from actions.base import Turn
from console import floor
from crm_store.conversations import get_conversation
from crm_store.history import Message
from crm_store.messages import Address, Content, Incoming, Media, Policy, Understanding
from nlu.base import LISTEN, Decision, State
from nlu.breaker import FAILURES, FIRST_REST
from nlu.rasa_dialogue import RasaDialogue
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import TIMEOUT as EVERYDAY
from parley.bot import Bot, Leader
from parley.engines import Engine
from tests.parley.test_metrics import scrape
from tests.parley.tiny import Ear, Parrot, TinyHouse, fetch, repeat, tiny_bot, tiny_house, until_true
from tests.rasa import RasaStandIn, rasa_stand_in

PACE = 0.2  # of the stand-in's seconds
TIMEOUT = 30 * PACE
READING, LEADING = "/model/parse", "/webhooks/rest/webhook"


class Obedient(Parrot):
    """A dialogue of ours that gives whoever asks for one a person."""

    def decide(self, state: State, heard: Understanding) -> Decision:
        name = "action_handover" if "a person" in heard.text else "action_repeat"
        return Decision(LISTEN if state.done else name, by="rule")


def hand_over(turn: Turn) -> list[Content]:
    turn.ask_for_person()
    return [Content(text="a person is coming")]


@dataclass
class Seconds:
    """The breakers' clock, to be moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """A house whose bot leaves something to a Rasa server."""

    tiny: TinyHouse
    rasa: RasaStandIn
    clock: Seconds
    said: Sequence[Mapping[str, Any]] = field(default_factory=list)  # the log

    async def say(self, who: str, text: str, payload: str = "", **more: Any) -> None:
        content = more.pop("content", Content(text=text))
        key = f"{who} {time.monotonic_ns()}"
        await self.tiny.house.pipeline.record([Incoming(Address("pigeon", who), key, content, payload)])

    async def answers(self, who: str, count: int) -> list[str]:
        """All that is sent to somebody, once it is so much and nothing waits any more."""
        await until_true(lambda: self._settled(who) and len(self._rows(who, "out")) >= count)
        return [row.text for row in self._rows(who, "out")]

    async def ask(self, who: str, text: str, payload: str = "") -> str:
        """What is said to this message alone."""
        before = len(self._rows(who, "out"))
        await self.say(who, text, payload)
        return "|".join((await self.answers(who, before + 1))[before:])

    def heard(self, who: str) -> list[Message]:
        return self._rows(who, "in")

    def events(self, name: str) -> list[str]:
        return [str(line["part"]) for line in self.said if line["event"] == name]

    async def ready(self) -> dict[str, Any]:
        status, told = await fetch(self.tiny.app, "/readyz")
        assert status == 200
        found: dict[str, Any] = json.loads(told)
        return {name: found.get(name) for name in ("status", "understanding", "dialogue")}

    def _rows(self, who: str, direction: str) -> list[Message]:
        with self.tiny.house.database.reading() as session:
            query = select(Message).where(Message.external_id == who, Message.direction == direction)
            return list(session.exec(query.order_by(col(Message.seq))))

    def _settled(self, who: str) -> bool:
        rows = [*self._rows(who, "in"), *self._rows(who, "out")]
        return not any(row.work == "waiting" or row.status in ("queued", "sending") for row in rows)


def bot_with(rasa: RasaStandIn, clock: Seconds, part: str, timeout: float) -> Bot:
    """`part`: what Rasa does, the path of the one or the other, or both."""
    ear, actions = Ear(), {"action_repeat": repeat, "action_handover": hand_over}
    own: dict[str, Any] = {"dialogue": Obedient(), "actions": actions, "fallback": ear}
    if READING in part:
        own |= {"interpreter": RasaServer(rasa.url, timeout), "reading": Engine("understanding", clock)}
    if LEADING in part:
        own["leader"] = Leader(RasaDialogue(rasa.url, timeout), Engine("dialogue", clock))
    return tiny_bot(ear, **own)


def play(
    url: str, folder: Path, part: str, story: Callable[[Rig], Awaitable[None]], timeout: float = TIMEOUT
) -> None:
    async def main(rasa: RasaStandIn) -> None:
        clock = Seconds()
        bot = bot_with(rasa, clock, part, timeout)
        async with tiny_house(url, folder, Policy(), bot=bot) as tiny:
            with structlog.testing.capture_logs() as said:
                await story(Rig(tiny, rasa, clock, said))

    with rasa_stand_in(PACE) as rasa:
        asyncio.run(main(rasa))


@pytest.mark.parametrize("part", [READING, LEADING])
def test_a_slow_server_is_waited_for_holds_nobody_else_and_is_never_taken_for_away(
    sqlite_url: str, tmp_path: Path, part: str
) -> None:
    delays = ["20", "7", "4.9", "3", "0.1"]

    async def story(rig: Rig) -> None:
        for delay in delays:
            await rig.say(f"p{delay}", f"wait {delay}")
        await rig.say("last", "gate")
        word = "re" if part == READING else "rasa"
        for delay in reversed(delays):
            assert await rig.answers(f"p{delay}", 1) == [f"{word} wait {delay}"]
        # All the others had theirs while one was still waited for.
        assert rig.heard("last")[0].work == "waiting"
        rig.rasa.gate.set()
        assert await rig.answers("last", 1) == [f"{word} gate"]
        assert sorted(rig.rasa.texts(part)) == sorted(["gate", *(f"wait {delay}" for delay in delays)])
        assert (await rig.ready())["status"] == "ready"
        assert not [line for line in rig.said if str(line["event"]).startswith("engine.")]

    # With the time-out of every day: a machine may be busy, and none of this is about time-outs.
    play(sqlite_url, tmp_path, part, story, EVERYDAY)


@pytest.mark.parametrize("fault", ["error", "reset", "rubbish", "shape"])
@pytest.mark.parametrize("part", [READING, LEADING])
def test_while_it_is_broken_the_embedded_engine_answers_and_the_log_says_so_once(
    sqlite_url: str, tmp_path: Path, part: str, fault: str
) -> None:
    name = "understanding" if part == READING else "dialogue"

    async def story(rig: Rig) -> None:
        for number in range(FAILURES + 4):
            assert await rig.ask("anna", f"{fault} {number}") == f"re {fault} {number}"
        assert rig.rasa.texts(part) == [f"{fault} {number}" for number in range(FAILURES)]
        assert rig.events("engine.away") == [name]
        assert (await rig.ready())["status"] == "degraded"
        assert (await rig.ready())[name] == "embedded"
        _, told = await scrape(rig.tiny)
        assert told["parley_engine_up", name] == 0
        assert told["parley_engine_failures_total", name] == FAILURES
        assert told["parley_engine_spared_total", name] == 4
        assert {row.understanding["engine"] for row in rig.heard("anna") if row.understanding} == {"tiny"}
        rig.clock.now += FIRST_REST
        assert await rig.ask("anna", f"{fault} still") == f"re {fault} still"
        assert await rig.ask("anna", "hello") == "re hello"
        rig.clock.now += 2 * FIRST_REST
        assert await rig.ask("anna", "hello") == ("re hello" if part == READING else "rasa hello")
        assert rig.rasa.texts(part)[FAILURES:] == [f"{fault} still", "hello"]
        assert (rig.events("engine.away"), rig.events("engine.back")) == ([name], [name])
        assert (await rig.ready()) == {
            "status": "ready",
            "understanding": "ok" if part == READING else None,
            "dialogue": None if part == READING else "ok",
        }
        _, told = await scrape(rig.tiny)
        assert told["parley_engine_up", name] == 1

    play(sqlite_url, tmp_path, part, story)


@pytest.mark.parametrize("part", [READING, LEADING])
def test_who_waits_for_a_server_that_hangs_is_answered_at_the_time_out_and_the_next_at_once(
    sqlite_url: str, tmp_path: Path, part: str
) -> None:
    async def story(rig: Rig) -> None:
        began = time.monotonic()
        assert await rig.ask("anna", "hang on") == "re hang on"
        assert time.monotonic() - began >= TIMEOUT
        assert await rig.ask("ben", "hello") == "re hello"
        assert rig.rasa.texts(part) == ["hang on"]

    play(sqlite_url, tmp_path, part, story)


def test_a_server_that_hangs_is_waited_for_once_whatever_it_does(sqlite_url: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("anna", "hang on") == "re hang on"
        assert rig.rasa.asked == [(READING, {"text": "hang on"})]
        assert sorted(rig.events("engine.away")) == ["dialogue", "understanding"]
        rig.clock.now += FIRST_REST
        assert await rig.ask("anna", "hello") == "rasa hello"
        assert sorted(rig.events("engine.back")) == ["dialogue", "understanding"]
        assert (await rig.ready()) == {"status": "ready", "understanding": "ok", "dialogue": "ok"}

    play(sqlite_url, tmp_path, READING + LEADING, story)


def test_given_back_in_the_midst_of_a_turn_the_message_is_still_rasas_to_answer(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(rig: Rig) -> None:
        host = rig.tiny.house.console_host()
        await rig.ask("anna", "hello")
        where = rig.heard("anna")[0].conversation_id
        await asyncio.to_thread(floor.take_over, host, "staff:lin", where, "lin")
        ear = cast(Ear, rig.tiny.house.worker.bot.interpreter)
        ear.slow_for = "still there"
        await rig.say("anna", "still there?")
        await until_true(ear.asked.is_set)  # It was read while the agent had the floor.
        await asyncio.to_thread(floor.release, host, "staff:lin", where)
        ear.gate.set()
        assert await rig.answers("anna", 2) == ["rasa hello", "rasa still there?"]
        assert rig.rasa.texts() == ["hello", "still there?"]

    play(sqlite_url, tmp_path, LEADING, story)


def test_what_rasa_says_becomes_messages_and_what_was_understood_is_kept(
    sqlite_url: str, tmp_path: Path
) -> None:
    answer = [
        {"text": "Which tea?", "buttons": [{"title": "Green", "payload": '/tea{"kind":"green"}'}]},
        {"image": "https://shop.example/tea.png"},
        {"custom": {"who": "knows"}},
    ]

    async def story(rig: Rig) -> None:
        rig.rasa.says = lambda _body: answer
        await rig.say("anna", "tea please")
        await rig.answers("anna", 2)
        first, second = rig._rows("anna", "out")
        assert Content.from_json(first.content).buttons[0].payload == '/tea{"kind":"green"}'
        picture = Content("image", media=Media(url="https://shop.example/tea.png"))
        assert Content.from_json(second.content) == picture
        (heard,) = rig.heard("anna")
        assert heard.understanding
        assert heard.understanding["engine"] == "tiny"
        (step,) = heard.decision or []
        assert (step["by"], step["changes"]) == (
            "rasa",
            [{"what": "dropped", "name": "custom", "value": None}],
        )
        # The same sender as long as it is the same conversation, and who it is is told beside it.
        await rig.ask("anna", "and then?")
        bodies = [body for _, body in rig.rasa.asked]
        assert {body["sender"] for body in bodies} == {"pigeon:anna"}
        assert [body["metadata"]["message_id"] for body in bodies] == [
            str(row.id) for row in rig.heard("anna")
        ]

    play(sqlite_url, tmp_path, LEADING, story)


def test_only_a_button_names_an_intent_to_rasa(sqlite_url: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.ask("anna", '/tea{"kind": "green"}')
        await rig.ask("anna", "/ /tea")
        await rig.ask("anna", "Green", '/tea{"kind": "green"}')
        await rig.ask("anna", "Green", "plain words")
        assert rig.rasa.texts() == ['tea{"kind": "green"}', "tea", '/tea{"kind": "green"}', "plain words"]

    play(sqlite_url, tmp_path, LEADING, story)


def test_what_always_works_works_without_asking_rasa(sqlite_url: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.ask("anna", "STOP")
        assert await rig.ask("anna", "Stop", "/opt_out")
        assert await rig.ask("anna", "give me a person") == "a person is coming"
        await rig.say("anna", "are you there?")
        await until_true(lambda: rig._settled("anna"))
        assert rig.rasa.texts() == []
        stop, button, *_ = rig.heard("anna")
        assert [row.decision[0]["by"] for row in (stop, button) if row.decision] == ["house", "house"]

    play(sqlite_url, tmp_path, LEADING, story)


def test_rasa_may_name_actions_of_ours(sqlite_url: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        rig.rasa.says = lambda _body: [{"text": "One moment."}, {"custom": {"action": "action_handover"}}]
        assert await rig.ask("anna", "talk to somebody") == "One moment.|a person is coming"
        (heard,) = rig.heard("anna")
        with rig.tiny.house.database.reading() as session:
            assert get_conversation(session, heard.conversation_id).floor == "waiting"
        rig.rasa.says = lambda _body: [{"custom": {"action": "action_of_nobody"}}, {"text": "Hello"}]
        assert await rig.ask("ben", "hello") == "Hello"
        (heard,) = rig.heard("ben")
        assert [(step["action"], step["by"]) for step in heard.decision or []] == [
            (None, "rasa"),
            ("action_of_nobody", "unknown"),
        ]

    play(sqlite_url, tmp_path, LEADING, story)


def test_while_an_agent_has_the_floor_rasa_is_not_asked_and_goes_on_when_it_is_given_back(
    database_url: str, tmp_path: Path
) -> None:
    async def story(rig: Rig) -> None:
        host = rig.tiny.house.console_host()
        assert await rig.ask("anna", "hello") == "rasa hello"
        (first,) = rig.heard("anna")
        where = first.conversation_id
        await rig.say("anna", "wait 8")
        await until_true(lambda: "wait 8" in rig.rasa.texts())
        # In the midst of its thinking: what it says then is said to nobody.
        await asyncio.to_thread(floor.take_over, host, "staff:lin", where, "lin")
        await until_true(lambda: rig._settled("anna"))
        await rig.say("anna", "this is for Lin")
        await until_true(lambda: rig._settled("anna"))
        assert await rig.answers("anna", 1) == ["rasa hello"]
        await asyncio.to_thread(floor.release, host, "staff:lin", where)
        assert await rig.ask("anna", "back again") == "rasa back again"
        assert rig.rasa.texts() == ["hello", "wait 8", "back again"]
        assert {body["sender"] for _, body in rig.rasa.asked} == {"pigeon:anna"}

    play(database_url, tmp_path, LEADING, story)


def test_what_is_said_at_once_is_answered_in_its_order_one_by_one(sqlite_url: str, tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for number in range(6):
            await rig.say("anna", f"wait {0.5 if number % 2 else 0.1}")
        texts = [f"wait {0.5 if number % 2 else 0.1}" for number in range(6)]
        assert await rig.answers("anna", 6) == [f"rasa {text}" for text in texts]
        assert rig.rasa.texts() == texts

    play(sqlite_url, tmp_path, LEADING, story)


def test_a_turn_that_fails_is_tried_again_without_telling_rasa_twice(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(rig: Rig) -> None:
        rig.rasa.says = lambda _body: [{"custom": {"action": "action_repeat"}}]
        await rig.say("anna", "fail")
        await until_true(lambda: rig.heard("anna")[0].attempts == 2)
        assert rig.rasa.texts() == ["fail"]

    play(sqlite_url, tmp_path, LEADING, story)


def test_a_platforms_event_is_told_only_where_the_project_has_a_word_for_it(
    sqlite_url: str, tmp_path: Path
) -> None:
    async def story(rig: Rig) -> None:
        where = Content("location", data={"latitude": 30.2, "longitude": 120.1})
        await rig.say("anna", "", content=where)
        assert await rig.answers("anna", 1) == ["re "]
        cast(Any, rig.tiny.house.worker.bot.project).intents = {"platform_location"}
        await rig.say("ben", "", content=where)
        assert await rig.answers("ben", 1) == ["rasa /platform_location"]
        ((_, body),) = rig.rasa.asked
        assert body["metadata"]["content"]["data"]["latitude"] == 30.2

    play(sqlite_url, tmp_path, LEADING, story)
