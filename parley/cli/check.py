"""`parley check`: whether `parley run` would start."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from actions.base import load_actions
from config.reading import SettingsError, line_of
from config.settings import Settings
from nlu.action_server import ActionServer
from nlu.domain import Domain
from nlu.policies import Policies
from nlu.project import read_project
from nlu.rasa_dialogue import RasaDialogue
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import EngineUnavailable
from nlu.reading import Problem, ProjectErrors
from parley.cli.given import settings_from
from parley.cli.root import AsJson, Config, app
from parley.opening import action_server_of, documents_of, idle_host, open_channels
from parley.training import foreign_actions

CHECK_SECONDS = 5.0  # so long a Rasa server is waited for


@app.command(epilog="Example: parley check --config parley.toml")
def check(config: Config = None, as_json: AsJson = False) -> None:
    """Check settings, bot files and channels: errors, what has no effect, who runs which action.

    A Rasa server that does not answer is no error: the embedded engine stands in for it.
    """
    checked = check_all(config)
    faults, notes = (sorted(f, key=itemgetter("file", "line")) for f in (checked.faults, checked.notes))
    if as_json:
        told = {"ok": not faults, "errors": faults, "notes": notes, "actions": checked.actions}
        print(json.dumps(told, ensure_ascii=False))
    for fault in [] if as_json else faults:
        print(f"{fault['file']}:{fault['line']}: {fault['what']}")
    for note in [] if as_json else notes:
        print(f"{note['file']}:{note['line']}: note: {note['what']}")
    if faults:
        raise typer.Exit(1)
    if not as_json:
        for line in said_of(checked.actions):
            print(line)
        Console().print("Everything holds.")


@dataclass(slots=True)
class Checked:
    """What is wrong, what has no effect; each action with who runs it: "here", a server, nobody (None)."""

    faults: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)


def check_all(config: Config) -> Checked:
    """Check all that a start would read."""
    try:
        settings = settings_from(config)
    except SettingsError as error:
        return Checked(_told(error))
    found = Checked()
    for check in (lambda: open_channels(settings, idle_host(settings)), lambda: documents_of(settings)):
        try:
            check()
        except SettingsError as error:
            found.faults += _told(error)
    server, folder = None, settings.at(settings.bot)
    try:
        server = action_server_of(settings)
    except ProjectErrors as errors:
        found.faults += _placed(folder, errors.problems)
    try:
        project = read_project(folder)
        found.notes = _placed(folder, project.warnings)
        Policies(project).check()
    except ProjectErrors as errors:
        found.faults += _placed(folder, errors.problems)
    else:
        found.actions = _actions(project.domain, folder, server)
    if not found.faults:
        found.notes += _not_there(settings)
    return found


def _placed(folder: Path, problems: Iterable[Problem]) -> list[dict[str, Any]]:
    return [
        {"file": str(folder / problem.file), "line": problem.line, "what": problem.expected}
        for problem in problems
    ]


def _actions(domain: Domain, folder: Path, server: ActionServer | None) -> list[dict[str, Any]]:
    own = load_actions()
    foreign, found = foreign_actions(domain, own), []
    for name, (file, line) in domain.places.items():
        runs = "here" if name in own else server.endpoint.where if server else None
        if name in own or name in foreign:
            found.append({"file": str(folder / file), "line": line, "action": name, "runs": runs})
    return found


def said_of(actions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Who runs which action, in words: those that run elsewhere or nowhere one by one."""
    lines = []
    for one in actions:
        where = f"{one['file']}:{one['line']}: {one['action']}"
        if one["runs"] is None:
            lines.append(f"{where} is run by nobody: it has no file in actions/ and no action_endpoint")
        elif one["runs"] != "here":
            lines.append(f"{where} runs at {one['runs']}")
    count = sum(one["runs"] == "here" for one in actions)
    return [
        *lines,
        "1 action of actions/ runs here." if count == 1 else f"{count} actions of actions/ run here.",
    ]


def _not_there(settings: Settings) -> list[dict[str, object]]:
    """What a Rasa server lacks that is to do something for us."""
    nlu, found = settings.nlu, []
    try:
        if nlu.engine == "rasa":
            reading = RasaServer(nlu.rasa_url, CHECK_SECONDS)
            reading.understand(["hello"])
            reading.close()
    except EngineUnavailable as error:
        found.append(
            f"{error}; is it started with --enable-api? Until then the embedded engine understands"
        )
    try:
        if nlu.dialogue == "rasa":
            RasaDialogue(nlu.rasa_url, CHECK_SECONDS).check()
    except EngineUnavailable as error:
        told = "does credentials.yml have a line rest:? Until then the embedded engine leads the dialogue"
        found.append(f"{error}; {told}")
    line = line_of(settings.file, "nlu.rasa_url")
    return [{"file": str(settings.file), "line": line, "what": f"nlu.rasa_url: {what}"} for what in found]


def _told(error: SettingsError) -> list[dict[str, object]]:
    return [
        {"file": str(error.file), "line": line, "what": f"{key}: {what}"}
        for line, key, what in error.faults
    ]
