"""The command `parley` and the options that its commands share. Light: whatever is asked for loads this."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
