"""The words of the web chat's wire: what a page may say, and a line as the page gets it."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from bots.base import Line
from crm_store.messages import ParleyError, clean_json

LONGEST_FRAME = 16 * 1024  # bytes
LONGEST_TEXT = 4_000  # characters
NEWEST_SEQ = 2**53 - 1  # the largest whole number that a script can hold

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Declined(ParleyError):
    """A frame that is not taken. `why` is a word the page knows; `retry_after` is in seconds."""

    def __init__(self, why: str, key: str = "", retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.why = why  # "unreadable", "too_long", "empty", "rate", "image", "token"
        self.key = key
        self.retry_after = retry_after

    def frame(self) -> dict[str, Any]:
        """What the page is told."""
        frame: dict[str, Any] = {"type": "refused", "why": self.why}
        if self.key:
            frame["id"] = self.key
        if self.retry_after:
            frame["retry_after"] = round(self.retry_after, 1)
        return frame


class _Frame(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class Hello(_Frame):
    """The page is there, has `token` and all lines up to `after`."""

    type: Literal["hello"]
    token: str = Field("", max_length=2_000)
    after: int = Field(0, ge=0, le=NEWEST_SEQ)
    language: str = Field("", max_length=16)


class Message(_Frame):
    """The visitor wrote something."""

    type: Literal["message"]
    id: Id
    text: str


class Press(_Frame):
    """The visitor pressed a button that they were shown."""

    type: Literal["press"]
    id: Id
    payload: str = Field(max_length=LONGEST_TEXT)
    title: str = Field("", max_length=LONGEST_TEXT)


class Picture(_Frame):
    """The visitor sends the picture that was uploaded for this ticket."""

    type: Literal["image"]
    id: Id
    ticket: str = Field(max_length=2_000)


class Typing(_Frame):
    """The visitor is writing."""

    type: Literal["typing"]


Frame = Hello | Message | Press | Picture | Typing
_FRAMES: TypeAdapter[Frame] = TypeAdapter(Annotated[Frame, Field(discriminator="type")])


def read_frame(raw: str | bytes) -> Frame:
    """The frame in a JSON text; `Declined` for whatever is none, `ValueError` where it is not even JSON."""
    size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", "replace"))
    if size > LONGEST_FRAME:
        raise Declined("too_long")
    try:
        value = clean_json(json.loads(raw))
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None
    try:
        return _FRAMES.validate_python(value)
    except ValidationError:
        raise Declined("unreadable", _id_of(value)) from None


def _id_of(value: Any) -> str:
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) and len(found) <= 64 else ""


def line_frame(line: Line) -> dict[str, Any]:
    """A line as the page gets it. What came in raw from another wire stays with us."""
    content = line.content.to_json()
    if "data" in content:
        content["data"] = {name: item for name, item in content["data"].items() if name != "raw"}
    return {
        "type": "line",
        "seq": line.seq,
        "id": line.id,
        "direction": line.direction,
        "sender": line.sender,
        "content": content,
        "created_at": line.created_at.isoformat(),
        "key": line.key,
    }
