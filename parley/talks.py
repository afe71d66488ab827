"""What is taken out of a conversation and a record for a language model, and what must not leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from crm_store import conversations, customers, history, identities, staff
from crm_store.history import Message
from crm_store.language import guess_language
from nlu.llm.redaction import Redaction

MOST_LINES = 16  # of a conversation that the model is shown
LONGEST_LINE = 1000  # characters
_HARMLESS = frozenset({"language", customers.ZONE})  # attributes that say nothing of who it is
_WHO = {"customer": "customer", "agent": "agent", "bot": "bot", "campaign": "bot"}


@dataclass(frozen=True, slots=True)
class Talk:
    """As much of a conversation as a model is shown, and what is known of the customer."""

    lines: Sequence[Mapping[str, str]]  # who, said
    names: Sequence[Any]
    asked: str  # by the customer, since somebody answered last
    language: str

    @property
    def heard(self) -> list[str]:
        """What the customer has said."""
        return [line["said"] for line in self.lines if line["who"] == "customer"]

    @property
    def told(self) -> list[str]:
        """What we have said."""
        return [line["said"] for line in self.lines if line["who"] != "customer"]

    def hidden(self, redaction: Redaction) -> list[dict[str, str]]:
        """The lines with placeholders."""
        return [{"who": line["who"], "said": redaction.hide(line["said"])} for line in self.lines]


def read_talk(session: Session, conversation_id: UUID, own: str) -> Talk:
    """What is said in a conversation, newest lines only, and the names that must not leave with it."""
    conversation = conversations.get_conversation(session, conversation_id)
    found = [
        m for m in history.list_newest(session, conversation_id, limit=3 * MOST_LINES) if m.text.strip()
    ]
    lines = [
        {"who": _WHO.get(message.sender, "bot"), "said": message.text[:LONGEST_LINE]}
        for message in found[-MOST_LINES:]
    ]
    asked = _asked(found)
    customer = customers.get_customer(session, conversation.customer_id)
    spoken = guess_language(asked) or customer.language.partition("-")[0] or own
    names = [
        *known_of(session, conversation.customer_id),
        *(one.called for one in staff.list_staff(session)),
    ]
    return Talk(lines, names, asked, spoken)


def known_of(session: Session, customer_id: UUID) -> list[Any]:
    """Names and values of the record that say who a customer is."""
    found: list[Any] = [customers.get_customer(session, customer_id).display_name]
    for name, attribute in customers.attributes(session, customer_id).items():
        if name not in _HARMLESS:
            found += _texts(attribute.value)
    for identity in identities.identities_of(session, [customer_id])[customer_id]:
        found += [identity.external_id, *_texts(identity.profile)]
    return found


def _asked(found: Sequence[Message]) -> str:
    said: list[str] = []
    for message in reversed(found):
        if message.direction == "out" and said:
            break
        if message.direction == "in":
            said.append(message.text)
    return "\n".join(reversed(said[:5]))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name not in _HARMLESS:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
