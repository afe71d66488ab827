"""`parley run` and `parley check`: the server, and whether it would start."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import cache_from_source
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy
import typer
from rich.console import Console
from starlette.routing import Route

from actions.base import load_actions
from bots.base import Channel
from config.reading import SettingsError, line_of
from config.settings import Settings
from crm_store.db import Database
from crm_store.media import MediaFolder
from nlu.action_server import ActionServer
from nlu.domain import Domain
from nlu.policies import Policies
from nlu.project import read_project
from nlu.rasa_dialogue import RasaDialogue
from nlu.rasa_server import RasaServer
from nlu.rasa_wire import EngineUnavailable
from nlu.reading import Problem, ProjectErrors
from parley.cli.root import AsJson, Config, app, settings_from
from parley.cli.store import open_database
from parley.host import HouseHost
from parley.live import Hub
from parley.now import utc_now
from parley.opening import action_server_of, bot_of, documents_of, open_channels
from parley.training import foreign_actions

CHECK_SECONDS = 5.0  # so long a Rasa server is waited for by `parley check`
# Scoring a batch of texts is one small matrix product: more threads only cost memory.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}


@app.command(epilog="Example: parley run --config /etc/parley/parley.toml --host 0.0.0.0 --port 8000")
def run(
    config: Config = None,
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port to listen on")] = 8000,
) -> None:
    """Run everything in one process: web, workers, delivery."""
    settings = settings_from(config)
    # What is wrong is told here, before the process becomes the server.
    documents_of(settings)
    channels = open_channels(settings, _idle_host(settings))
    # Here too, so that the server never loads what only a migration needs (11 MB).
    with open_database(config) as database:
        names = _demo(settings, channels, database)
        print(_welcome(channels, host, port, sys.argv[0], names), flush=True)
    _become("parley.server", str(settings.file), host, str(port))


@app.command(epilog="Example: parley worker --config /etc/parley/parley.toml")
def worker(config: Config = None) -> None:
    """Run more workers for the same database: all that `parley run` does but the web server."""
    settings = settings_from(config)
    if not settings.redis_url or settings.database_url.startswith("sqlite"):
        raise typer.BadParameter(
            "parley worker needs redis_url and a PostgreSQL database_url: "
            "without them parley run does everything in one process",
            param_hint="--config",
        )
    open_channels(settings, _idle_host(settings))  # What is wrong is told here.
    with open_database(config):
        _tell("Parley works. Stop it with Ctrl-C.")
    _become("parley.worker_process", str(settings.file))


def _demo(settings: Settings, channels: Sequence[Channel], database: Database) -> list[str]:
    """Fill an empty database if the settings say so; who can sign in with the demo's password."""
    if not settings.demo:
        return []
    from parley import demo  # and all that fills it, which the commands do not need otherwise

    now = utc_now()
    with database.reading() as session:
        filled, empty = demo.is_filled(session, now), demo.is_empty(session)
    if empty:
        demo.fill(database, bot_of(settings, utc_now, _tell), now)
    return demo.staff_names() if filled or empty else []


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def _become(module: str, *arguments: str) -> None:
    """Become a server or worker under the same id: without what only commands need (20 MB)."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    sys.stdout.flush()
    # A process of its own: the module shuts out what commands need, and -OO what only readers do.
    # Only where libraries are compiled for it (`make .venv` does): else each start would take seconds more.
    compiled = Path(cache_from_source(sqlalchemy.__file__, optimization=2)).exists()
    options = ["-OO"] if compiled else []
    command = [sys.executable, *options, "-m", module, *arguments]
    os.execv(sys.executable, command)  # noqa: S606  (our own interpreter and module)


def _welcome(channels: Sequence[Channel], host: str, port: int, command: str, demo: Sequence[str]) -> str:
    base = f"http://{host}:{port}"
    lines = ["Parley is starting. Stop it with Ctrl-C.", ""]
    for channel in channels:
        pages = [route.path for route in channel.routes() if isinstance(route, Route)]
        what, path = ("chat page", pages[0]) if pages else ("webhook", f"/webhooks/{channel.name}")
        lines.append(f"  {what:10} {base}{path}")
    sign_in = f"a sign-in: {command} user add NAME --role admin"
    if demo:
        sign_in = f"sign in as {', '.join(demo)} with the password parley-demo"
    lines += [f"  {'console':10} {base}/console   ({sign_in})"]
    lines += [f"  {'API':10} {base}/api/docs   (a token: {command} token new --scope admin)", ""]
    return "\n".join(lines)


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
    for check in (lambda: open_channels(settings, _idle_host(settings)), lambda: documents_of(settings)):
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


def _idle_host(settings: Settings) -> HouseHost:
    """A host for channels that are opened and never used; nothing is connected."""
    media = MediaFolder(settings.at(settings.media.dir), 0)
    return HouseHost(Database(settings.resolved_database_url), Hub(), media, utc_now)


def _told(error: SettingsError) -> list[dict[str, object]]:
    return [
        {"file": str(error.file), "line": line, "what": f"{key}: {what}"}
        for line, key, what in error.faults
    ]
