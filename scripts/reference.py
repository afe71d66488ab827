"""Write docs/reference from the code: settings, commands, channels, actions, triggers.

`python scripts/reference.py` writes the pages; a test compares them with what stands in the code.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import bots
from actions.base import load_actions
from bots.base import Channel, ChannelSettings, find_channel
from campaigns.base import load_triggers
from config.settings import Settings
from parley.cli.every import app

FOLDER = Path(__file__).parent.parent / "docs" / "reference"
WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "secret",
}
NOTE = "<!-- Written by `make reference` from the code: change it there. -->"


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def type_name(annotation: Any) -> str:
    """A type as a reader of a configuration file would say it."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(part)}`" for part in parts)
    if origin is Annotated:
        return type_name(parts[0])
    if origin in (Union, UnionType):
        return " or ".join(type_name(part) for part in parts if part is not type(None))
    if origin in (list, tuple, frozenset):
        return f"list of {type_name(parts[0])}"
    if origin is not None or issubclass(annotation, BaseModel):
        return "table"
    return WORDS[annotation]


def default_of(field: FieldInfo) -> str:
    """The default of a setting as it would stand in the file."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def meaning(field: FieldInfo) -> str:
    """What a setting does: its description, or that of the table it is."""
    annotation = field.annotation
    if not field.description and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return first_paragraph(annotation)
    return field.description or ""


def tables_below(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a setting's type holds."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from tables_below(part)


def fields_table(fields: Mapping[str, FieldInfo]) -> list[str]:
    """One row a setting that can stand in a file."""
    return table(
        ("key", "what stands there", "default", "what it does"),
        (
            (f"`{name}`", type_name(field.annotation), default_of(field), meaning(field))
            for name, field in fields.items()
            if not field.exclude
        ),
    )


def settings_page() -> list[str]:
    """Every key of parley.toml."""
    lines = ["# Settings", "", first_paragraph(Settings), "", *fields_table(Settings.model_fields)]
    for name, field in Settings.model_fields.items():
        for model in tables_below(field.annotation):
            lines += ["", f"## [{name}]", "", first_paragraph(model), "", *fields_table(model.model_fields)]
    return lines


def walk_commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for word in sorted(below):
        yield from walk_commands(below[word], f"{name} {word}")


def commands_page() -> list[str]:
    """Every command with its arguments and options."""
    lines = ["# Commands", "", "Each has `--help`; exit codes: 0 it held, 1 it did not, 2 wrong use."]
    for name, command in walk_commands(typer.main.get_command(app), "parley"):
        lines += ["", f"## {name}", "", " ".join((command.help or "").split("\n\n")[0].split())]
        rows = [
            (f"`{' '.join(parameter_names(parameter))}`", parameter.help or "")
            for parameter in command.params
            if parameter.name != "help"
        ]
        if rows:
            lines += ["", *table(("argument", "what it does"), rows)]
    return lines


def parameter_names(parameter: Any) -> list[str]:
    """How a parameter is written: `NAME` of an argument, all spellings of an option."""
    if parameter.param_type_name == "argument":
        return [(parameter.metavar or parameter.name or "").upper()]
    return [*parameter.opts, *parameter.secondary_opts]


def modules_of(package: ModuleType) -> Iterator[str]:
    """The names of the files and folders in a package."""
    for module in iter_modules(package.__path__):
        yield module.name


def channels() -> dict[str, type[Channel]]:
    """Every channel by its kind; files and folders without a `Channel` in them are parts of one."""
    found = {}
    for kind in modules_of(bots):
        if kind in ("base", "simulators"):
            continue
        try:
            found[kind] = find_channel(kind)
        except LookupError:
            continue
    return found


def place_of(channel: type[Channel]) -> str:
    """The file that a channel is written in."""
    return f"{channel.__module__.replace('.', '/')}.py"


def channels_page() -> list[str]:
    """Every kind of channel with its own settings."""
    lines = ["# Channels", "", "The keys of a `[[channels]]` table. Every kind has these:", ""]
    lines += fields_table(ChannelSettings.model_fields)
    for kind, channel in channels().items():
        own = {
            name: field
            for name, field in channel.Settings.model_fields.items()
            if name not in ChannelSettings.model_fields
            or field.get_default() != ChannelSettings.model_fields[name].get_default()
        }
        lines += ["", f'## kind = "{kind}"', "", first_paragraph(channel), "", f"In `{place_of(channel)}`."]
        if own:
            lines += ["", *fields_table(own)]
    return lines


def actions_page() -> list[str]:
    """Every action that a domain may name."""
    rows = (
        (f"`{name}`", f"`{function.__module__.replace('.', '/')}.py`", first_paragraph(function))
        for name, function in sorted(load_actions().items())
    )
    return ["# Actions", "", *table(("action", "file", "what it does"), rows)]


def triggers_page() -> list[str]:
    """Every way in which a campaign can say whom it means."""
    lines = ["# Triggers", "", "What `trigger` and `params` of a campaign may say: whom it means."]
    for name, found in sorted(load_triggers().items()):
        module = found.people.__module__.replace(".", "/")
        lines += ["", f"## {name}", "", first_paragraph(found.people), "", f"In `{module}.py`.", ""]
        lines += fields_table(found.params.model_fields)
    return lines


def pages() -> dict[str, str]:
    """The text of every reference page by its file name."""
    drawn = {
        "settings.md": settings_page(),
        "commands.md": commands_page(),
        "channels.md": channels_page(),
        "actions.md": actions_page(),
        "triggers.md": triggers_page(),
    }
    return {name: "\n".join([NOTE, "", *lines, ""]) for name, lines in drawn.items()}


def main() -> int:
    """Write all pages."""
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
