"""An office whose console has a language model beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pydantic import SecretStr

from config.settings import Llm
from console.app import create_console
from nlu.project import Project
from parley.assistant import Assistant
from parley.bot import Bot
from parley.library import Library
from parley.shelving import Shelving
from tests.console.office import Office
from tests.nlu.model_server import ModelServer

KEY = "sk-very-secret"


def assistant_of(
    office: Office, server: ModelServer, folder: Path | None, project: Project | None = None, **more: Any
) -> Assistant:
    """An assistant, and the office's console with it. `more`: keys of the settings."""
    given: dict[str, Any] = {"base_url": server.url, "model": "m", "timeout_seconds": 5}
    settings = Llm(**given | {"api_key": SecretStr(KEY)} | more)
    bot = cast(Bot, SimpleNamespace(project=project or Project()))
    library = Library(folder, office.database)
    shelving = Shelving(library, lambda: bot.project)
    assistant = Assistant(
        settings, office.database, shelving, lambda: bot, lambda: office.time, "Asia/Shanghai", "zh"
    )
    office.host = replace(office.host, assist=assistant, library=library)
    office.console = create_console(office.host)
    return assistant
