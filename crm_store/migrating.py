"""Migrations. Alembic takes 11 MB and is wanted once a release, so it is loaded only to migrate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

from crm_store.db import Database

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_223_905  # any number, the same in every process


def upgrade(database: Database) -> None:
    """Migrate to the newest version; several processes may call it, one at a time does it."""
    if find_version(database) == newest_version():
        return
    from alembic import command

    with database.engine.connect().execution_options(writes=True) as connection, connection.begin():
        if not database.is_sqlite:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        command.upgrade(_config(connection), "head")


def find_version(database: Database) -> str | None:
    """The version that the database is at; None before its first migration."""
    with database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def newest_version() -> str:
    """The name of the last migration: their files are numbered."""
    names = [file.name for file in MIGRATIONS.glob("versions/[0-9]*.py")]
    return max(names, default="0000_").partition("_")[0]


def differences(database: Database) -> list[Any]:
    """What a migration is missing for the tables as the code declares them; empty when none."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": False, "include_object": is_declared}
        )
        return list(compare_metadata(context, SQLModel.metadata))


def is_declared(_object: Any, name: str | None, *_: Any) -> bool:
    """Whether the code declares it: what only one database has for searching, its migration alone knows."""
    return "_words_fts" not in (name or "") and not (name or "").endswith("_words_gin")


def write_migration(database: Database, message: str) -> None:
    """Write the migration file that is missing; the database is at the newest version."""
    from alembic import command

    number = f"{int(newest_version()) + 1:04}"
    with database.engine.connect() as connection:
        command.revision(_config(connection), message=message, autogenerate=True, rev_id=number)


def _config(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes["connection"] = connection
    return config
