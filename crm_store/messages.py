"""The words all folders share: addresses, what comes in, what goes out, what was understood.

No I/O here and no tables: plain frozen values, so that a channel, a classifier and an action can be
tested without a database.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, NamedTuple, Self

FLOORS = ("bot", "waiting", "agent", "closed")
Floor = Literal["bot", "waiting", "agent", "closed"]
Status = Literal[
    "received", "queued", "sending", "accepted", "delivered", "read", "failed", "skipped", "unknown"
]
Sender = Literal["customer", "bot", "agent", "campaign"]
Kind = Literal["text", "image", "voice", "video", "file", "location", "link", "contact", "event", "unknown"]
KINDS: tuple[Kind, ...] = (
    "text", "image", "voice", "video", "file", "location", "link", "contact", "event", "unknown",
)  # fmt: skip

# PostgreSQL refuses NUL in texts, UTF-8 has no lone surrogates: both reach us from hostile clients.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without NUL and lone surrogates, which no database of ours can store."""
    if text.isascii() and "\0" not in text:
        return text  # Nearly all that is written: ids, names of columns' values, English.
    return _UNSTORABLE.sub("", text)


def clean_json(value: Any) -> Any:
    """The same JSON value with every text in it (keys too) cleaned as by `clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_json(item) for item in value]
    return value


class ParleyError(Exception):
    """Something Parley was asked to do did not hold."""

    def __str__(self) -> str:
        return super().__str__() or (self.__doc__ or "").strip()


class NotFound(ParleyError):
    """There is no such thing."""


class Refused(ParleyError):
    """What was asked for is not allowed in the present state."""


class _Place(NamedTuple):
    channel: str
    external_id: str


class Address(_Place):
    """Where a person can be reached: one account (`external_id`) on one channel.

    A tuple, since everything is looked up by it: an object of its own takes ten times as long to compare.
    """

    __slots__ = ()

    def __new__(cls, channel: str, external_id: str) -> Self:
        """As every text it is clean: what is looked up later must be what was stored."""
        return super().__new__(cls, channel, clean(external_id))

    def __str__(self) -> str:
        return f"{self.channel}:{self.external_id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """`shop-telegram:12345` as an address; ValueError without a colon."""
        channel, colon, external_id = text.partition(":")
        if not (channel and colon and external_id):
            raise ValueError(f"expected CHANNEL:ID as in shop-telegram:12345, got {text!r}")
        return cls(channel, external_id)


@dataclass(frozen=True, slots=True)
class Button:
    """A choice to tap. The payload comes back as `Incoming.payload`: plain text or `/intent{…}`."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, voice, video or file: by address (`url`), by the platform's own id, or both."""

    url: str = ""
    platform_id: str = ""
    content_type: str = ""
    name: str = ""
    size: int = 0  # bytes; 0: unknown


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, in either direction. A channel draws it as well as it can; text is the fallback.

    `text` holds the words, a caption, recognised speech or a title. `data` holds the fields of a kind:
    location: latitude, longitude (degrees), label; link: url, title, description;
    contact: phone_number, name; event: name and what belongs to it; unknown: raw (what came in).
    """

    kind: Kind = "text"
    text: str = ""
    buttons: tuple[Button, ...] = ()
    media: Media | None = None
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The content as a JSON object without its empty parts; `from_json` reads it back."""
        value: dict[str, Any] = {"kind": self.kind}
        if self.text:
            value["text"] = clean(self.text)
        if self.buttons:
            value["buttons"] = [
                {"title": clean(b.title), "payload": clean(b.payload)} for b in self.buttons
            ]
        if self.media:
            media = {name: getattr(self.media, name) for name in Media.__dataclass_fields__}
            value["media"] = {name: clean_json(item) for name, item in media.items() if item}
        if self.data:
            value["data"] = clean_json(self.data)
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The content that `to_json` wrote."""
        media = value.get("media")
        return cls(
            kind=value.get("kind", "text"),
            text=value.get("text", ""),
            buttons=tuple(Button(b["title"], b["payload"]) for b in value.get("buttons", ())),
            media=Media(**media) if media else None,
            data=value.get("data", {}),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """How long, and how many times, a channel may write freely after one kind of trigger.

    Each new trigger sets its own bucket again; buckets do not add up (CHANNELS: WeChat 1.5).
    """

    trigger: str  # "message", "menu", "follow", "scan"
    lasts: timedelta
    count: int | None = None  # None: any number of messages while it lasts


@dataclass(frozen=True, slots=True)
class Proof:
    """Something the wire itself proves of a person, good enough to recognise them elsewhere."""

    kind: str  # "phone", "unionid", "email"
    value: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a platform reports later of a message that we sent."""

    platform_id: str
    status: Status
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message or event as its channel read it from the wire; verified, nothing decided yet."""

    address: Address
    key: str  # the platform's own key of this message: a second one with the same key is a repeat
    content: Content
    payload: str = ""  # of a pressed button; the only place where `/intent{…}` is honoured
    wants_reply: bool = True  # False for receipts, edits, "has left" and the like
    sent_at: datetime | None = None  # the platform's time
    profile: Mapping[str, str] = field(default_factory=dict)  # display_name, language, username
    proofs: tuple[Proof, ...] = ()
    opens: Window | None = None  # the send window that this message opens
    reachable: bool | None = None  # False: the person has left; True: has come (back)
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one send. `reason` is words for people, `code` the platform's own."""

    status: Status  # "accepted", "failed", "skipped", "unknown"; "queued": try again at `retry_after`
    platform_id: str = ""
    reason: str = ""
    code: str = ""
    retry_after: float | None = None  # seconds
    gone: bool = False  # the person has blocked us or left: the address is unreachable
    took: int | None = None  # messages that its window has less now; None: one if it may have arrived


