"""`parley chat`: talk to the bot in the terminal, and see why it says what it says."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from bots.terminal import Terminal, drawn
from config.settings import Settings
from crm_store import history
from crm_store.messages import Content
from parley.cli.given import settings_from
from parley.cli.root import Config, app

if TYPE_CHECKING:
    from parley.house import House

_ASK = "> "


@app.command(epilog="Example: parley chat --explain")
def chat(
    config: Config = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="show what was understood and decided")
    ] = False,
) -> None:
    """Talk to the bot in the terminal. Nothing is kept; a line such as /greet names an intent."""
    from parley.logs import set_up_log

    set_up_log("error", "console")
    settings = settings_from(config)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_talk(_apart(settings, Path(folder)), explain))


def _apart(settings: Settings, folder: Path) -> Settings:
    """The same bot with a database that ends with the talk, so that a running server is left alone."""
    return settings.model_copy(
        update={
            "database_url": f"sqlite:///{folder / 'chat.db'}",
            "channels": ({"name": "terminal", "kind": "terminal"},),
        }
    )


async def _talk(settings: Settings, explain: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    from parley.house import House  # the other commands start without it

    house = House(settings, tell=console.print)
    terminal = cast(Terminal, house.channels[0])
    await house.start()
    offered: list[str] = []
    try:
        while (line := await asyncio.to_thread(_read)) is not None:
            if not line:
                continue
            # A number chooses among the buttons that were offered last.
            place = int(line) - 1 if line.isdecimal() else -1
            await terminal.say(line, offered[place] if 0 <= place < len(offered) else "")
            contents = await _answers(house, terminal)
            offered = [button.payload for content in contents for button in content.buttons] or offered
            for content in contents:
                console.print(drawn(content), style="cyan", markup=False)
            if explain:
                console.print(
                    await asyncio.to_thread(_explanation, house, terminal), style="dim", markup=False
                )
    finally:
        await house.stop()


def _read() -> str | None:
    if sys.stdin.isatty():
        sys.stdout.write(_ASK)
        sys.stdout.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


async def _answers(house: House, terminal: Terminal) -> list[Content]:
    """All that is said until nothing waits any more."""
    said: list[Content] = []
    while await asyncio.to_thread(_busy, house, terminal) or not terminal.heard.empty():
        with suppress(TimeoutError):
            said.append(await asyncio.wait_for(terminal.heard.get(), 0.02))
    return said


def _busy(house: House, terminal: Terminal) -> bool:
    with house.database.reading() as session:
        return history.is_busy(session, terminal.visitor)


def _explanation(house: House, terminal: Terminal) -> str:
    with house.database.reading() as session:
        last = history.last_said(session, terminal.visitor)
    told = {"understanding": last.understanding, "decision": last.decision} if last else {}
    return json.dumps(told, ensure_ascii=False, indent=2)
