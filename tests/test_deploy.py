"""The files for containers name what there is: commands, paths, settings, services."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from config.settings import read_settings
from parley.cli.every import app
from parley.opening import open_channels
from scripts import reference

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
COMMANDS = {name for name, _ in reference.walk_commands(typer.main.get_command(app), "parley")}
FILLED = {
    "POSTGRES_PASSWORD": "geheim",
    "PUBLIC_URL": "https://crm.shop.example",
    "METRICS_TOKEN": "scrape",
}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file, with `deploy/.env` filled in."""

    def fill(found: re.Match[str]) -> str:
        name, _, default = found[1].partition(":-")
        return FILLED.get(name.partition(":?")[0], default)

    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.safe_load(re.sub(r"\$\{([^}]*)\}", fill, text))
    return read


def dockerfile() -> str:
    """The Dockerfile with its continued lines joined."""
    return (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def test_every_service_runs_a_command_that_there_is(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"postgres", "redis", "parley", "worker"}
    for name in ("parley", "worker"):
        assert f"parley {services[name]['command'][0]}" in COMMANDS
    assert services["worker"]["deploy"]["replicas"] == 2


def test_every_mounted_path_is_there_and_every_volume_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mount in service.get("volumes", ()):
            source, target = mount.split(":")[:2]
            assert target.startswith("/")
            if source.startswith("."):
                assert (DEPLOY / source).exists(), mount
            else:
                assert source in compose["volumes"], mount


def test_who_is_waited_for_says_when_it_is_healthy(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert services[needed].get("healthcheck") or "HEALTHCHECK" in dockerfile(), (name, needed)


def test_the_settings_of_the_containers_hold(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {
        k: v for k, v in compose["services"]["worker"]["environment"].items() if k.startswith("PARLEY_")
    }
    settings = read_settings(DEPLOY / "parley.toml", given)
    assert settings.database_url == "postgresql://parley:geheim@postgres:5432/parley"
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.metrics.token == "scrape"
    assert not settings.demo
    assert settings.at(settings.media.dir).is_relative_to("/data")
    assert settings.at(settings.models_dir).is_relative_to("/data")
    assert settings.bot == Path("bot")  # /etc/parley/bot, beside the file that is mounted at /etc/parley
    assert [channel.name for channel in open_channels(settings, None)] == ["site"]  # type: ignore[arg-type]


def test_every_variable_is_explained_and_none_has_a_secret_in_it() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    names = {name.partition(":")[0] for name in re.findall(r"\$\{([^}]*)\}", text)}
    lines = (DEPLOY / ".env.example").read_text(encoding="utf-8").splitlines()
    told = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(told) == names
    assert {name for name, value in told.items() if value} == {"PORT"}


def test_what_the_image_copies_is_there_and_is_sent_to_the_builder() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", dockerfile(), re.MULTILINE)
        for word in line.split()[:-1]
    }
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in copied if not any(path == s or path.startswith(f"{s}/") for s in sent)] == []
    packages = reference_packages()
    assert packages <= copied


def reference_packages() -> set[str]:
    """The folders that are packages of the product."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r"^packages = \[(.*)\]$", text, re.MULTILINE)
    assert found
    return set(re.findall(r'"(\w+)"', found[1]))


def test_the_image_runs_as_nobody_in_particular_and_without_tools() -> None:
    last = dockerfile().rpartition("\nFROM ")[2]
    assert re.search(r"^USER parley$", last, re.MULTILINE)
    assert "/healthz" in last
    assert "pip uninstall" in last
    assert not re.search(r"\b(gcc|build-essential|git|curl)\b", last)
    assert "--require-hashes" in dockerfile()
    entry = re.search(r"^ENTRYPOINT \[(.*)\]$", last, re.MULTILINE)
    command = re.search(r"^CMD \[(.*)\]$", last, re.MULTILINE)
    assert entry
    assert command
    words = shlex.split(entry[1].replace(",", " ") + " " + command[1].replace(",", " "))
    assert words[:2] == ["parley", "run"]
