"""The bar that the house keeps itself: its shape, its size, its words, its docs."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import iter_modules
from typing import cast

import pytest
import typer
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import actions
from actions.base import Turn, load_actions
from bots.base import Channel, find_channel
from campaigns.base import find_trigger, load_triggers
from crm_store.db import Database
from crm_store.migrating import differences
from parley.cli.every import app
from scripts import reference

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
importlib.import_module("crm_store.tables")  # fills SQLModel.metadata
PRODUCT = ("actions", "bots", "campaigns", "config", "console", "crm_store", "nlu", "pages", "parley")


def _files(*patterns: str) -> list[Path]:
    """Files of the project: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0")) - {""}))
    return [path for path in paths if path.is_file()]


def _python(*folders: str) -> list[Path]:
    return _files(*(f"{folder}/**.py" for folder in folders))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Every function with its length in lines, decorators and docstring included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min((decorator.lineno for decorator in node.decorator_list), default=node.lineno)
            yield f"{path.relative_to(ROOT)}:{node.name}", (node.end_lineno or first) - first + 1


def _percentile(values: list[int], share: float) -> int:
    return sorted(values)[int(len(values) * share)]


def _run(*command: str) -> None:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_nobody_imports_whom_they_may_not_and_there_are_no_knots() -> None:
    _run("lint-imports", "--no-cache")


def test_style_holds() -> None:
    _run("ruff", "check", ".")
    _run("ruff", "format", "--check", ".")


@pytest.mark.timeout(600)
def test_types_hold() -> None:
    _run("mypy")


def test_product_files_are_short() -> None:
    sizes = [_lines(path) for path in _python(*PRODUCT)]
    assert statistics.median(sizes) <= 100
    assert _percentile(sizes, 0.95) <= 300


def test_no_file_is_longer_than_500_lines() -> None:
    assert [f"{path}: {_lines(path)}" for path in _files("*.py") if _lines(path) > 500] == []


def test_product_functions_are_short() -> None:
    sizes = [size for path in _python(*PRODUCT) for _, size in _functions(path)]
    assert statistics.median(sizes) <= 8
    assert _percentile(sizes, 0.95) <= 30


def test_no_function_is_longer_than_60_lines() -> None:
    written = [path for path in _files("*.py") if "migrations/versions" not in str(path)]
    functions = (function for path in written for function in _functions(path))
    assert [f"{name}: {size}" for name, size in functions if size > 60] == []


def _code(path: Path) -> str:
    """What a program says without comments, docstrings and other prose (texts with a space in them)."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return re.sub(r"^\s*(?://|\*|/\*|<!--).*$", "", text, flags=re.MULTILINE)
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = ""
    return ast.unparse(tree)


def test_no_code_outside_bots_names_a_kind_of_channel() -> None:
    kinds = re.compile("|".join(reference.channels()), re.IGNORECASE)
    # Two commands are about certain channels: the local platforms, and the terminal. Lean names libraries.
    exempt = ("bots/", "config/", "parley/cli/simulate", "parley/cli/talk", "parley/lean")
    found = [
        f"{name}: {line.strip()}"
        for path in _files(*(f"{folder}/**" for folder in PRODUCT))
        if path.suffix in {".py", ".js", ".html"}
        and not (name := str(path.relative_to(ROOT))).startswith(exempt)
        for line in _code(path).splitlines()
        if kinds.search(line)
    ]
    assert found == []


def test_pages_ask_no_other_host_for_anything() -> None:
    loads = re.compile(r"""(?:src|href|url|import|fetch|action)\s*[=(]?\s*["'(]\s*(?:https?:)?//""")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in _files("*.html", "*.css", "*.js", "*.svg")
        for line in _code(path).splitlines()
        if loads.search(line)
    ]
    assert found == []


@pytest.fixture
def drop_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str], None]:
    """Put a file into a package as if it lay in its folder."""

    def put(package: str, name: str, code: str) -> None:
        folder = tmp_path / package
        folder.mkdir()
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        found = importlib.import_module(package)
        monkeypatch.setattr(found, "__path__", [*found.__path__, str(folder)])
        monkeypatch.delitem(sys.modules, f"{package}.{name}", raising=False)

    return put


def test_a_channel_is_one_file(drop_in: Callable[[str, str, str], None]) -> None:
    drop_in(
        "bots",
        "carrier_pigeon",
        "from bots.base import Channel\n\n\nclass CarrierPigeon(Channel):\n    pass\n",
    )
    channel = find_channel("carrier_pigeon")
    assert issubclass(channel, Channel)
    assert channel.__name__ == "CarrierPigeon"
    assert "carrier_pigeon" in reference.channels()


