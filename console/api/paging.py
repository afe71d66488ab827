"""Pages of lists: how many items, and the cursor that leads to the next page.

A cursor is the key of a page's last item, made opaque; a list takes only its own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from console.api.problems import flaw

Item = TypeVar("Item")
Row = TypeVar("Row")
_LARGEST_SEQ = 2**63 - 1


class Page(BaseModel, Generic[Item]):
    """A part of a list."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="For `cursor` in the next request; null on the last page.",
        examples=["bWVzc2FnZXM6NDI"],
    )


Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most.")]
Cursor = Annotated[
    str, Query(max_length=500, description="`next_cursor` of the page before; empty: the first page.")
]


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Row | None]:
    """The rows of a page out of `limit + 1` that were asked for; then its last row, if more follow."""
    page = rows[:limit]
    return page, page[-1] if len(rows) > limit else None


def write_cursor(noun: str, key: UUID | int | str) -> str:
    """The cursor behind the item with this key in the list of these nouns."""
    return base64.urlsafe_b64encode(f"{noun}:{key}".encode()).decode().rstrip("=")


def read_id(noun: str, cursor: str) -> UUID | None:
    """The id in a cursor; None on the first page. A cursor of another list is refused as a flaw."""
    key = _read(noun, cursor)
    try:
        return UUID(key) if key else None
    except ValueError:
        raise _not_ours() from None


def read_text(noun: str, cursor: str) -> str:
    """The name in a cursor; empty on the first page. A cursor of another list is refused as a flaw."""
    return _read(noun, cursor)


def read_seq(noun: str, cursor: str) -> int:
    """The place in a cursor; 0 on the first page. A cursor of another list is refused as a flaw."""
    key = _read(noun, cursor)
    if not key:
        return 0
    if not (key.isascii() and key.isdigit() and len(key) < 20 and int(key) <= _LARGEST_SEQ):
        raise _not_ours()
    return int(key)


def _read(noun: str, cursor: str) -> str:
    if not cursor:
        return ""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise _not_ours() from None
    found, _, key = text.partition(":")
    if found != noun or not key:
        raise _not_ours()
    return key


def _not_ours() -> Exception:
    return flaw("query", "cursor", "expected the next_cursor of a page of this list")
