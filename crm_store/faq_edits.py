"""How FAQ entries change: made, edited, deleted, taken over from the project and given back to it.

Every change locks `Knowledge`, gives it a new version and is audited. A change of phrasings asks for a
training; a change of answers is heard of by every process at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert
from sqlmodel import Session, col

from crm_store import audit, trainings
from crm_store.db import new_id
from crm_store.faq import FaqAnswer, FaqEntry, FaqPhrasing, Whole, Wording, find_entry, get_entry, get_whole
from crm_store.language import guess_language
from crm_store.messages import ParleyError, Refused, clean
from crm_store.trainings import Knowledge, get_knowledge
from crm_store.wording import key

BASE = "faq/"
LONGEST_PHRASING = 200  # characters
LONGEST_ANSWER = 4000
LONGEST_TITLE = 60
MOST_PHRASINGS = 500
_NAME = re.compile(r"faq/[\w.-]{1,80}")
_DATES = ("valid_from", "valid_until")
_NOT_IN_NAMES = re.compile(r"[^\w]+")

NO_PHRASING = "an entry needs at least one phrasing"
NO_ANSWER = "an entry needs at least one answer"
LONG_PHRASING = f"a phrasing has at most {LONGEST_PHRASING} characters"
LONG_ANSWER = f"an answer has at most {LONGEST_ANSWER} characters"
LONG_TITLE = f"a title has at most {LONGEST_TITLE} characters"
MANY_PHRASINGS = f"an entry has at most {MOST_PHRASINGS} phrasings"
BAD_NAME = "a name is faq/ and letters, digits, dots, - and _, at most 80"
NAME_TAKEN = "another entry has this name already"
BAD_DATES = "an entry must begin to be valid before it ends"
TWO_ANSWERS = "there are two answers for the same language and channel"
BAD_IMAGE = "a picture needs an address that begins with https:// or /media/"
NOT_OURS = "the entry comes from the bot's project: take it over before you change it"
REASONS = (NO_PHRASING, NO_ANSWER, LONG_PHRASING, LONG_ANSWER, LONG_TITLE, MANY_PHRASINGS, BAD_NAME,
           NAME_TAKEN, BAD_DATES, TWO_ANSWERS, BAD_IMAGE, NOT_OURS)  # fmt: skip


class BadEntry(ParleyError):
    """The entry cannot be kept as it is."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class Stale(Refused):
    """Somebody else has changed the entry in the meantime."""

    def __init__(self, entry: FaqEntry) -> None:
        super().__init__(f"{entry.updated_by} has changed the entry in the meantime")
        self.entry = entry


class NotOurs(Refused):
    """An entry of the bot's project is only read."""

    def __init__(self) -> None:
        super().__init__(NOT_OURS)


