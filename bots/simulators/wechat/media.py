"""Temporary media: uploaded by the account or sent by a customer, kept for three days."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from bots.simulators.wechat.errors import ApiError

KEPT = timedelta(days=3)
MAX_BYTES = {
    "image": 10 * 1024 * 1024,
    "voice": 2 * 1024 * 1024,
    "video": 10 * 1024 * 1024,
    "thumb": 64 * 1024,
}


@dataclass(frozen=True, slots=True)
class Medium:
    """One stored file."""

    media_id: str
    kind: str  # "image", "voice", "video", "thumb"
    data: bytes
    content_type: str
    name: str
    created_at: datetime


class MediaStore:
    """All media of one account."""

    def __init__(self) -> None:
        self._media: dict[str, Medium] = {}

    def keep(self, kind: str, data: bytes, content_type: str, name: str, now: datetime) -> Medium:
        """Store a file: 40004 for an unknown kind, 40009 when it is too large, 41005 when it is empty."""
        if kind not in MAX_BYTES:
            raise ApiError(40004)
        if not data:
            raise ApiError(41005)
        if len(data) > MAX_BYTES[kind]:
            raise ApiError(40009)
        medium = Medium(secrets.token_urlsafe(48), kind, data, content_type, name, now)
        self._media[medium.media_id] = medium
        return medium

    def get(self, media_id: str, now: datetime, *kinds: str) -> Medium:
        """The file, of one of `kinds` if any are named; 40007 if there is none or its time is over."""
        medium = self._media.get(media_id)
        if medium is None or now >= medium.created_at + KEPT or (kinds and medium.kind not in kinds):
            raise ApiError(40007)
        return medium
