"""One bot: its project, the engine that understands, the dialogue that decides, the actions that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import structlog

from actions.base import Action
from crm_store.messages import Content, Understanding
from nlu.action_server import ActionServer
from nlu.base import Dialogue, Interpreter
from nlu.bound_slots import Bound
from nlu.faq import Entry
from nlu.payload import read_payload
from nlu.project import Project
from nlu.rasa_server import EngineUnavailable
from parley.keywords import read_keyword

LONGEST_READ = 2000  # characters of one message that are understood; all of it is kept
LANGUAGES = ("zh", "en")  # in which the responses of a project are written

log = structlog.get_logger()


class Said(Protocol):
    """What a customer has said, recorded or not."""

    @property
    def text(self) -> str:
        """Words, a caption, recognised speech or a title."""

    @property
    def payload(self) -> str:
        """Of a pressed button."""

    @property
    def said(self) -> Content:
        """All of it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a customer has said, and nothing else."""

    text: str
    payload: str
    said: Content


@dataclass(frozen=True, slots=True)
class Bot:
    """All that answers, handed around as one."""

    project: Project
    interpreter: Interpreter
    dialogue: Dialogue
    actions: Mapping[str, Action]
    always: frozenset[str]  # actions that are done whoever has the floor
    fallback: Interpreter  # the embedded engine: answers while a remote one does not
    language: str = "zh"  # the company's own
    settings: Mapping[str, Any] = field(default_factory=dict)  # for actions: timezone, opening_hours
    house: Project = field(default_factory=Project)  # words for what a project does not say itself
    own_entries: Sequence[Entry] = ()  # the project's FAQ entries, until they stand in their rows
    training_id: UUID | None = None  # of the model, if people's entries were taught
    server: ActionServer | None = None  # runs the project's own actions, if it has any
    elsewhere: frozenset[str] = frozenset()  # the actions that it runs
    bound: Mapping[str, Bound] = field(default_factory=dict)  # slots that are the customer's record

    def understand(self, messages: Sequence[Said]) -> list[Understanding]:
        """What each message means: its payload, its words, or what kind of thing it is."""
        heard: dict[int, Understanding] = {}
        texts: dict[int, str] = {}
        for place, message in enumerate(messages):
            told = self._without_reading(message)
            if told is None:
                texts[place] = _words(message)[:LONGEST_READ]
            else:
                heard[place] = told
        if texts:
            heard |= dict(zip(texts, self._read(list(texts.values())), strict=True))
        return [heard[place] for place in range(len(messages))]

    def heard_nothing(self, message: Said) -> Understanding:
        """What stands in for an understanding that failed."""
        return Understanding(text=_words(message)[:LONGEST_READ])

    def say(self, name: str, slots: Mapping[str, Any], channel: str) -> list[Content]:
        """A response of the domain, else of the house."""
        return self.project.respond(name, slots, channel) or self.house.respond(name, slots, channel)

    def language_of(self, heard: Understanding, before: str | None) -> str:
        """In which language to answer: the message's; else as before; else the company's."""
        if heard.language in LANGUAGES:
            return heard.language
        if heard.language:
            return "en"  # Somebody who writes Korean or French rather reads English than Chinese.
        return before or self.language

    def _read(self, texts: list[str]) -> list[Understanding]:
        try:
            return self.interpreter.understand(texts)
        except EngineUnavailable as error:
            log.warning("engine.unavailable", why=str(error), answering="embedded")
            return self.fallback.understand(texts)

    def _without_reading(self, message: Said) -> Understanding | None:
        keyword = read_keyword(_words(message), message.payload)
        if keyword is not None:
            return keyword
        if message.payload:
            told = read_payload(message.payload, self.project.intents, self.project.entity_types)
            if told is not None:
                return told
        if message.payload or _words(message):
            return None
        said = message.said
        kind = str(said.data.get("name", "event")) if said.kind == "event" else said.kind
        return Understanding(text="", intent=_platform_intent(kind), confidence=1.0, engine="platform")


def _words(message: Said) -> str:
    if message.payload and not message.payload.startswith("/"):
        return message.payload
    said = message.said
    if said.kind == "contact":
        return str(said.data.get("phone_number", ""))
    # The text of an event is its label, not something that the customer said.
    return "" if said.kind == "event" and said.data.get("name") != "menu" else message.text


def _platform_intent(kind: str) -> str:
    # Who scans our code and follows already has come in once more.
    known = {
        "follow": "follow",
        "scan": "follow",
        "image": "image",
        "voice": "voice",
        "location": "location",
    }
    files = {"file": "file", "video": "file", "link": "file"}
    return "platform_" + (known | files).get(kind, "unknown")
