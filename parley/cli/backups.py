"""`parley db backup` and `parley db restore`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from crm_store.messages import Refused
from parley import backups
from parley.backups import Tell
from parley.cli.given import settings_from
from parley.cli.root import AsJson, Config, db
from parley.now import utc_now


@db.command(epilog="Example: parley db backup parley-$(date +%F).tar.gz")
def backup(
    file: Annotated[Path, typer.Argument(help="the file to write, .tar.gz", dir_okay=False)],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write database and media to one file, while Parley runs. It holds personal data: keep it safe."""
    if not file.resolve().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}", param_hint="FILE")
    with _working() as tell:
        manifest = backups.backup(settings_from(config), file.resolve(), utc_now(), tell)
    told = {"file": str(file), "size": file.stat().st_size, **asdict(manifest)}
    size = f"{told['size'] / 1e6:.1f} MB"
    print(
        json.dumps(told)
        if as_json
        else f"{file}: {size}, {manifest.database}, {manifest.media} media files"
    )


@db.command(epilog="Example: parley db restore parley-2026-11-26.tar.gz --force")
def restore(
    file: Annotated[
        Path, typer.Argument(help="what `parley db backup` wrote", exists=True, dir_okay=False)
    ],
    force: Annotated[bool, typer.Option("--force", help="replace what the database holds")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of the database; stop Parley first. If it fails, nothing has changed."""
    with _working() as tell:
        done = backups.restore(settings_from(config), file, utc_now(), force, tell)
    manifest, kept = done.manifest, str(done.kept) if done.kept else None
    if as_json:
        print(json.dumps({"file": str(file), "replaced": kept, **asdict(manifest)}))
        return
    print(f"Restored as of {manifest.made_at}, with {manifest.media} media files.")
    if kept:
        print(f"The database that was replaced is kept as {kept}.")


@contextmanager
def _working() -> Iterator[Tell]:
    """A bar for each thing that is done, in a terminal; a full disk is told in words."""
    try:
        with _bars() as tell:
            yield tell
    except OSError as error:
        raise Refused(f"{error.filename or 'writing'}: {error.strerror or error}") from None


@contextmanager
def _bars() -> Iterator[Tell]:
    if not sys.stderr.isatty():
        yield lambda _what, _share: None
        return
    with Progress(console=Console(stderr=True), transient=True) as bars:
        known = {}

        def tell(what: str, share: float) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=1.0)
            bars.update(known[what], completed=share)

        yield tell
