"""Archives: database and media as one compressed file, with a manifest that says what is in it.

`manifest.json` comes first, then `database`, then `media/…`. An archive is unpacked beside its place and
checked before anything is touched.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from crm_store.messages import Refused
from parley.dumps import Progress

FORMAT = 1
CHUNK = 1024 * 1024
_BROKEN = (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError)
_MANIFEST, _DATABASE, _MEDIA = "manifest.json", "database", "media/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds."""

    database: str  # "sqlite", "postgresql"
    schema: str  # the last migration
    made_at: str
    version: str  # of Parley
    sha256: str  # of the dump
    bytes: int  # of the dump
    media: int  # files
    format: int = FORMAT


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def pack(target: Path, manifest: Manifest, dump: Path, media: list[Path], progress: Progress) -> None:
    """Write an archive, for its owner only. It is at its place when it is whole and on disk."""
    written = target.with_name(f".{target.name}.part")
    total, done = sum(path.stat().st_size for path in (dump, *media)) or 1, 0
    try:
        with _create(written) as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=1) as tar:
                _add_text(tar, _MANIFEST, json.dumps(asdict(manifest), indent=2))
                for path in (dump, *media):
                    name = _DATABASE if path is dump else f"{_MEDIA}{path.name}"
                    tar.add(path, name, recursive=False, filter=_nobodys)
                    done += path.stat().st_size
                    progress(done / total)
            file.flush()
            os.fsync(file.fileno())
        written.replace(target)
    finally:
        written.unlink(missing_ok=True)


def read_manifest(path: Path) -> Manifest:
    """What the archive holds. Refused if it is none of ours, or of a format that is not known here."""
    with _opened(path) as (tar, _):
        return _manifest(tar, path)


def unpack(path: Path, folder: Path, progress: Progress) -> Manifest:
    """Unpack the dump as `database`, and all `media/`, into the folder. Refused unless all is whole."""
    size = path.stat().st_size or 1
    (folder / _MEDIA).mkdir(parents=True, exist_ok=True)
    files = 0
    with _opened(path) as (tar, stream):
        manifest = _manifest(tar, path)
        while member := tar.next():
            name = member.name.removeprefix(_MEDIA)
            wanted = name == _DATABASE if name == member.name else name not in ("", ".", "..")
            if not (wanted and member.isfile()) or "/" in name:
                raise ValueError(f"there is a {member.name!r} in it")
            source = tar.extractfile(member)
            assert source is not None
            place = folder / (_DATABASE if name == member.name else f"{_MEDIA}{name}")
            with _create(place) as target:
                while piece := source.read(CHUNK):
                    target.write(piece)
                target.flush()
                os.fsync(target.fileno())
            files += name != member.name
            progress(min(1.0, tar.offset / size / 4))
        while stream.read(CHUNK):
            pass  # to the end, where the checksum stands
        if files != manifest.media or digest_of(folder / _DATABASE) != manifest.sha256:
            raise ValueError("something is missing or was changed")
    progress(1)
    return manifest


@contextmanager
def _opened(path: Path) -> Iterator[tuple[tarfile.TarFile, gzip.GzipFile]]:
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            yield tar, stream
    except _BROKEN as error:
        raise Refused(f"{path} is no whole backup of Parley: {error or type(error).__name__}") from None


def _manifest(tar: tarfile.TarFile, path: Path) -> Manifest:
    first = tar.next()
    source = tar.extractfile(first) if first and first.name == _MANIFEST else None
    if source is None:
        raise ValueError("it has no manifest")
    told: dict[str, Any] = json.loads(source.read(1024 * 1024))
    if told.get("format") != FORMAT:
        raise Refused(f"{path} has format {told.get('format')}; this version of Parley reads {FORMAT}")
    return Manifest(**told)


def _add_text(tar: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
