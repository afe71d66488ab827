"""`/faqs`: questions in several phrasings, and what customers are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import structlog
from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel, Field
from sqlmodel import Session

from console.api.auth import MAY_READ, MAY_WRITE, Caller, GuardedRoute
from console.api.host import GivenHost
from console.api.once import REPLAYED, Once
from console.api.paging import Cursor, Limit, Page, cut, read_text, write_cursor
from console.api.problems import ANYWHERE, refusals
from console.api.shapes import EXAMPLE_ID, Words
from crm_store import faq, faq_edits, trainings
from crm_store.faq import Filter, Whole, Wording
from crm_store.faq_edits import LONGEST_ANSWER, LONGEST_PHRASING, LONGEST_TITLE, MOST_PHRASINGS, Draft

router = APIRouter(prefix="/faqs", tags=["faqs"], route_class=GuardedRoute, responses=ANYWHERE)
log = structlog.get_logger()

_TIME = "2026-11-21T12:41:00Z"
_LANGUAGE = Field(
    default="",
    pattern=r"^([a-z]{2,3})?$",
    description="Of the answer; empty: for every language without one.",
    examples=["en"],
)
EntryId = Annotated[UUID, Path(description="The entry's id.")]


class FaqButton(BaseModel):
    """A choice to tap under an answer."""

    title: Annotated[Words, Field(max_length=60)] = Field(examples=["Buy one"])
    payload: Annotated[Words, Field(max_length=300)] = Field(
        description="What a tap says.", examples=["I want to buy a gift card"]
    )


class FaqAnswer(BaseModel):
    """What customers are told, in one language and on one channel or all."""

    language: Annotated[str, _LANGUAGE] = ""
    channel: str = Field(default="", max_length=200, description="Only there; empty: everywhere.")
    text: str = Field(max_length=LONGEST_ANSWER, examples=["Yes, from 100 yuan."])
    image: str = Field(default="", max_length=1000, description="Address of a picture.")
    buttons: list[FaqButton] = Field(default_factory=list, max_length=10)


class NewFaq(BaseModel):
    """An entry that is to be."""

    phrasings: list[Annotated[Words, Field(max_length=LONGEST_PHRASING)]] = Field(
        min_length=1,
        max_length=MOST_PHRASINGS,
        description="What customers ask, in any language. Five or more make the bot sure.",
        examples=[["Do you sell gift cards?"]],
    )
    answers: list[FaqAnswer] = Field(min_length=1, max_length=50)
    titles: dict[str, Annotated[str, Field(max_length=LONGEST_TITLE)]] = Field(
        default_factory=dict,
        description="By language: under which the entry is offered when the bot asks back.",
        examples=[{"en": "Gift cards"}],
    )
    active: bool = Field(default=True, description="False: the bot does not answer with it.")
    valid_from: AwareDatetime | None = Field(default=None, examples=[None])
    valid_until: AwareDatetime | None = Field(default=None, examples=[None])
    name: str = Field(
        default="",
        max_length=84,
        description="In the bot's rules; empty: made from the title. It does not change later.",
        examples=["faq/gift_cards"],
    )

    def draft(self, before: Draft | None = None) -> Draft:
        """What the entry is to say; what programs do not see of an answer stays as it was."""
        kept = {(a.language, a.channel): a.more for a in (before.answers if before else ())}
        return Draft(
            phrasings=tuple(self.phrasings),
            answers=tuple(_wording(a, kept.get((a.language, a.channel), {})) for a in self.answers),
            titles=self.titles,
            active=self.active,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            name=self.name,
        )


class FaqEdit(NewFaq):
    """All that an entry is to say from now on."""

    version: int = Field(description="The version that was read: another one is refused.", examples=[3])


class Faq(BaseModel):
    """An entry as it is kept."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    name: str = Field(examples=["faq/gift_cards"])
    origin: Literal["project", "console"] = Field(
        description="`project`: from the bot's files, only read here.", examples=["console"]
    )
    phrasings: list[str] = Field(examples=[["Do you sell gift cards?"]])
    answers: list[FaqAnswer]
    titles: dict[str, str] = Field(examples=[{"en": "Gift cards"}])
    active: bool = Field(description="False: the bot does not answer with it.")
    valid_from: datetime | None = Field(examples=[None])
    valid_until: datetime | None = Field(examples=[None])
    version: int = Field(description="Counts the edits.", examples=[3])
    learned: bool = Field(
        description="Whether the bot knows the phrasings as they are. Answers count at once."
    )
    created_at: datetime = Field(examples=[_TIME])
    updated_at: datetime = Field(examples=[_TIME])
    updated_by: str = Field(examples=["staff:mia"])

    @classmethod
    def of(cls, whole: Whole, version: int) -> Self:
        """The shape of an entry's rows; `version`: up to which edits the live model knows."""
        entry = whole.entry
        names = set(cls.model_fields) - {"phrasings", "answers", "learned"}
        return cls(
            **{name: getattr(entry, name) for name in names},
            phrasings=[phrasing.text for phrasing in whole.phrasings],
            answers=[_answer(answer) for answer in whole.answers],
            learned=entry.is_learned(version),
        )