@dataclass(frozen=True, slots=True)
class Draft:
    """What an entry is to say."""

    phrasings: tuple[str, ...] = ()
    answers: tuple[Wording, ...] = ()
    titles: Mapping[str, str] = field(default_factory=dict)  # by language
    active: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    name: str = ""  # empty: made from the title

    @classmethod
    def of(cls, whole: Whole) -> Draft:
        """What an entry says."""
        entry = whole.entry
        return cls(
            phrasings=tuple(phrasing.text for phrasing in whole.phrasings),
            answers=tuple(Wording(a.text, a.language, a.channel, a.more) for a in whole.answers),
            titles=entry.titles,
            active=entry.active,
            valid_from=entry.valid_from,
            valid_until=entry.valid_until,
            name=entry.name,
        )

    def tidy(self) -> Draft:
        """The same without blanks around texts, empty ones and phrasings that come twice."""
        said = [text for phrasing in self.phrasings if (text := clean(phrasing).strip())]
        phrasings = {key(text): text for text in reversed(said)}
        answers = [replace(a, text=clean(a.text).strip()) for a in self.answers]
        titles = {language: clean(title).strip() for language, title in self.titles.items()}
        return replace(
            self,
            phrasings=tuple(reversed(phrasings.values())),
            answers=tuple(a for a in answers if a.text or a.more),
            titles={language: title for language, title in sorted(titles.items()) if title},
            name=self.name.strip(),
        )

    def faults(self) -> list[str]:
        """What is wrong with it, in words."""
        places = [(a.language, a.channel, json.dumps(a.more.get("conditions", ()))) for a in self.answers]
        images = [str(a.more.get("image", "")) for a in self.answers]
        wrong = {
            NO_PHRASING: not self.phrasings,
            NO_ANSWER: not self.answers,
            LONG_PHRASING: any(len(text) > LONGEST_PHRASING for text in self.phrasings),
            LONG_ANSWER: any(len(answer.text) > LONGEST_ANSWER for answer in self.answers),
            LONG_TITLE: any(len(title) > LONGEST_TITLE for title in self.titles.values()),
            MANY_PHRASINGS: len(self.phrasings) > MOST_PHRASINGS,
            BAD_NAME: bool(self.name) and not _NAME.fullmatch(self.name),
            BAD_DATES: bool(self.valid_from and self.valid_until and self.valid_from >= self.valid_until),
            TWO_ANSWERS: len(set(places)) < len(places),
            BAD_IMAGE: not all(i.startswith(("https://", "http://", "/media/")) for i in images if i),
        }
        return [said for said, is_so in wrong.items() if is_so]

    def to_json(self) -> dict[str, Any]:
        """The draft as a JSON object; `from_json` reads it back."""
        return {
            "phrasings": list(self.phrasings),
            "answers": [[a.text, a.language, a.channel, dict(a.more)] for a in self.answers],
            "titles": dict(self.titles),
            "active": self.active,
            "valid_from": self.valid_from and self.valid_from.isoformat(),
            "valid_until": self.valid_until and self.valid_until.isoformat(),
            "name": self.name,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Draft:
        """The draft that `to_json` wrote."""
        dates = {name: value[name] and datetime.fromisoformat(value[name]) for name in _DATES}
        answers = tuple(Wording(*answer) for answer in value["answers"])
        return cls(**{**value, **dates, "answers": answers, "phrasings": tuple(value["phrasings"])})

    def digest(self) -> str:
        """Equal for drafts that say the same."""
        dates = [moment and moment.isoformat() for moment in (self.valid_from, self.valid_until)]
        answers = sorted(
            [a.language, a.channel, a.text, json.dumps(a.more, sort_keys=True)] for a in self.answers
        )
        said = [sorted(self.phrasings), answers, sorted(self.titles.items()), self.active, dates]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def create(session: Session, draft: Draft, actor: str, now: datetime) -> FaqEntry:
    """Make an entry. `BadEntry` says what is wrong with the draft."""
    draft = _checked(draft)
    knowledge = change(session)
    name = draft.name or _free_name(session, draft)
    if find_entry(session, name):
        raise BadEntry([NAME_TAKEN])
    entry = FaqEntry(name=name, origin="console", created_at=now, updated_at=now, updated_by=actor)
    _write(session, entry, draft, knowledge.version)
    if entry.active:
        learn(session, entry, knowledge, actor, now)
    _note(session, "faq.created", entry, actor, now)
    return entry


def edit(
    session: Session, entry_id: UUID, draft: Draft, version: int | None, actor: str, now: datetime
) -> FaqEntry:
    """Have an entry say what the draft says. `Stale` unless `version` (None: any) is the one it has."""
    draft = _checked(draft)
    knowledge = change(session)
    entry = get_entry(session, entry_id, lock=True)
    if entry.origin == "project":
        raise NotOurs
    if version is not None and version != entry.version:
        raise Stale(entry)
    before = Draft.of(get_whole(session, entry_id))
    draft = replace(draft, name=entry.name)
    if draft.digest() == before.digest():
        return entry
    entry.version += 1
    entry.updated_at, entry.updated_by = now, actor
    _clear(session, entry.id)
    _write(session, entry, draft, knowledge.version)
    if _teaches(before) != _teaches(draft):
        learn(session, entry, knowledge, actor, now)
    _note(session, "faq.edited", entry, actor, now, _changes(before, draft))
    return entry


def remove(session: Session, entry_id: UUID, version: int | None, actor: str, now: datetime) -> None:
    """Delete an entry; one that was taken over is the project's again. `Stale` as in `edit`."""
    knowledge = change(session)
    entry = get_entry(session, entry_id, lock=True)
    if entry.origin == "project":
        raise NotOurs
    if version is not None and version != entry.version:
        raise Stale(entry)
    _clear(session, entry.id)
    session.delete(entry)
    knowledge.project = ""  # The project's entry of this name, if there is one, is read in again.
    trainings.ask(session, actor, now)
    _note(session, "faq.deleted", entry, actor, now)


def adopt(session: Session, entry_id: UUID, actor: str, now: datetime) -> FaqEntry:
    """Take an entry of the project over: from now on it is edited here, whatever the files say."""
    knowledge = change(session)
    entry = get_entry(session, entry_id, lock=True)
    if entry.origin == "project":
        draft = Draft.of(get_whole(session, entry_id))
        named = {a.language for a in draft.answers if a.language}
        answers = tuple(a for a in draft.answers if a.language or not named)
        entry.origin = "console"
        entry.version += 1
        entry.updated_at, entry.updated_by = now, actor
        _clear(session, entry.id)
        _write(session, entry, replace(draft, answers=answers), knowledge.version)
        _note(session, "faq.adopted", entry, actor, now)
    return entry


def change(session: Session) -> Knowledge:
    """Lock what the bot knows and give it a new version: every process looks at its entries again."""
    knowledge = get_knowledge(session, lock=True)
    knowledge.version += 1
    session.add(knowledge)
    return knowledge


def learn(session: Session, entry: FaqEntry, knowledge: Knowledge, actor: str, now: datetime) -> None:
    """Have the bot learn the entry's phrasings as they are now."""
    entry.taught = knowledge.version
    session.add(entry)
    trainings.ask(session, actor, now)


def rows_of(entry_id: UUID, draft: Draft) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of an entry's phrasings and answers."""
    phrasings = [
        {"id": new_id(), "entry_id": entry_id, "position": place, "text": text,
         "language": guess_language(text), "key": key(text)}
        for place, text in enumerate(draft.phrasings)
    ]  # fmt: skip
    answers = [
        {"id": new_id(), "entry_id": entry_id, "position": place, "language": a.language,
         "channel": a.channel, "text": a.text, "more": dict(a.more)}
        for place, a in enumerate(draft.answers)
    ]  # fmt: skip
    return phrasings, answers


def name_from(title: str) -> str:
    """The name that a title gives: `faq/gift_cards`, `faq/礼品卡`."""
    return BASE + (_NOT_IN_NAMES.sub("_", title.lower()).strip("_")[:40] or "entry")


def _checked(draft: Draft) -> Draft:
    draft = draft.tidy()
    if faults := draft.faults():
        raise BadEntry(faults)
    return draft


def _teaches(draft: Draft) -> tuple[str, ...]:
    return draft.phrasings if draft.active else ()


def _free_name(session: Session, draft: Draft) -> str:
    title = draft.titles.get("en") or next(iter(draft.titles.values()), draft.phrasings[0])
    name = found = name_from(title)
    number = 1
    while find_entry(session, found):
        number += 1
        found = f"{name}_{number}"
    return found


def _write(session: Session, entry: FaqEntry, draft: Draft, version: int) -> None:
    entry.titles, entry.active = dict(draft.titles), draft.active
    entry.valid_from, entry.valid_until = draft.valid_from, draft.valid_until
    entry.digest = draft.digest()
    entry.taught = entry.taught or version
    session.add(entry)
    session.flush()
    phrasings, answers = rows_of(entry.id, draft)
    for table, rows in ((FaqPhrasing, phrasings), (FaqAnswer, answers)):
        if rows:
            session.execute(insert(table), rows)


def _clear(session: Session, entry_id: UUID) -> None:
    session.execute(delete(FaqPhrasing).where(col(FaqPhrasing.entry_id) == entry_id))
    session.execute(delete(FaqAnswer).where(col(FaqAnswer.entry_id) == entry_id))


def _changes(before: Draft, now: Draft) -> dict[str, Any]:
    """For the audit: which parts changed, and from what to what where it is short."""
    found: dict[str, Any] = {}
    if before.phrasings != now.phrasings:
        found["phrasings"] = {
            "added": [text for text in now.phrasings if text not in before.phrasings][:20],
            "removed": [text for text in before.phrasings if text not in now.phrasings][:20],
        }
    for name in ("answers", "titles", "active", "valid_from", "valid_until"):
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            found[name] = {"from": _plain(old), "to": _plain(new)}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [{"language": a.language, "channel": a.channel, "text": a.text} for a in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _note(
    session: Session, action: str, entry: FaqEntry, actor: str, now: datetime, changes: Any = None
) -> None:
    audit.note(
        session,
        actor=actor,
        action=action,
        noun="faq",
        noun_id=entry.id,
        now=now,
        changes={"name": entry.name, **(changes or {})},
    )
