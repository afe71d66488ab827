"""Backup and restore: all that was acknowledged is there, and nothing is ever half restored."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from config.settings import Settings
from crm_store import documents
from crm_store.db import Database, InUse
from crm_store.documents import Piece, Read
from crm_store.history import Message
from crm_store.media import MediaFolder
from crm_store.messages import Address, Content, Incoming, Refused
from crm_store.recording import record
from parley import archives, backups, dumps
from parley.now import utc_now
from tests.parley.tiny import NOW
from tests.postgres import Postgres

ROOT = Path(__file__).parents[2]


class Place:
    """A database with its settings and media, as one machine has them."""

    def __init__(self, url: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.url, self.folder, self.said = url, folder, 0
        self.settings = Settings(file=folder / "parley.toml", database_url=url)
        self.media = MediaFolder(folder / "media", 1_000_000)

    @contextmanager
    def opened(self) -> Iterator[Database]:
        database = Database(self.url)
        yield database
        database.close()

    def say(self, database: Database, count: int = 1) -> None:
        for _ in range(count):
            incoming = Incoming(Address("shop", "anna"), str(self.said), Content(text=f"text {self.said}"))
            with database.writing() as session:
                record(session, [incoming], "w", NOW)
            self.said += 1

    def texts(self) -> list[str]:
        with self.opened() as database, database.reading() as session:
            return list(session.exec(select(Message.text).order_by(col(Message.seq))))

    def backup(self, name: str = "backup.tar.gz") -> Path:
        backups.backup(self.settings, self.folder / name, NOW, lambda *_: None)
        return self.folder / name

    def restore(self, file: Path, *, force: bool = False) -> backups.Restored:
        return backups.restore(self.settings, file, utc_now(), force, lambda *_: None)


@pytest.fixture(autouse=True)
def nobody_else(postgres: Postgres) -> Iterator[None]:
    """What somebody else is connected to is not restored."""
    with postgres.unconnected():
        yield


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Place:
    """A shop with three messages, a picture and a document."""
    place = Place(database_url, tmp_path / "shop")
    place.media.keep(b"picture", "image/png")
    with place.opened() as database:
        place.say(database, 3)
        with database.writing() as session:
            documents.add(session, Read("a.pdf", 9, [Piece("保修", "两年", 3)], 3), "staff:ada", NOW)
    return place


@pytest.fixture
def sqlite_shop(sqlite_url: str, tmp_path: Path) -> Place:
    """The same for what has nothing to do with the database."""
    place = Place(sqlite_url, tmp_path / "shop")
    with place.opened() as database:
        place.say(database, 3)
    return place


def test_a_backup_is_restored_with_its_media_and_works_on(shop: Place) -> None:
    file = shop.backup()
    assert file.stat().st_mode & 0o777 == 0o600
    with shop.opened() as database:
        shop.say(database, 2)
        with database.writing() as session:
            (kept,) = documents.list_documents(session)
            documents.remove(session, kept.id, 1, "staff:ada", NOW)
    (picture,) = (shop.folder / "media").iterdir()
    picture.unlink()
    done = shop.restore(file, force=True)
    assert shop.texts() == ["text 0", "text 1", "text 2"]
    assert picture.read_bytes() == b"picture"
    assert done.manifest.media == 1
    with shop.opened() as database:
        with database.reading() as session:
            assert documents.all_pieces(session) == [("a.pdf", Piece("保修", "两年", 3))]
        shop.say(database)  # Numbers and triggers go on where they were.
    assert len(shop.texts()) == 4
    assert not [path for path in shop.folder.rglob("*") if path.name.startswith(".")]


def test_what_was_acknowledged_before_a_backup_is_in_it_while_others_go_on_writing(shop: Place) -> None:
    stop, before = threading.Event(), shop.said

    def write() -> None:
        with shop.opened() as database:
            while not stop.is_set():
                shop.say(database)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        files = []
        for number in range(3):
            acknowledged = shop.said
            files.append((acknowledged, shop.backup(f"{number}.tar.gz"), shop.said))
    finally:
        stop.set()
        writer.join()
    assert shop.said > before
    for acknowledged, file, at_the_end in files:
        shop.restore(file, force=True)
        found = shop.texts()
        assert found == [f"text {n}" for n in range(len(found))]
        assert acknowledged <= len(found) <= at_the_end + 1


def test_a_database_that_is_not_empty_is_replaced_only_by_force(shop: Place) -> None:
    file = shop.backup()
    with shop.opened() as database:
        shop.say(database)
    with pytest.raises(Refused, match="--force"):
        shop.restore(file)
    assert len(shop.texts()) == 4
    kept = shop.restore(file, force=True).kept
    assert len(shop.texts()) == 3
    if kept:  # of SQLite: the file as it was
        assert len(Place(f"sqlite:///{kept}", shop.folder).texts()) == 4


def test_an_empty_database_is_filled_without_force(shop: Place) -> None:
    file = shop.backup()
    with shop.opened() as database:
        if database.is_sqlite:
            (shop.folder.parent / "parley.db").unlink()
        else:
            with database.engine.begin() as connection:
                connection.execute(text("DROP SCHEMA public CASCADE"))
                connection.execute(text("CREATE SCHEMA public"))
    shop.restore(file)
    assert len(shop.texts()) == 3


def test_while_somebody_works_on_the_database_nothing_is_restored(shop: Place) -> None:
    file = shop.backup()
    with shop.opened() as database:
        database.claim()
        with database.engine.connect(), pytest.raises((InUse, Refused), match="works on"):
            shop.restore(file, force=True)
    assert len(shop.texts()) == 3


def changed(file: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The archive with another manifest."""
    with tarfile.open(file) as old, tarfile.open(file.with_name("changed.tar.gz"), "w:gz") as new:
        for member in old:
            data = old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "manifest.json":
                told = json.loads(data)
                change(told)
                data = json.dumps(told).encode()
            member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return file.with_name("changed.tar.gz")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("schema", "9999", "newer Parley"),
        ("database", "oracle", "the settings name"),
        ("sha256", "0" * 64, "missing or was changed"),
        ("media", 7, "missing or was changed"),
        ("format", 2, "format 2"),
        ("surprise", 1, "no whole backup"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_and_nothing_has_changed(
    sqlite_shop: Place, field: str, value: object, words: str
) -> None:
    file = changed(sqlite_shop.backup(), lambda told: told.update({field: value}))
    with pytest.raises(Refused, match=words):
        sqlite_shop.restore(file, force=True)
    assert len(sqlite_shop.texts()) == 3


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97, "turned"])
def test_a_broken_archive_is_refused_and_nothing_has_changed(
    sqlite_shop: Place, share: float | str
) -> None:
    data = bytearray(sqlite_shop.backup().read_bytes())
    if isinstance(share, str):
        data[len(data) // 2] ^= 0xFF
    else:
        data = data[: int(len(data) * share)]
    broken = sqlite_shop.folder / "broken.tar.gz"
    broken.write_bytes(data)
    with pytest.raises(Refused, match="no whole backup"):
        sqlite_shop.restore(broken, force=True)
    assert len(sqlite_shop.texts()) == 3
    assert not list(sqlite_shop.folder.parent.rglob(".parley-*"))


@pytest.mark.parametrize(
    "name", ["../evil", "media/../../evil", "/tmp/evil", "media/", "evil", "manifest.json"]
)
def test_an_archive_writes_nowhere_else(sqlite_url: str, tmp_path: Path, name: str) -> None:
    shop = Place(sqlite_url, tmp_path / "shop")
    with shop.opened() as database:
        shop.say(database)
    with tarfile.open(shop.backup()) as old, tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as new:
        for member in old:
            new.addfile(member, old.extractfile(member))
        evil = tarfile.TarInfo(name)
        evil.size = 4
        new.addfile(evil, io.BytesIO(b"evil"))
    with pytest.raises(Refused, match="in it"):
        shop.restore(tmp_path / "evil.tar.gz", force=True)
    assert not list(tmp_path.rglob("evil"))


def test_a_restore_that_fails_in_the_middle_changes_nothing(postgres_url: str, tmp_path: Path) -> None:
    shop = Place(postgres_url, tmp_path / "shop")
    with shop.opened() as database:
        shop.say(database, 200)
        dump = tmp_path / "dump"
        dumps.dump(database, dump, lambda _: None)
        whole = dump.read_bytes()
        dump.write_bytes(whole[: int(len(whole) * 0.9)])
        with pytest.raises(Refused, match="nothing was changed"):
            dumps.load(database, dump, NOW, lambda _: None)
    assert len(shop.texts()) == 200


def test_a_database_with_tables_of_somebody_else_is_left_alone(postgres_url: str, tmp_path: Path) -> None:
    shop = Place(postgres_url, tmp_path / "shop")
    file = shop.backup()
    with shop.opened() as database, database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE ledger (id int)"))
    with pytest.raises(Refused, match="ledger"):
        shop.restore(file, force=True)


def test_without_postgresqls_programs_it_is_said_what_is_missing(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Place(postgres_url, tmp_path / "shop")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused, match="pg_dump is not installed"):
        shop.backup()
    assert [path.name for path in shop.folder.iterdir()] == []


def test_the_password_of_a_database_is_in_no_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database("postgresql://me:geheim@db.example:5433/shop?sslmode=require")
    url, environment = dumps._told(database.engine.url)
    assert url == "postgresql://me@db.example:5433/shop?sslmode=require"
    assert environment["PGPASSWORD"] == "geheim"


def parley(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    place.settings.file.write_text(f'database_url = "{place.url}"\n', encoding="utf-8")
    command = [sys.executable, "-c", "from parley.cli import main; main()", "db", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PARLEY_CONFIG": str(place.settings.file)}
    return subprocess.run(command, env=environment, cwd=place.folder, capture_output=True, text=True)


def test_the_commands_say_what_they_did_and_exit_as_they_should(sqlite_url: str, tmp_path: Path) -> None:
    shop = Place(sqlite_url, tmp_path / "shop")
    with shop.opened() as database:
        shop.say(database, 3)
    made = parley(shop, "backup", "b.tar.gz", "--json")
    assert (made.returncode, json.loads(made.stdout)["database"]) == (0, "sqlite")
    refused = parley(shop, "backup", "b.tar.gz")
    assert (refused.returncode, "exists already" in refused.stderr) == (1, True)
    assert parley(shop, "backup", "nowhere/b.tar.gz").returncode == 2
    assert parley(shop, "restore", "missing.tar.gz").returncode == 2
    refused = parley(shop, "restore", "b.tar.gz")
    assert (refused.returncode, "--force" in refused.stderr) == (1, True)
    done = parley(shop, "restore", "b.tar.gz", "--force", "--json")
    assert (done.returncode, json.loads(done.stdout)["schema"]) == (0, archives.read_manifest(
        shop.folder / "b.tar.gz").schema)  # fmt: skip
