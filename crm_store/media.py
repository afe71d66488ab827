"""Media: files that customers or agents sent, in a folder, under names that cannot be guessed."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from crm_store.messages import ParleyError

# Served back with these types only: nothing that a browser would run.
SERVED = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "audio/amr": ".amr",
    "audio/ogg": ".ogg",
    "video/mp4": ".mp4",
}


class TooLarge(ParleyError):
    """The file is larger than media.max_mb allows."""


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """The folder of received files."""

    folder: Path
    max_bytes: int

    def keep(self, data: bytes, content_type: str) -> str:
        """Store a file and return its name; TooLarge if it is. It is on disk when this returns."""
        if len(data) > self.max_bytes:
            raise TooLarge
        self.folder.mkdir(parents=True, exist_ok=True)
        name = secrets.token_urlsafe(24) + SERVED.get(content_type, ".bin")
        with (self.folder / name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        return name

    def find(self, name: str) -> tuple[Path, str] | None:
        """The file of that name and its content type; None if there is none."""
        path = self.folder / name
        if path.parent != self.folder or not path.is_file():
            return None
        types = {suffix: content_type for content_type, suffix in SERVED.items()}
        return path, types.get(path.suffix, "application/octet-stream")
