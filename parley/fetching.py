"""Received files: fetched from their platform after recording, and kept, since platforms forget them.

Done beside everything else: an answer never waits for a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog

from bots.base import Channel
from crm_store import history
from crm_store.db import Database
from crm_store.messages import Media, ParleyError
from crm_store.recording import Recorded

AT_ONCE = 4
PAUSES = (2.0, 30.0, 300.0)  # seconds before further tries

log = structlog.get_logger()


class Fetcher:
    """Fetches what recorded messages only name."""

    def __init__(self, database: Database, channels: Mapping[str, Channel]) -> None:
        self._database = database
        self._channels = channels
        self._room = asyncio.Semaphore(AT_ONCE)

    def wants(self, recorded: Recorded) -> bool:
        """Whether a message brought a file that lies only with its platform."""
        media = recorded.incoming.content.media
        return media is not None and bool(media.platform_id) and not recorded.repeat

    async def fetch(self, recorded: Recorded) -> None:
        """Fetch and keep the message's file; given up, with a line in the log, after some tries."""
        content, channel = recorded.incoming.content, self._channels[recorded.incoming.address.channel]
        assert content.media is not None
        for pause in (*PAUSES, None):
            try:
                async with self._room:
                    media = await channel.fetch(content.media)
            except ParleyError as error:
                log.info("file.not_fetched", message=str(recorded.message_id), why=str(error))
            else:
                await asyncio.to_thread(self._write, recorded, media)
                return
            if pause is None:
                log.warning("file.given_up", message=str(recorded.message_id))
                return
            await asyncio.sleep(pause)

    def _write(self, recorded: Recorded, media: Media) -> None:
        with self._database.writing() as session:
            message = history.get_message(session, recorded.message_id)
            kept = replace(recorded.incoming.content, media=media).to_json()
            message.content = message.content | {"media": kept["media"]}
            session.add(message)
