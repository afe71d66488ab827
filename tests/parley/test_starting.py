"""A start does what was asked for and no more: each command loads its own, and all is compiled before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from config.settings import read_settings
from crm_store.db import Database
from crm_store.migrating import find_version, newest_version
from parley.cli import FILES
from parley.cli.every import app
from parley.preparing import prepare
from tests.parley.serving import ROOT, Server

# What takes a tenth of a second and more to load.
HEAVY = {"aiohttp", "alembic", "fastapi", "numpy", "pydantic", "rich", "sqlalchemy", "starlette"}


def loaded(asked: str, *options: str) -> set[str]:
    """The libraries that a Python has loaded after this program."""
    asked += "; import sys, json; print(json.dumps([name for name, found in sys.modules.items() if found]))"
    command = [sys.executable, *options, "-c", asked]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(told.stdout)}


def test_every_command_is_where_its_first_word_says() -> None:
    found = {
        str(one.name or one.callback.__name__): {one.callback.__module__}
        for one in app.registered_commands
        if one.callback
    }
    for group in app.registered_groups:
        assert group.typer_instance
        commands = group.typer_instance.registered_commands
        found[str(group.name)] = {one.callback.__module__ for one in commands if one.callback}
    assert found == {word: {f"parley.cli.{name}" for name in names} for word, names in FILES.items()}


def test_what_becomes_a_server_loads_nothing_that_the_server_loads_again() -> None:
    libraries = loaded("import parley.cli, parley.cli.run")
    assert "typer" in libraries
    assert libraries & HEAVY == set()


def test_all_that_a_server_chooses_by_name_is_compiled_beforehand() -> None:
    libraries = loaded("from parley import compiling; compiling.load()", "-OO")
    assert {"fastapi", "httptools", "psycopg", "redis", "sqlite3", "telegram", "uvloop"} <= libraries
    assert {"websockets", "wechatpy"} <= libraries
    assert libraries & {"alembic", "rich", "scipy", "typer"} == set()


def test_a_first_start_has_its_database_migrated_before_it_serves(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    settings = read_settings(Server(tmp_path, url).config, {})
    assert prepare(settings)
    database = Database(url)
    assert find_version(database) == newest_version()
    database.close()


def test_wrong_settings_are_told_in_words_and_change_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    kind = 'kind = "pigeon"'
    server = Server(tmp_path, url, more=f'[[channels]]\nname = "loft"\n{kind}\n')
    line = 1 + server.config.read_text(encoding="utf-8").splitlines().index(kind)
    told = server.run("run")
    assert told.returncode == 1
    assert told.stderr.startswith(f"{server.config}:{line}: channels.0.kind")
    assert "Traceback" not in told.stderr
    assert "Parley is starting" not in told.stdout
    database = Database(url)
    assert find_version(database) is None
    database.close()