def test_an_action_is_one_file(
    drop_in: Callable[[str, str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actions.base._actions", dict(load_actions()))
    drop_in(
        "actions",
        "dropped_in",
        "from actions.base import action\nfrom crm_store.messages import Content\n\n\n"
        "@action('action_dropped_in')\n"
        "def dropped_in(turn):\n    yield Content(text='from nine')\n",
    )
    found = load_actions()["action_dropped_in"]
    assert [content.text for content in found(cast(Turn, None))] == ["from nine"]


def test_a_trigger_is_one_file(
    drop_in: Callable[[str, str, str], None], monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    monkeypatch.setattr("campaigns.base._triggers", dict(load_triggers()))
    drop_in(
        "campaigns",
        "birthday",
        "from campaigns.base import Params, trigger\nfrom crm_store.segment_query import customers_in\n\n\n"
        "class Birthday(Params):\n    days_before: int = 0\n\n\n@trigger('birthday', Birthday)\n"
        "def birthday(session, params, now):\n    return customers_in(session, {'tag': 'today'}, now)\n",
    )
    found = find_trigger("birthday")
    assert found.check({"days_before": 3}).model_dump() == {"days_before": 3}
    with database.reading() as session:
        query = found.whom(session, {}, datetime(2026, 3, 1, tzinfo=UTC))
        assert session.exec(query).all() == []


def test_every_file_with_an_action_is_read() -> None:
    files = {
        f"actions.{module.name}"
        for module in iter_modules(actions.__path__)
        if "\n@action(" in (ROOT / "actions" / f"{module.name}.py").read_text(encoding="utf-8")
    }
    assert files == {function.__module__ for function in load_actions().values()}


@pytest.mark.parametrize("page", ["settings.md", "commands.md", "channels.md", "actions.md", "triggers.md"])
def test_the_reference_says_what_the_code_says(page: str) -> None:
    written = (reference.FOLDER / page).read_text(encoding="utf-8")
    assert written == reference.pages()[page], "run `make reference`"


def test_every_setting_says_what_it_does() -> None:
    silent = [
        f"{page}: {line}"
        for page in ("settings.md", "channels.md", "triggers.md")
        for line in reference.pages()[page].splitlines()
        if line.startswith("| `") and line.endswith("|  |")
    ]
    assert silent == []


def test_every_table_says_what_is_personal_and_what_becomes_of_it() -> None:
    wrong = []
    for table in SQLModel.metadata.sorted_tables:
        declared = table.info.get("personal")
        columns = {column.name for column in table.columns}
        if not (
            isinstance(declared, dict)
            and set(declared) <= columns
            and set(declared.values()) <= {"erase", "pseudonym", "delete"}
        ):
            wrong.append(table.name)
    assert SQLModel.metadata.sorted_tables
    assert wrong == []


def test_migrations_have_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "crm_store" / "migrations"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_migrations_make_the_tables_that_the_code_declares(database: Database) -> None:
    assert differences(database) == []


DOCS = ["*.md", "docs/**.md"]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def _prose() -> Iterator[tuple[Path, str]]:
    for path in _files(*DOCS):
        yield path, path.read_text(encoding="utf-8")


def test_every_link_in_the_docs_leads_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path, text in _prose()
        for target in LINK.findall(text)
        if not re.match(r"https?://|#|mailto:", target)
        and not (path.parent / target.split("#")[0]).exists()
    ]
    assert broken == []


def test_every_file_named_in_the_docs_exists() -> None:
    folders = "|".join((*PRODUCT, "bench", "tests", "scripts", "docs", "requirements"))
    named = re.compile(rf"`((?:{folders})/[\w./-]+\.(?:py|md|toml|yml|lock|css|js|html))`")
    examples = {"bots/line.py", "actions/opening_hours.py", "tests/bots/test_line.py"}
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in _prose()
        for name in named.findall(text)
        if name not in examples and not (ROOT / name).exists()
    ]
    assert missing == []


def test_every_make_target_in_the_docs_exists() -> None:
    targets = set(
        re.findall(r"^([.\w-]+):(?!=)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = {
        (path.name, target)
        for path, text in _prose()
        for target in re.findall(r"(?:`|^\s*|&& )make ([.\w-]+)", text, re.MULTILINE)
    }
    assert named
    assert {(name, target) for name, target in named if target not in targets} == set()


def test_every_command_in_the_docs_exists() -> None:
    known = {name for name, _ in reference.walk_commands(typer.main.get_command(app), "parley")}
    said = re.compile(r"(?:`|^\s*|\| |bin/)(parley(?: [a-z][\w-]*)+)", re.MULTILINE)
    wrong = {
        (path.name, words)
        for path, text in _prose()
        for words in said.findall(text)
        if not any(f"{words} ".startswith(f"{name} ") or name.startswith(f"{words} ") for name in known)
    }
    assert wrong == set()


def test_locks_name_every_hash_and_no_index() -> None:
    for lock in _files("requirements/*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert re.findall(r"https?://|--(?:extra-)?index|--find-links|--trusted", text) == []
        pins = re.findall(r"^[a-z0-9][^\s]*==", text, re.MULTILINE)
        assert len(pins) > 10
        assert len(re.findall(r"\\\n    --hash", text)) >= len(pins)


def test_the_client_of_redis_is_loaded_only_by_who_has_one() -> None:
    asked = "import sys, parley.house, parley.app; print([m for m in sys.modules if m.startswith('redis')])"
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_a_language_model_costs_nothing_where_there_is_none() -> None:
    asked = "import sys, parley.house, parley.app; print([m for m in sys.modules if '.llm' in m])"
    found = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr
