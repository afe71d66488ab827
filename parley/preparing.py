"""What a start may have to do before it serves: migrate, and fill a demo.

A process of its own does it, `python -m parley.preparing CONFIG`: a server never again needs what that
loads (11 MB for migrations alone). Most starts find nothing to do and start no such process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import crm_store.tables  # noqa: F401  (all tables are known from here on)
from config.reading import SettingsError
from config.settings import Settings, read_settings
from crm_store.db import Database
from crm_store.messages import ParleyError
from crm_store.migrating import find_version, newest_version, upgrade
from parley.now import utc_now
from parley.opening import bot_of, documents_of, idle_host, open_channels


def prepare(settings: Settings) -> bool:
    """Have it done if there is anything to do; False if that has failed, and then it was told why."""
    if _is_prepared(settings):
        return True
    command = [sys.executable, "-m", "parley.preparing", str(settings.file)]
    return subprocess.run(command, check=False).returncode == 0  # noqa: S603  (our own module)


def demo_staff(settings: Settings, database: Database) -> list[str]:
    """Who can sign in with the demo's password."""
    if not settings.demo:
        return []
    from parley import demo  # and all that fills it, which is not loaded otherwise

    with database.reading() as session:
        return demo.staff_names() if demo.is_filled(session, utc_now()) else []


def _is_prepared(settings: Settings) -> bool:
    database = Database(settings.resolved_database_url)
    try:
        return find_version(database) == newest_version() and not _is_to_be_filled(settings, database)
    finally:
        database.close()


def _is_to_be_filled(settings: Settings, database: Database) -> bool:
    if not settings.demo:
        return False
    from parley import demo  # as above

    with database.reading() as session:
        return demo.is_empty(session)


def _prepare_here(settings: Settings) -> None:
    # What is wrong is told before anything is changed.
    documents_of(settings)
    open_channels(settings, idle_host(settings))
    database = Database(settings.resolved_database_url)
    try:
        upgrade(database)
        if _is_to_be_filled(settings, database):
            from parley import demo  # as above

            demo.fill(database, bot_of(settings, utc_now, _tell), utc_now())
    finally:
        database.close()


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """`CONFIG`; 1 if what it says does not hold."""
    (config,) = arguments
    try:
        _prepare_here(read_settings(Path(config), os.environ))
    except KeyboardInterrupt:
        return 130  # as a shell counts that
    except (ParleyError, SettingsError) as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
