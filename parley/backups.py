"""Backup and restore: the database of the settings and its media, to one file and back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from config.settings import Settings
from crm_store.db import Database
from crm_store.messages import Refused
from crm_store.migrating import find_version, newest_version
from parley import archives, dumps
from parley.archives import Manifest

Tell = Callable[[str, float], None]  # what is being done, and the share of it


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done."""

    manifest: Manifest
    kept: Path | None  # the SQLite file that was replaced


def backup(settings: Settings, file: Path, now: datetime, tell: Tell) -> Manifest:
    """Write database and media to a file while everything runs. Refused if it is there already."""
    if file.exists():
        raise Refused(f"{file} exists already")
    database, media = Database(settings.resolved_database_url), settings.at(settings.media.dir)
    try:
        schema = find_version(database)
        if schema is None:
            raise Refused("there is nothing in the database yet")
        with tempfile.TemporaryDirectory(prefix=".parley-backup-", dir=file.parent) as folder:
            dump = Path(folder) / "database"
            dumps.dump(database, dump, lambda share: tell("database", share))
            # After the database: a file is on disk before the row that names it.
            files = sorted(path for path in media.iterdir() if path.is_file()) if media.is_dir() else []
            manifest = Manifest(
                database=database.engine.dialect.name,
                schema=schema,
                made_at=now.isoformat(),
                version=version("parley"),
                sha256=archives.digest_of(dump),
                bytes=dump.stat().st_size,
                media=len(files),
            )
            archives.pack(file, manifest, dump, files, lambda share: tell("archive", share))
        return manifest
    finally:
        database.close()


def restore(settings: Settings, file: Path, now: datetime, force: bool, tell: Tell) -> Restored:
    """Put a backup in the place of the database. Refused in words, and then nothing has changed.

    Media are added to those that are there: no two have the same name.
    """
    manifest = archives.read_manifest(file)
    database, media = Database(settings.resolved_database_url), settings.at(settings.media.dir)
    try:
        beside = Path(str(database.engine.url.database)).parent if database.is_sqlite else media.parent
        beside.mkdir(parents=True, exist_ok=True)
        _check(manifest, database, force)
        with tempfile.TemporaryDirectory(prefix=".parley-restore-", dir=beside) as folder:
            archives.unpack(file, Path(folder), lambda share: tell("archive", share))
            dump = Path(folder) / "database"
            if database.is_sqlite:
                dumps.check_sqlite(dump)
            _add_media(Path(folder) / "media", media)
            kept = dumps.load(database, dump, now, lambda share: tell("database", share))
        return Restored(manifest, kept)
    finally:
        database.close()


def _check(manifest: Manifest, database: Database, force: bool) -> None:
    kind = database.engine.dialect.name
    if manifest.database != kind:
        raise Refused(f"the backup is of {manifest.database}, and the settings name {kind}")
    if manifest.schema > newest_version():
        raise Refused(
            f"the backup is of a newer Parley: its schema is {manifest.schema}, this one knows up to "
            f"{newest_version()}; install that version first"
        )
    dumps.check_unused(database)
    if not force and not dumps.is_empty(database):
        raise Refused("the database is not empty: --force replaces it")


def _add_media(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        place = target / path.name
        if not place.exists():
            with tempfile.NamedTemporaryFile(dir=target, prefix=".", delete=False) as copy:
                copy.write(path.read_bytes())
            Path(copy.name).replace(place)
