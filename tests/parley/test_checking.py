"""`parley check`: who runs which of a bot's actions, and where that is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parley.cli.every import app
from tests.parley.rasa_sdk_server import TABLE

CHANNEL = '[[channels]]\nname = "here"\nkind = "terminal"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Settings with the table bot; one of its actions is the house's own."""
    shutil.copytree(TABLE, tmp_path / "bot")
    domain = tmp_path / "bot" / "domain.yml"
    domain.write_text(domain.read_text("utf-8").replace("- action_here", "- action_handover"), "utf-8")
    rules = tmp_path / "bot" / "rules.yml"
    rules.write_text(rules.read_text("utf-8").replace("action_here", "action_handover"), "utf-8")
    (tmp_path / "parley.toml").write_text(f'bot = "bot"\n{CHANNEL}', "utf-8")
    return tmp_path


def _check(folder: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", "--config", str(folder / "parley.toml"), *options])
    return result.exit_code, result.output


def test_an_action_that_nobody_runs_is_told_with_its_line(folder: Path) -> None:
    code, told = _check(folder)
    place = folder / "bot" / "domain.yml"
    line = 1 + place.read_text("utf-8").splitlines().index("- action_look")
    assert code == 0
    assert f"{place}:{line}: action_look is run by nobody" in told
    assert "1 action of actions/ runs here." in told


def test_with_an_endpoint_the_others_run_there(folder: Path) -> None:
    endpoint = "action_endpoint:\n  url: http://actions:5055/webhook\n  token: s3cret\n"
    (folder / "bot" / "endpoints.yml").write_text(endpoint, "utf-8")
    code, told = _check(folder, "--json")
    assert code == 0
    where = {one["action"]: one["runs"] for one in json.loads(told)["actions"]}
    assert where["action_look"] == where["validate_table_form"] == "actions:5055/webhook"
    assert where["action_handover"] == "here"
    assert "utter_booked" not in where
    assert "s3cret" not in told + _check(folder)[1]


def test_a_wrong_endpoint_is_an_error_beside_those_of_the_other_files(folder: Path) -> None:
    (folder / "bot" / "endpoints.yml").write_text("action_endpoint:\n  url: nowhere\n", "utf-8")
    code, told = _check(folder)
    assert code == 1
    assert f"{folder / 'bot' / 'endpoints.yml'}:2: expected url: as in http://" in told
