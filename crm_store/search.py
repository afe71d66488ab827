"""Search: conversations and customers by what was said and by what is known, the newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, column, text
from sqlmodel import Session, col, select

from crm_store.conversations import Conversation
from crm_store.customers import Customer
from crm_store.history import Message
from crm_store.search_words import Term, terms_of

NEWEST = 50_000  # messages in which PostgreSQL looks first: a common word is found there
_ROUNDS = 8
_AROUND = 30  # characters of a snippet on each side of what was found
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of a text, in three parts: what was looked for stands in the middle."""

    before: str
    match: str
    after: str


@dataclass(frozen=True, slots=True)
class FoundConversation:
    """`seq` is that of its newest message with the words; None: the customer's name or data have them."""

    conversation_id: UUID
    snippet: Snippet
    seq: int | None = None


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """`place` is for `before` of the next page."""

    customer_id: UUID
    place: int


def find_conversations(
    session: Session, words: str, *, limit: int = 50, before: int | None = None
) -> list[FoundConversation]:
    """Conversations in which all the words were said, the newest first; each once.

    The first page (without `before`) begins with those of customers who have such a name or data.
    `before` is the last `seq` of the page before; a conversation with older hits may be on both.
    """
    terms = terms_of(words)
    if not terms:
        return []
    named = _of_named(session, words) if before is None else []
    seen = {found.conversation_id for found in named}
    hits: dict[UUID, int] = {}
    for _ in range(_ROUNDS):
        rows = _hits(session, "message_words", "seq", "conversation_id", terms, 4 * limit, before)
        for row in rows:
            if row.owner not in seen and len(hits) < limit - len(named):
                hits.setdefault(row.owner, row.place)
        if len(rows) < 4 * limit or len(hits) >= limit - len(named):
            break
        before = rows[-1].place
    return named + _with_snippets(session, hits, words)


def find_customers(
    session: Session, words: str, *, limit: int = 50, before: int | None = None
) -> list[FoundCustomer]:
    """Customers whose name and attributes have all the words, the latest known first."""
    terms = terms_of(words)
    if not terms:
        return []
    rows = _hits(session, "customer_words", "id", "customer_id", terms, limit, before)
    return [FoundCustomer(row.owner, row.place) for row in rows]


def _of_named(session: Session, words: str) -> list[FoundConversation]:
    """The latest conversation of each customer who is found by name or data."""
    found = [one.customer_id for one in find_customers(session, words, limit=_MOST_NAMED)]
    if not found:
        return []
    query = select(Conversation.id, Conversation.customer_id, Customer.display_name)
    query = query.join(Customer, col(Customer.id) == col(Conversation.customer_id))
    latest: dict[UUID, FoundConversation] = {}
    for conversation_id, customer_id, name in session.exec(
        query.where(col(Conversation.customer_id).in_(found)).order_by(col(Conversation.id))
    ):
        latest[customer_id] = FoundConversation(conversation_id, snippet(name, words))
    return [latest[one] for one in found if one in latest]


def _with_snippets(session: Session, hits: dict[UUID, int], words: str) -> list[FoundConversation]:
    query = select(Message.seq, Message.text).where(col(Message.seq).in_(hits.values()))
    texts = dict(session.exec(query).all()) if hits else {}
    return [FoundConversation(one, snippet(texts.get(seq, ""), words), seq) for one, seq in hits.items()]


def snippet(said: str, words: str) -> Snippet:
    """The part of a text where the first of the words stands, or its beginning."""
    low = said.lower()
    for asked in (
        words.strip(),
        *words.split(),
        *(part for term in terms_of(words) for part in term.words),
    ):
        start = low.find(asked.lower()) if asked else -1
        if start >= 0 and len(low) == len(said):
            end = start + len(asked)
            head = ("…" if start > _AROUND else "") + said[max(0, start - _AROUND) : start]
            tail = said[end : end + _AROUND] + ("…" if len(said) > end + _AROUND else "")
            return Snippet(head, said[start:end], tail)
    return Snippet(said[: 2 * _AROUND] + ("…" if len(said) > 2 * _AROUND else ""), "", "")


def _hits(
    session: Session,
    table: str,
    key: str,
    owner: str,
    terms: Sequence[Term],
    limit: int,
    before: int | None,
) -> Sequence[Any]:
    """Rows (place, owner) that have all terms, the highest place first."""
    values: dict[str, Any] = {
        "limit": limit,
        "before": before if before is not None else 2**62,
        "after": -1,
    }
    if session.get_bind().dialect.name == "sqlite":
        query = f"""SELECT w.{key} AS place, w.{owner} AS owner FROM {table}_fts f
            JOIN {table} w ON w.{key} = f.rowid
            WHERE {table}_fts MATCH :asked AND f.rowid < :before ORDER BY f.rowid DESC LIMIT :limit"""  # noqa: S608
        return _run(session, query, values | {"asked": _for_sqlite(terms)})
    values["asked"] = _for_postgres(terms)
    query = f"""SELECT {key} AS place, {owner} AS owner FROM {table}
        WHERE words @@ CAST(:asked AS tsquery) AND {key} < :before AND {key} > :after"""  # noqa: S608
    top = session.execute(text(f"SELECT max({key}) FROM {table} WHERE {key} < :before"), values).scalar()  # noqa: S608
    # A common word is found among the newest; then, of one that is rarer, all places are sorted. Without
    # "+ 0" the planner may read the table backwards for a word that it takes for a common one.
    after = {"after": (top or 0) - NEWEST}
    newest = _run(session, f"{query} ORDER BY {key} DESC LIMIT :limit", values | after)
    if len(newest) == limit or (top or 0) <= NEWEST:
        return newest
    return _run(session, f"{query} ORDER BY {key} + 0 DESC LIMIT :limit", values)


def _run(session: Session, query: str, values: dict[str, Any]) -> Sequence[Any]:
    columns = (column("place", BigInteger), column("owner", Uuid))
    return session.execute(text(query).columns(*columns), values).all()


def _for_sqlite(terms: Sequence[Term]) -> str:
    return " ".join(f'"{" ".join(term.words)}"' + ("*" if term.open else "") for term in terms)


def _for_postgres(terms: Sequence[Term]) -> str:
    phrases = (
        " <-> ".join(f"'{word}'" for word in term.words) + (":*" if term.open else "") for term in terms
    )
    return " & ".join(f"({phrase})" for phrase in phrases)
