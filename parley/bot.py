"""One bot: its project, the engine that understands, the dialogue that decides, the actions that do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from actions.base import SURE, Action
from crm_store.messages import Address, Content, Understanding
from nlu.action_server import ActionServer
from nlu.base import Dialogue, Interpreter, State
from nlu.bound_slots import Bound
from nlu.dialogue import HAND_OVER
from nlu.faq import Entry
from nlu.payload import read_payload, typed
from nlu.project import Project
from nlu.rasa_dialogue import RasaDialogue, Reply
from nlu.rasa_server import RasaServer
from parley import keywords
from parley.engines import Engine
from parley.keywords import read_keyword

LONGEST_READ = 2000  # characters of one message that are understood; all of it is kept
LANGUAGES = ("zh", "en")  # in which the responses of a project are written

_ALWAYS = frozenset({HAND_OVER, *keywords.ACTIONS.values()})  # done here, whoever leads the dialogue


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


class Asked(Said, Protocol):
    """A message that was recorded, as much of it as a remote dialogue is told."""

    @property
    def id(self) -> UUID:
        """Of the message."""

    @property
    def conversation_id(self) -> UUID:
        """In which it was said."""

    @property
    def address(self) -> Address:
        """Of whoever said it."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Who leads dialogues in place of ours, while it answers."""

    rasa: RasaDialogue
    engine: Engine = field(default_factory=lambda: Engine("dialogue"))


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
    reading: Engine = field(default_factory=lambda: Engine("understanding"))  # a remote interpreter's
    leader: Leader | None = None  # None: `dialogue` leads

    def __post_init__(self) -> None:
        if self.leader is not None:  # There is one address for both.
            self.reading.beside, self.leader.engine.beside = self.leader.engine, self.reading

    @property
    def remote(self) -> bool:
        """True: asked per conversation, outside of any transaction; it may be slow."""
        return self.leader is not None or self.interpreter.remote

    @property
    def engines(self) -> list[Engine]:
        """The remote engines in use."""
        leading = [self.leader.engine] if self.leader else []
        return [self.reading, *leading] if self.interpreter.remote else leading

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
            heard |= dict(zip(texts, self.read(list(texts.values())), strict=True))
        return [heard[place] for place in range(len(messages))]

    def read(self, texts: Sequence[str]) -> list[Understanding]:
        """What texts mean; to the embedded engine while a remote one is away."""
        if not self.interpreter.remote:
            return self.interpreter.understand(texts)
        found = self.reading.ask(lambda: self.interpreter.understand(texts))
        return self.fallback.understand(texts) if found is None else found

    def lead(self, message: Asked, heard: Understanding) -> Reply | None:
        """What a remote dialogue says to a message; None: it is ours to answer.

        Never inside a transaction: it may take half a minute. `Reply.away`: ours to answer, this once.
        """
        words = self._words_for_leader(message, heard) if self.leader else None
        if self.leader is None or words is None:
            return None
        rasa = self.leader.rasa
        metadata = {
            "message_id": str(message.id),  # the same if it is said again: Rasa itself knows no repeats
            "conversation_id": str(message.conversation_id),
            "language": heard.language,
            **({} if message.said.kind == "text" else {"content": message.said.to_json()}),
        }
        address = message.address
        found = self.leader.engine.ask(lambda: rasa.say(str(address), words, address.channel, metadata))
        return Reply(away=True) if found is None else found

    def close(self) -> None:
        """Let go of what a remote interpreter keeps open."""
        if isinstance(self.interpreter, RasaServer):
            self.interpreter.close()

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

    def _words_for_leader(self, message: Said, heard: Understanding) -> str | None:
        """What a remote dialogue is told; None: nothing.

        A payload only of a button that was pressed. What someone typed is words, whatever it looks like.
        """
        if heard.engine == keywords.ENGINE or self._must_be_done(heard):
            return None
        if message.payload.startswith("/"):
            return message.payload
        if heard.engine == "platform":
            # An event of the platform is told by the intent that the project has for it.
            return f"/{heard.intent}" if heard.intent in self.project.intents else None
        words = _words(message)[:LONGEST_READ]
        return typed(words) if words.strip() else None

    def _must_be_done(self, heard: Understanding) -> bool:
        """Whether someone surely asks for what always works: a person, to be left in peace, their data."""
        if heard.confidence < SURE:
            return False
        decision = self.dialogue.decide(self.dialogue.hear(State(), heard), heard)
        return decision.action in _ALWAYS | self.always

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