@dataclass(frozen=True, slots=True)
class Policy:
    """Facts of a channel that send rules, previews and the console need. Declared by the channel."""

    draws: frozenset[str] = frozenset({"text"})  # content kinds shown natively, and "buttons"
    max_buttons: int = 0
    text_limit: int = 0  # 0: none; longer texts are split by the channel
    inline_within: float = 0.0  # seconds a webhook may wait for its own answer; 0: never
    push: bool = True  # False: may only answer inline (a passive-only account)
    gives_up_after: float = 0.0  # seconds that the platform waits for the answer of a webhook
    tries: int = 1  # how often in all it hands a message in to which it gets no answer
    needs_window: bool = False  # True: writes only inside an open Window
    per_second: float = 0.0  # messages a second in all; 0: no limit

    def to_json(self) -> dict[str, Any]:
        """The policy as a JSON object."""
        value = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return value | {"draws": sorted(self.draws)}


@dataclass(frozen=True, slots=True)
class Entity:
    """A piece of a text that means something: `text[start:end]` is a `entity` with a `value`."""

    entity: str
    value: Any
    start: int
    end: int
    role: str | None = None
    group: str | None = None
    extractor: str = ""

    def to_json(self) -> dict[str, Any]:
        """The entity in Rasa's shape, without role and group where there are none."""
        value = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: item for name, item in value.items() if item is not None and item != ""}


@dataclass(frozen=True, slots=True)
class Moment:
    """What a text says of a time, in the customer's zone: all of it (`at`), or only the day.

    `places` is where in the text it is said.
    """

    at: datetime | None
    day: date | None
    clock: time | None
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """One FAQ entry that may answer a text. `exact`: the text is one of the entry's phrasings."""

    entry: str  # "faq/opening_hours"
    score: float  # 0 to 1
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Understanding:
    """What an engine made of one text. Shown as it is in explanations."""

    text: str
    intent: str | None = None
    confidence: float = 0.0
    ranking: tuple[tuple[str, float], ...] = ()  # best first, at most ten
    entities: tuple[Entity, ...] = ()  # types that the project annotates or declares
    system_entities: tuple[Entity, ...] = ()  # phone, email, number, date …
    answers: tuple[Answer, ...] = ()  # FAQ entries, best first, at most five
    language: str = ""  # "zh", "en", "ko", …; empty: cannot be told
    engine: str = ""  # "embedded", "rasa", "payload", …
    sentiment: float = 0.0  # from -1 (displeased) to 1 (pleased); 0: nothing tells
    urgent: bool = False
    flags: tuple[str, ...] = ()  # "abuse", "spam"
    more: tuple[Answer, ...] = ()  # FAQ entries that answer further questions of the same text

    def to_json(self, likeliest: int | None = None, least: float = 0.0) -> dict[str, Any]:
        """A JSON object: Rasa's parse result with what Parley adds to it.

        `likeliest`: of intents and answers only so many. `least`: and only those with such a score. The
        tone only where there is one.
        """
        ranking = [one for one in self.ranking[:likeliest] if one[1] >= least]
        answers = [one for one in self.answers[:likeliest] if one.score >= least]
        tone = {"sentiment": self.sentiment, "urgent": self.urgent, "flags": list(self.flags)}
        return {
            "text": clean(self.text),
            "intent": {"name": self.intent, "confidence": round(self.confidence, 4)},
            "entities": [clean_json(e.to_json()) for e in self.entities],
            "intent_ranking": [{"name": name, "confidence": round(score, 4)} for name, score in ranking],
            "system_entities": [clean_json(e.to_json()) for e in self.system_entities],
            "answers": [{"entry": a.entry, "score": round(a.score, 4), "exact": a.exact} for a in answers],
            "language": self.language,
            "engine": self.engine,
            **{name: value for name, value in tone.items() if value},
            **({"more": [answer.entry for answer in self.more]} if self.more else {}),
        }
