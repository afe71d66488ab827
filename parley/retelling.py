"""From a stored conversation to a test story that was run at once on the bot that serves now."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crm_store.history import Message
from crm_store.messages import Answer, Entity, Understanding
from crm_store.stand_ins import StandIns
from nlu.dialogue import RuleDialogue
from nlu.retelling import Remark, Turn, retell
from nlu.story_tests import run_test_stories
from nlu.system_entities import find_system_entities
from parley.bot import LONGEST_READ, Bot

STOOD_STILL = frozenset({"floor", "error", None})  # the dialogue did not move


def retold(
    bot: Bot,
    messages: Sequence[Message],
    span: tuple[int, int],
    name: str,
    known: Iterable[tuple[str, str]] | None,
) -> dict[str, Any]:
    """`{"yaml", "turns", "left_out", "passes", "failures": [{"turn", "expected", "actual", "of"}]}`.

    `messages`: from before the story on, oldest first. `span`: the first and last `seq` that it tells.
    `known`: what is to be replaced by stand-ins, as `StandIns.learn` takes it; None: everything is kept.
    `of` is "dialogue" where rules and stories go otherwise, "understanding" where only a text is heard
    otherwise.
    """
    assert isinstance(bot.dialogue, RuleDialogue)
    stand_ins = _learnt(messages, known) if known is not None else _Keeping()
    found = retell(name, list(_happened(messages, span)), bot.dialogue, stand_ins)
    failures = _run(bot, found.yaml) if found.turns else []
    return {
        "yaml": found.yaml,
        "turns": found.turns,
        "left_out": found.left_out,
        "passes": bool(found.turns) and not failures,
        "failures": failures,
    }


class _Keeping(StandIns):
    """Replaces nothing."""

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """None."""
        return []


def _learnt(messages: Sequence[Message], known: Iterable[tuple[str, str]]) -> StandIns:
    stand_ins = StandIns()
    for kind, said in known:
        stand_ins.learn(kind, said)
    for message in messages:
        for entity in find_system_entities(message.text[:LONGEST_READ]):
            stand_ins.learn(entity.entity, message.text[entity.start : entity.end])
        heard = message.understanding or {}
        for one in (*heard.get("entities", ()), *heard.get("system_entities", ())):
            stand_ins.learn(one["entity"], str(heard.get("text", ""))[one["start"] : one["end"]])
            if isinstance(one.get("value"), str) and one["entity"] != "address":
                stand_ins.learn(one["entity"], one["value"])
    return stand_ins


def _happened(messages: Sequence[Message], span: tuple[int, int]) -> Iterator[Turn | Remark]:
    for message in messages:
        seq = message.seq or 0
        if seq > span[1]:
            return
        shown = seq >= span[0]
        steps = message.decision or []
        if message.direction == "out":
            if message.sender in ("agent", "campaign") and message.text:
                yield Remark(f"{message.sender}: {message.text}", shown)
        elif message.understanding is None or any(step.get("by") in STOOD_STILL for step in steps):
            if message.text:
                yield Remark(f"{message.sender}: {message.text}", shown)
        else:
            yield Turn(message.created_at, understood(message.understanding), steps, shown)


def understood(stored: Mapping[str, Any]) -> Understanding:
    """What `Understanding.to_json` wrote, as far as it was kept."""
    intent = stored.get("intent", {})
    return Understanding(
        text=str(stored.get("text", "")),
        intent=intent.get("name"),
        confidence=float(intent.get("confidence", 0.0)),
        ranking=tuple((one["name"], one["confidence"]) for one in stored.get("intent_ranking", ())),
        entities=tuple(Entity(**one) for one in stored.get("entities", ())),
        system_entities=tuple(Entity(**one) for one in stored.get("system_entities", ())),
        answers=tuple(Answer(**one) for one in stored.get("answers", ())),
        language=str(stored.get("language", "")),
        engine=str(stored.get("engine", "")),
        more=tuple(Answer(entry, 1.0) for entry in stored.get("more", ())),
    )


def _run(bot: Bot, yaml: str) -> list[dict[str, Any]]:
    """The first difference of each way to run it: by its intents, and with its texts understood."""
    assert isinstance(bot.dialogue, RuleDialogue)
    # One text after another is no work for a server that is asked over the network.
    interpreter = bot.fallback if bot.interpreter.remote else bot.interpreter
    policies = bot.dialogue.policies
    with tempfile.TemporaryDirectory(prefix="parley-story-") as folder:
        path = Path(folder) / "test_story.yml"
        path.write_text(yaml, encoding="utf-8")
        by_intents = run_test_stories(bot.project, [path], policies=policies)["failures"]
        by_texts = run_test_stories(bot.project, [path], interpreter, policies)["failures"]
    if by_intents:
        return [{**failure, "of": "dialogue"} for failure in by_intents]
    return [{**failure, "of": "understanding"} for failure in by_texts]
