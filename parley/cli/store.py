"""`parley db` and `parley token`: what is done to the database by hand."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from crm_store.db import Database
from crm_store.migrating import upgrade as upgrade_database
from crm_store.tokens import SCOPES, new_token
from parley.cli.given import settings_from
from parley.cli.root import Config, db, token
from parley.now import utc_now


@contextmanager
def open_database(config: Config) -> Iterator[Database]:
    """The database of the settings, migrated."""
    database = Database(settings_from(config).resolved_database_url)
    try:
        upgrade_database(database)
        yield database
    finally:
        database.close()


@db.command(epilog="Example: parley db upgrade --config parley.toml")
def upgrade(config: Config = None) -> None:
    """Migrate the database to this version; `parley run` does it by itself."""
    with open_database(config):
        print("The database is up to date.")


@token.command(name="new", epilog="Example: parley token new --scope write --owner webshop")
def new(
    scope: Annotated[str, typer.Option(help=f"what it may do: {', '.join(SCOPES)}")],
    owner: Annotated[str, typer.Option(help="who uses it: named as the agent of what it writes")] = "",
    config: Config = None,
) -> None:
    """Make a bearer token and print it alone. It is shown this once; only its hash is kept."""
    if scope not in SCOPES:
        raise typer.BadParameter(f"expected one of {', '.join(SCOPES)}", param_hint="--scope")
    with open_database(config) as database, database.writing() as session:
        made = new_token(session, scope, owner or getpass.getuser(), utc_now())
    print(made)
