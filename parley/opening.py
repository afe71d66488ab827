"""From settings to the channels and the bot that they name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bots.base import Channel, ChannelSettings, Host, find_channel
from config.reading import SettingsError, line_of, validate
from config.settings import DAYS, Settings
from crm_store.db import Database
from crm_store.media import MediaFolder
from crm_store.send_rules import Rules
from nlu.action_server import ActionServer
from nlu.endpoints import read_action_endpoint
from parley.bot import Bot
from parley.host import HouseHost
from parley.live import Hub
from parley.now import utc_now
from parley.training import find_taught, open_bot


def rules_of(settings: Settings) -> Rules:
    """What binds campaigns and follow-ups."""
    sending = settings.sending
    return Rules(
        opt_in=sending.marketing == "opt_in",
        quiet=sending.quiet,
        cap=sending.frequency_cap,
        period=timedelta(days=sending.frequency_days),
        zone=settings.timezone,
    )


def documents_of(settings: Settings) -> Path | None:
    """The folder that a language model may draw from; SettingsError if it is named and not there."""
    if not settings.llm.documents:
        return None
    folder, key = settings.at(Path(settings.llm.documents)), "llm.documents"
    if not folder.is_dir():
        raise SettingsError(
            settings.file, [(line_of(settings.file, key), key, f"there is no folder {folder}")]
        )
    return folder


def idle_host(settings: Settings) -> HouseHost:
    """A host for channels that are opened to see whether they can be; nothing is connected."""
    media = MediaFolder(settings.at(settings.media.dir), 0)
    return HouseHost(Database(settings.resolved_database_url), Hub(), media, utc_now)


def open_channels(settings: Settings, host: Host) -> list[Channel]:
    """A channel for each `[[channels]]` table; SettingsError names every fault of all of them."""
    channels, faults = [], []
    for place, table in enumerate(settings.channels):
        try:
            channels.append(_open_channel(settings, place, table, host))
        except SettingsError as error:
            faults += error.faults
    if faults:
        raise SettingsError(settings.file, faults)
    return channels


def _open_channel(settings: Settings, place: int, table: Mapping[str, Any], host: Host) -> Channel:
    under = f"channels.{place}"
    try:
        kind = find_channel(str(table["kind"]))
    except LookupError as error:
        line = line_of(settings.file, f"{under}.kind")
        raise SettingsError(settings.file, [(line, f"{under}.kind", str(error))]) from None
    values = dict(table)
    if "public_url" in kind.Settings.model_fields:
        values.setdefault("public_url", settings.public_url)
    own: ChannelSettings = validate(kind.Settings, values, settings.file, under)
    return kind(own, host)


def bot_of(
    settings: Settings,
    now: Callable[[], datetime],
    tell: Callable[[str], None],
    database: Database | None = None,
) -> Bot:
    """The bot that the settings name, with what people have taught it if the database is given."""
    hours, zone = settings.opening_hours, ZoneInfo(settings.timezone)
    models = settings.at(settings.models_dir)
    return open_bot(
        settings.at(settings.bot),
        models,
        engine=settings.nlu.engine,
        dialogue=settings.nlu.dialogue,
        rasa_url=settings.nlu.rasa_url,
        language=settings.locale.partition("-")[0],
        today=lambda: now().astimezone(zone),
        settings={
            "timezone": settings.timezone,
            "public_url": settings.public_url,
            "opening_hours": {day: getattr(hours, day) for day in DAYS},
        },
        tell=tell,
        taught=find_taught(database, models) if database else None,
        server=action_server_of(settings),
    )


def action_server_of(settings: Settings) -> ActionServer | None:
    """The server that the bot's `endpoints.yml` names; ProjectErrors where that does not hold."""
    endpoint = read_action_endpoint(settings.at(settings.bot), os.environ)
    return ActionServer(endpoint, settings.actions.deadline_seconds) if endpoint else None
