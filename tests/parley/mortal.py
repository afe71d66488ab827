"""A small house in a process of its own that is killed often: forked from one that has loaded everything.

Run as a program over a database it forks a house for each line of JSON that it reads (a `Life`), and tells
its process id.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlmodel import Session

from bots.base import Channel
from config.settings import Settings
from crm_store.db import Database
from crm_store.messages import Address, Content, Policy, Sent
from parley import house as houses
from parley.house import House
from tests.parley.tiny import Pigeon, Request, tiny_bot, until_true

POLICIES = {
    "pushed": Policy(),
    "inline": Policy(inline_within=2.0),
    "passive": Policy(inline_within=2.0, push=False, gives_up_after=2.5, tries=3),
}
WARM = "warm"  # who wrote before the first house was born
# Where a house may be told to die: before and after a commit, a request to the platform, an answer to it.
POINTS = ("commit", "committed", "sending", "sent", "answering", "answered")
# What waits for seconds waits for tenths here: a kill is to be got over while others wait for it.
HASTE = {"LEASE": 0.1, "RENEW_SECONDS": 0.1, "LOST_AFTER": 0.05}


@dataclass(frozen=True)
class Life:
    """One life of the house: where it serves, and at which passing of which point it dies."""

    folder: str
    platform: str  # the socket on which the platform takes what is sent to customers
    door: str  # the socket on which webhooks come in
    point: str = ""
    passes: int = 0
    redis_url: str = ""


class Doom:
    """Kills this process where its life says so, as kill -9 does."""

    def __init__(self, life: Life) -> None:
        self._point, self._left = life.point, life.passes

    def pass_(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class Wired(Pigeon):
    """A pigeon whose platform is another process."""

    def __init__(self, name: str, life: Life, doom: Doom) -> None:
        super().__init__(name, POLICIES[name])
        self._life, self._doom = life, doom

    async def send(self, to: Address, content: Content) -> Sent:
        self._doom.pass_("sending")
        said = {"channel": self.name, "to": to.external_id, "text": content.text}
        answer = await ask(self._life.platform, said)
        self._doom.pass_("sent")
        return Sent(**answer) if answer else Sent("unknown", reason="the platform hung up")


class Knock(Request):
    """A request that came in over a socket."""

    def __init__(self, house: House, doom: Doom, writer: asyncio.StreamWriter, **said: str) -> None:
        super().__init__(house, **said)
        self._doom, self._writer = doom, writer

    async def take(self, reader: asyncio.StreamReader) -> None:
        """Have it answered; whoever hangs up meanwhile is noticed."""
        leaving = asyncio.create_task(reader.read())
        leaving.add_done_callback(lambda _: self.hang_up())
        await self.run()
        leaving.cancel()

    async def _send(self, event: Any) -> None:
        await super()._send(event)
        if "body" in event:
            self._doom.pass_("answering")
            self._writer.write(json.dumps({"status": self.status, "text": self.text}).encode() + b"\n")
            self._doom.pass_("answered")


async def ask(socket: str, question: Any) -> Any:
    """One question and its answer over a socket; None if the other end hangs up instead."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        writer.write(json.dumps(question).encode() + b"\n")
        line = await reader.readline()
        return json.loads(line) if line.endswith(b"\n") else None
    finally:
        writer.close()


def _hasten() -> None:
    for name, factor in HASTE.items():
        bound = [m for key, m in sys.modules.items() if key.split(".")[0] in ("crm_store", "parley")]
        found = [module for module in bound if hasattr(module, name)]
        assert found, f"nothing waits for {name} any more"
        for module in found:
            setattr(module, name, getattr(module, name) * factor)


def _watch_commits(database: Database, doom: Doom) -> None:
    writing = database.writing

    @contextmanager
    def watched() -> Iterator[Session]:
        with writing() as session:
            yield session
            doom.pass_("commit")
        doom.pass_("committed")

    database.writing = watched  # type: ignore[method-assign]


def _never_sync(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # The process dies here, never the machine.


def _house(database: Database, folder: str, channels: Sequence[Channel], redis_url: str = "") -> House:
    parts = {"open_channels": list(channels), "bot_of": tiny_bot(), "Database": database}
    for name, part in parts.items():
        assert hasattr(houses, name)
        setattr(houses, name, lambda *_, part=part: part)
    more: dict[str, Any] = {"redis_url": redis_url} if redis_url else {}
    return House(Settings(file=Path(folder) / "parley.toml", **more))


async def warm_up(database: Database) -> None:
    """Do all once, so that a house that is born later does not have to learn every statement."""
    channels = [Pigeon(name, policy) for name, policy in POLICIES.items()]
    house = _house(database, ".", channels)
    await house.start()
    for channel in POLICIES:
        asked = [Request(house, WARM, str(n // 2), "hello two", channel).run() for n in range(6)]
        await asyncio.gather(*asked)
    await until_true(lambda: len(channels[0].sent) == 6)
    await house.stop()


def _end_with(parent: int) -> None:
    """Outlive nobody: a test that was killed itself cannot end what it has forked."""
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    asyncio.get_running_loop().call_later(1, _end_with, parent)


async def live(database: Database, life: Life, parent: int) -> None:
    """Serve until killed."""
    _end_with(parent)
    doom = Doom(life)
    channels = [Wired(name, life, doom) for name in POLICIES]
    house = _house(database, life.folder, channels, life.redis_url)
    await house.start()
    _watch_commits(database, doom)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line := await reader.readline():  # Else somebody has looked whether we are open.
            await Knock(house, doom, writer, **json.loads(line)).take(reader)
        writer.close()

    with suppress(FileNotFoundError):
        os.unlink(life.door)  # noqa: PTH108  (of the life before)
    async with await asyncio.start_unix_server(take, life.door) as server:
        await server.serve_forever()


def main(url: str) -> None:
    """Fork a house for each line."""
    database = Database(url)
    if database.is_sqlite:
        sqlalchemy.event.listen(database.engine, "connect", _never_sync)
    out = os.dup(1)
    os.dup2(2, 1)  # What is logged is not what we tell.
    asyncio.run(warm_up(database))
    _hasten()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # Whoever is killed leaves nothing behind.
    os.write(out, b"warm\n")
    for line in sys.stdin:
        life = Life(**json.loads(line))
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(live(database, life, parent))
            os._exit(0)
        os.write(out, f"{pid}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1])
