"""`parley bot …`: the bot by itself, without a server and without a database."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console

from nlu.embedded import Embedded
from nlu.evaluate import evaluate, parse_lines, read_rows
from nlu.limits import FEWEST, Limits
from nlu.meaning import Reader
from nlu.model import Model
from nlu.pipeline import Thresholds
from nlu.project import DOMAINS, Project, read_project
from nlu.story_tests import run_test_stories
from parley.cli.given import settings_from
from parley.cli.root import AsJson, bot
from parley.training import open_model, train_apart

ModelFile = Annotated[
    Path, typer.Option("--model", help="a model that `parley bot train` wrote", exists=True)
]
PIECE = 256  # lines understood before the first ones are printed


@bot.command(epilog="Example: parley bot train --data config/bot --out bot.model")
def train(
    data: Annotated[Path, typer.Option(help="a Rasa project, or a folder of nlu data alone", exists=True)],
    out: Annotated[Path, typer.Option(help="the model file to write")],
    before: Annotated[
        Path | None,
        typer.Option(help="the project as it was: refuse what answers worse", exists=True),
    ] = None,
) -> None:
    """Train the embedded engine and write the model.

    With --before the gate judges it, as it judges what people teach in the console: exits 1, lists what
    would be answered otherwise and writes nothing if the project as it was answers better.
    """
    progress = Console(stderr=True)
    with TemporaryDirectory(prefix="parley-") as folder, progress.status("training …"):
        thresholds = read_project(data).thresholds
        trained = Path(folder) / "new.model" if before else out
        verdict = train_apart(data, trained, before=before)
        if verdict and verdict["reasons"]:
            print("\n".join(refusal_told(verdict)))
            raise typer.Exit(1)
        if before:
            out.parent.mkdir(parents=True, exist_ok=True)
            copyfile(trained, out)
    for line in limits_told(Model.load(out).limits, thresholds):
        progress.print(line, highlight=False, soft_wrap=True)
    print(out)


def refusal_told(verdict: Mapping[str, Any]) -> list[str]:
    """Why the gate is against a model, and what would be answered otherwise."""
    why = ", ".join(verdict["reasons"])
    lines = [f"refused: {why}; {verdict['flipped']} questions would be answered otherwise"]
    for flip in verdict["flips"]:
        now = flip["now"] or "nothing"
        lines.append(f"{flip['kind']:9} {flip['text']!r}: expected {flip['expected']}, now {now}")
    return lines


def limits_told(limits: Limits, thresholds: Thresholds) -> list[str]:
    """What training has chosen, in words."""
    if thresholds.own:
        return ["thresholds: the project's own (FallbackClassifier in config.yml); none were chosen"]
    return [_limit_told(kind, limits) for kind in ("intents", "entries") if limits.texts.get(kind)]


def _limit_told(kind: str, limits: Limits) -> str:
    reached, name = limits.reached.get(kind), {"intents": "intents", "entries": "FAQ entries"}[kind]
    if reached is None:
        return (
            f"{name}: {limits.texts[kind]} examples could be held out, too few to choose a threshold "
            f"({FEWEST} are needed): the default counts"
        )
    limit = limits.intent if kind == "intents" else limits.faq_agreed
    missed = "" if reached.holds else f" – {limits.wanted:.0%} could not be reached: add examples"
    return (
        f"{name}: answered from {limit} on; of {reached.texts} held-out examples {reached.answered:.0%} "
        f"are answered, {reached.right:.1%} of them rightly (wanted: {limits.wanted:.0%}){missed}"
    )


@bot.command(epilog="Example: echo 几点开门 | parley bot parse --model bot.model --json")
def parse(model: ModelFile, as_json: AsJson = False) -> None:
    """Understand texts: one a line in, one Rasa-shaped result a line out."""
    interpreter = Embedded(Model.load(model))
    piece: list[str] = []
    for line in sys.stdin:
        piece.append(line)
        if len(piece) == PIECE or sys.stdin.isatty():
            _print_parsed(interpreter, piece, as_json)
            piece = []
    _print_parsed(interpreter, piece, as_json)


def _print_parsed(interpreter: Embedded, lines: list[str], as_json: bool) -> None:
    for result in parse_lines(interpreter, lines):
        if as_json:
            print(json.dumps(result, ensure_ascii=False))
            continue
        intent = result["intent"]
        entities = ", ".join(f"{e['entity']}={e['value']}" for e in result["entities"])
        print(f"{intent['name']}\t{intent['confidence']:.3f}\t{entities}")


@bot.command(
    name="test-nlu", epilog="Example: parley bot test-nlu --model bot.model --data test.jsonl --json"
)
def test_nlu(
    model: ModelFile,
    data: Annotated[Path, typer.Option(help="marked texts, one JSON object a line", exists=True)],
    as_json: AsJson = False,
) -> None:
    """Measure a model on marked texts: accuracy of intents, F1 of entities, speed.

    Also which share would be answered and not asked back, by the thresholds that its training chose.
    """
    with data.open(encoding="utf-8") as lines:
        rows = read_rows(lines, str(data))
    asked = Model.load(model)
    retrieval = {entry.partition("/")[0] for entry in asked.retriever.entries}
    reader = Reader(retrieval, asked.retriever.entries, Thresholds(), asked.limits)
    found = evaluate(Embedded(asked), rows, reader)
    found["thresholds"] = asked.limits.numbers()
    print(json.dumps(found) if as_json else _table(found))


def _table(values: Mapping[str, Any]) -> str:
    return "\n".join(f"{name:18} {value}" for name, value in values.items())


@bot.command(epilog="Example: parley bot test config/bot --nlu")
def test(
    path: Annotated[
        Path, typer.Argument(help="a project, a folder or a file of test stories", exists=True)
    ],
    nlu: Annotated[bool, typer.Option("--nlu", help="understand the texts too")] = False,
    as_json: AsJson = False,
) -> None:
    """Run Rasa-format test stories on the embedded engine. Exits 1 if one fails."""
    project = _project_of(path)
    model = None
    if nlu:
        settings = settings_from(None)
        tell = Console(stderr=True).print
        model = Embedded(open_model(project, settings.at(settings.models_dir), tell))
    given = [] if path.resolve() == project.path.resolve() else [path]
    found = run_test_stories(project, given, model)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        for failure in found["failures"]:
            print(f"{failure['story']}, turn {failure['turn']}: ", end="")
            print(f"expected {failure['expected']}, got {failure['actual']}")
        print(f"{found['passed']} of {found['stories']} stories passed")
    if found["failures"]:
        raise typer.Exit(1)


def _project_of(path: Path) -> Project:
    """The project that a path belongs to: the nearest folder upwards with a domain; else the settings'."""
    start = path.resolve()
    for folder in [start, *start.parents]:
        if any((folder / name).exists() for name in DOMAINS):
            return read_project(folder)
    settings = settings_from(None)
    return read_project(settings.at(settings.bot))
