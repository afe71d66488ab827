"""The shapes that programs rely on: what is read from rows, and what a request may say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from console.api.paging import Page
from crm_store.conversations import Conversation as ConversationRow
from crm_store.customers import Attribute as AttributeRow
from crm_store.customers import Customer as CustomerRow
from crm_store.history import Message as MessageRow
from crm_store.identities import Identity as IdentityRow
from crm_store.messages import Address, Floor, Sender, Status, clean

LONGEST_TEXT = 4000  # characters

EXAMPLE_ID = "019a7c3e-5b1f-7d20-9c41-3f6f0f8b2a11"
_TIME = "2026-11-21T12:41:00Z"


def _storable(text: str) -> str:
    if clean(text) != text:
        raise ValueError("a text may not hold the character NUL")
    if not text.strip():
        raise ValueError("a text needs more than white space")
    return text


Words = Annotated[str, AfterValidator(_storable)]


class Identity(BaseModel):
    """An account of a customer on one of the channels."""

    channel: str = Field(description="The channel's name.", examples=["shop"])
    external_id: str = Field(description="The account's id there.", examples=["8f14e45f"])
    reachable: bool = Field(description="False: they have left or blocked us.")

    @classmethod
    def of(cls, row: IdentityRow) -> Self:
        """The shape of a row."""
        return cls(channel=row.channel, external_id=row.external_id, reachable=row.reachable)


class AttributeSource(BaseModel):
    """Where a fact about a customer comes from."""

    source: str = Field(description="What it was learned from.", examples=["message"])
    source_id: UUID | None = Field(
        description="The message in which it was said, if it was.", examples=[EXAMPLE_ID]
    )
    updated_at: datetime = Field(examples=[_TIME])


class Customer(BaseModel):
    """A person, however many accounts they write from."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    display_name: str = Field(description="Empty if unknown.", examples=["小林"])
    language: str = Field(description="A language tag; empty if unknown.", examples=["zh-CN"])
    attributes: dict[str, Any] = Field(
        description="What is known of them: name and value.", examples=[{"phone": "13800000000"}]
    )
    attribute_sources: dict[str, AttributeSource] = Field(
        description="Where each attribute comes from, by its name."
    )
    tags: list[str] = Field(description="In alphabetical order.", examples=[["regular"]])
    identities: list[Identity]

    @classmethod
    def of(
        cls,
        row: CustomerRow,
        attributes: Sequence[AttributeRow],
        tags: Sequence[str],
        accounts: Sequence[IdentityRow],
    ) -> Self:
        """The shape of a customer's rows."""
        return cls(
            id=row.id,
            display_name=row.display_name,
            language=row.language,
            attributes={each.name: each.value for each in attributes},
            attribute_sources={
                each.name: AttributeSource(
                    source=each.source, source_id=each.source_id, updated_at=each.updated_at
                )
                for each in attributes
            },
            tags=list(tags),
            identities=[Identity.of(each) for each in accounts],
        )


class Conversation(BaseModel):
    """What is said on one address between opening and closing; one at a time is open there."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    channel: str = Field(description="The channel's name.", examples=["shop"])
    address: str = Field(description="Channel and account.", examples=["shop:8f14e45f"])
    customer_id: UUID = Field(examples=[EXAMPLE_ID])
    floor: Floor = Field(
        description="Who may speak: the bot, the bot while a person is awaited, an agent, nobody any more.",
        examples=["agent"],
    )
    agent: str | None = Field(description="Who has, or had, the floor.", examples=["lin"])
    created_at: datetime = Field(examples=[_TIME])
    closed_at: datetime | None = Field(examples=[None])

    @classmethod
    def of(cls, row: ConversationRow) -> Self:
        """The shape of a row."""
        return cls(
            id=row.id,
            channel=row.channel,
            address=str(Address(row.channel, row.external_id)),
            customer_id=row.customer_id,
            floor=row.floor,
            agent=row.agent,
            created_at=row.created_at,
            closed_at=row.closed_at,
        )


class Message(BaseModel):
    """What a customer, the bot, an agent or a campaign said, and what became of it."""

    id: UUID = Field(examples=[EXAMPLE_ID])
    conversation_id: UUID = Field(examples=[EXAMPLE_ID])
    direction: Literal["in", "out"] = Field(examples=["out"])
    sender: Sender = Field(examples=["agent"])
    text: str = Field(description="The words, or the caption.", examples=["Your parcel leaves today."])
    status: Status = Field(description="What became of it.", examples=["queued"])
    reason: str | None = Field(
        description="Why it failed, was skipped, is unknown or waits; else null.", examples=[None]
    )
    created_at: datetime = Field(description="When it was written down.", examples=[_TIME])
    content: dict[str, Any] = Field(
        description="All that it says: kind, text, buttons, media, data; empty parts are left out.",
        examples=[{"kind": "text", "text": "Your parcel leaves today."}],
    )
    understanding: dict[str, Any] | None = Field(
        description="What the bot made of a customer's text: intent, score, entities, tone.",
        examples=[None],
    )
    decision: list[Any] | None = Field(
        description="What the bot then did, step by step, and why.", examples=[None]
    )

    @classmethod
    def of(cls, row: MessageRow) -> Self:
        """The shape of a row."""
        values: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields}
        return cls(**values | {"reason": _reason(row)})


def _reason(row: MessageRow) -> str | None:
    if row.status in ("failed", "skipped", "unknown"):
        return row.reason or (f"the platform said {row.code}" if row.code else "no reason was given")
    if row.status == "queued":
        waits = None if row.due_at else "waits for the customer's next message"
        return row.reason or waits
    return None


class CustomerPage(Page[Customer]):
    """Customers, oldest first."""


class ConversationPage(Page[Conversation]):
    """Conversations, newest first."""


class MessagePage(Page[Message]):
    """Messages, oldest first."""


AgentName = Annotated[
    Annotated[Words, Field(min_length=1, max_length=200)] | None,
    Field(description="The agent's name; without it the token's owner.", examples=["lin"]),
]


class Agent(BaseModel):
    """Who is to have the floor."""

    agent: AgentName = None


class Reply(BaseModel):
    """What an agent says."""

    text: Annotated[Words, Field(min_length=1, max_length=LONGEST_TEXT)] = Field(
        description="The words.", examples=["Your parcel leaves today."]
    )
    agent: AgentName = None
