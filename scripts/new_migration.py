"""Write a migration for what the tables have and the database of the last one has not.

.venv/bin/python scripts/new_migration.py "Add segments"
"""

import sys
import tempfile
from pathlib import Path

import crm_store.tables  # noqa: F401  (fills the metadata)
from crm_store.db import Database
from crm_store.migrating import upgrade, write_migration


def main(message: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'new.db'}")
        upgrade(database)
        write_migration(database, message)


if __name__ == "__main__":
    main(sys.argv[1])
