"""The command `parley` and the options that its commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, read_settings

app = typer.Typer(
    name="parley",
    help="One bot and one customer record for WeChat, Telegram, the web and more.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
bot = typer.Typer(help="Train, ask and test the bot.", no_args_is_help=True)
db = typer.Typer(help="The database.", no_args_is_help=True)
token = typer.Typer(help="Bearer tokens for the API.", no_args_is_help=True)
user = typer.Typer(help="The people who work in the console.", no_args_is_help=True)
simulate = typer.Typer(help="Local platforms, to try a bot without an account.", no_args_is_help=True)
for name, group in (("bot", bot), ("db", db), ("token", token), ("user", user), ("simulate", simulate)):
    app.add_typer(group, name=name)

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="the settings file; else PARLEY_CONFIG, else the demo shop's", metavar="FILE"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON for programs")]


def settings_from(config: Path | None) -> Settings:
    """The settings of a command."""
    return read_settings(config, os.environ)