class FaqPage(Page[Faq]):
    """Entries, in the order of their names."""


@router.get("", dependencies=[MAY_READ], operation_id="listFaqs", summary="List FAQ entries")
def list_faqs(
    host: GivenHost,
    q: Annotated[str, Query(max_length=100, description="Words in a phrasing, an answer, a title.")] = "",
    origin: Annotated[
        Literal["project", "console"] | None, Query(description="Only those from there.")
    ] = None,
    language: Annotated[str, Query(max_length=3, description="Only those with an answer in it.")] = "",
    active: Annotated[bool | None, Query(description="Only those that are, or are not.")] = None,
    cursor: Cursor = "",
    limit: Limit = 50,
) -> FaqPage:
    """Entries by name, those of the bot's files too. Filters narrow the list together."""
    after = read_text("faqs", cursor)
    wanted = Filter(q, origin or "", language, active)
    with host.database.reading() as session:
        rows, last = cut(faq.list_entries(session, wanted, after=after, limit=limit + 1), limit)
        known = _known(session)
        return FaqPage(
            items=[Faq.of(whole, known) for whole in faq.wholes(session, rows)],
            next_cursor=write_cursor("faqs", last.name) if last else None,
        )


@router.post(
    "",
    dependencies=[MAY_WRITE],
    operation_id="createFaq",
    summary="Make an FAQ entry",
    status_code=201,
    responses={**refusals(409), 201: REPLAYED},
)
def create_faq(host: GivenHost, caller: Caller, once: Once, body: NewFaq) -> Faq:
    """Make an entry. The bot learns it in the background: `learned` tells when it has."""

    def make(session: Session) -> Faq:
        entry = faq_edits.create(session, body.draft(), f"token:{caller.id}", host.now())
        return _shape(session, entry.id)

    made = once.do(Faq, make, body)
    host.entries_changed()
    log.info("faq.created", faq_id=str(made.id), replayed=once.replayed)
    return made


@router.get(
    "/{faq_id}",
    dependencies=[MAY_READ],
    operation_id="getFaq",
    summary="Get an FAQ entry",
    responses=refusals(404),
)
def get_faq(host: GivenHost, faq_id: EntryId) -> Faq:
    """One entry with its phrasings and answers."""
    with host.database.reading() as session:
        return _shape(session, faq_id)


@router.put(
    "/{faq_id}",
    dependencies=[MAY_WRITE],
    operation_id="replaceFaq",
    summary="Change an FAQ entry",
    responses=refusals(404, 409),
)
def replace_faq(host: GivenHost, caller: Caller, faq_id: EntryId, body: FaqEdit) -> Faq:
    """Have an entry say something else. Answers count at once, phrasings as soon as they are learned."""
    with host.database.writing() as session:
        draft = body.draft(Draft.of(faq.get_whole(session, faq_id)))
        faq_edits.edit(session, faq_id, draft, body.version, f"token:{caller.id}", host.now())
        found = _shape(session, faq_id)
    host.entries_changed()
    return found


@router.delete(
    "/{faq_id}",
    dependencies=[MAY_WRITE],
    operation_id="deleteFaq",
    summary="Delete an FAQ entry",
    responses=refusals(404, 409),
)
def delete_faq(host: GivenHost, caller: Caller, faq_id: EntryId) -> Faq:
    """Delete an entry; it is returned as it was. One taken over from the bot's files is theirs again."""
    with host.database.writing() as session:
        found = _shape(session, faq_id)
        faq_edits.remove(session, faq_id, None, f"token:{caller.id}", host.now())
    host.entries_changed()
    return found


def _shape(session: Session, faq_id: UUID) -> Faq:
    return Faq.of(faq.get_whole(session, faq_id), _known(session))


def _known(session: Session) -> int:
    live = trainings.find_live(session)
    return live.version if live else 0


def _answer(row: faq.FaqAnswer) -> FaqAnswer:
    # What the bot's files say was never held to our bounds.
    buttons = [FaqButton.model_construct(**button) for button in row.more.get("buttons", ())]
    image = str(row.more.get("image", ""))
    return FaqAnswer.model_construct(
        language=row.language, channel=row.channel, text=row.text, image=image, buttons=buttons
    )


def _wording(answer: FaqAnswer, kept: Mapping[str, Any]) -> Wording:
    more = {name: part for name, part in kept.items() if name not in ("image", "buttons")}
    if answer.image:
        more["image"] = answer.image
    if answer.buttons:
        more["buttons"] = [button.model_dump() for button in answer.buttons]
    return Wording(answer.text, answer.language, answer.channel, more)
