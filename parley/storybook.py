"""The bot's rules and stories as the console draws them: woven once for each bot that serves, then kept."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from types import CodeType
from typing import Any

from nlu.project import Project
from nlu.responses import Variation
from nlu.rule_checks import Checked
from nlu.story_findings import findings
from nlu.story_graph import weave
from parley import turns
from parley.bot import Bot

LANGUAGE = "language"
MOST_EXAMPLES = 3
RESPONSE = "utter_"


class Storybook:
    """Called, it tells all that is to be drawn of the bot that serves now. Any thread may call it.

    `{"nodes", "edges", "stories"}` of `nlu.story_graph`; `"findings"` of `nlu.story_findings`; `"about"`:
    by name the texts of a response, the examples of an intent, the slots of a form.
    """

    def __init__(self, bot: Callable[[], Bot]) -> None:
        self._bot = bot
        self._lock = Lock()
        self._project: Project | None = None
        self._book: Mapping[str, Any] = {}

    def __call__(self) -> Mapping[str, Any]:
        """The book of this very moment."""
        bot = self._bot()
        with self._lock:  # Who asks meanwhile waits, instead of weaving the same.
            if self._project is not bot.project:
                self._book = book_of(bot)
                self._project = bot.project
            return self._book


def book_of(bot: Bot) -> dict[str, Any]:
    """All that is to be drawn of a bot."""
    project = bot.project
    said = {*bot.house.domain.responses, *_said_by(bot)}
    # A bot whose rules are to be checked serves only if they hold.
    checked = Checked() if project.thresholds.check_for_contradictions else None
    found = findings(project, {*bot.actions, *bot.elsewhere}, said, checked)
    return {
        **weave(project.domain, project.rules, project.stories).to_json(),
        "findings": [finding.to_json() for finding in found],
        "about": {**_intents(project), **_responses(project), **_responses(bot.house), **_forms(project)},
    }


def _intents(project: Project) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, count in project.nlu.counts.items():
        base, _, entry = name.partition("/")
        told = found.setdefault(base, {"examples": 0, "entries": 0, "some": []})
        told["examples"] += count
        told["entries"] += bool(entry)
    for example in project.nlu.examples:
        some = found.setdefault(example.base, {"examples": 0, "entries": 0, "some": []})["some"]
        if len(some) < MOST_EXAMPLES:
            some.append(example.text)
    return found


def _responses(project: Project) -> dict[str, dict[str, Any]]:
    return {
        name: {"texts": [_wording(way) for way in ways]}
        for name, ways in project.domain.responses.items()
        if "/" not in name
    }


def _wording(way: Variation) -> dict[str, Any]:
    others = [f"{slot} = {value}" for slot, value in way.conditions if slot != LANGUAGE]
    language = next((str(value) for slot, value in way.conditions if slot == LANGUAGE), "")
    return {
        "text": way.text,
        "language": language,
        "channel": way.channel,
        "only": ", ".join(others),
        "buttons": [button.title for button in way.buttons],
    }


def _forms(project: Project) -> dict[str, dict[str, Any]]:
    return {name: {"slots": list(form.required_slots)} for name, form in project.domain.forms.items()}


def _said_by(bot: Bot) -> set[str]:
    """The responses that the code of actions names."""
    modules = {turns.__name__, *(action.__module__ for action in bot.actions.values())}
    return {name for module in modules for name in _named_in(module)}


def _named_in(module: str) -> Iterator[str]:
    for value in vars(sys.modules[module]).values():
        code = getattr(value, "__code__", None)
        if code is not None and getattr(value, "__module__", "") == module:
            yield from _texts(code)
        elif isinstance(value, str) and value.startswith(RESPONSE):
            yield value


def _texts(code: CodeType) -> Iterator[str]:
    for value in _flat(code.co_consts):
        if isinstance(value, CodeType):
            yield from _texts(value)
        elif isinstance(value, str) and value.startswith(RESPONSE):
            yield value


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, tuple | frozenset):
            yield from _flat(value)
        else:
            yield value
