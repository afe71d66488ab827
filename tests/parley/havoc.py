"""The other side of a house that is killed often: its platform, its customers, and whoever kills it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

from sqlmodel import col
from sqlmodel import select as select_rows

from crm_store.db import Database
from crm_store.history import Message
from tests.parley.mortal import POINTS, POLICIES, WARM, Life, ask

ROOT = Path(__file__).parents[2]
PEOPLE = 3  # on each channel
MOST_LIVED = 25  # messages that came through in one life
LIVES_WITHIN = 0.6  # seconds
SETTLES_WITHIN = 30.0
Disturb = Callable[[random.Random], Awaitable[None]]


class Zygote:
    """A process that has loaded everything, from which a house is forked in hundredths of a second."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._in: IO[str] = process.stdin
        self._out: IO[str] = process.stdout
        assert self._out.readline() == "warm\n"

    def bear(self, life: Life) -> int:
        """A house that begins to live; its process id."""
        self._in.write(json.dumps(asdict(life)) + "\n")
        self._in.flush()
        return int(self._out.readline())


@contextmanager
def open_zygote(database_url: str, log: Path) -> Iterator[Zygote]:
    """Load everything once, for houses over this database."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.parley.mortal", database_url],
            cwd=log.parent,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            text=True,
        )
    try:
        yield Zygote(process)
    finally:
        process.communicate(timeout=10)


class Havoc:
    """One history: customers write, a house answers, and somebody kills it again and again."""

    def __init__(self, zygote: Zygote, database_url: str, life: Life, seed: int) -> None:
        self.database_url = database_url
        self.zygote, self.life, self.dice = zygote, life, random.Random(seed)
        self.kills, self.happened = 0, 0
        self.over = False
        self.asked: dict[tuple[str, str], str] = {}  # what was handed in, by channel and key
        self.answers: dict[tuple[str, str], list[str]] = defaultdict(list)  # in responses to it
        self.arrived: dict[tuple[str, str], list[str]] = defaultdict(list)  # sent to a person
        self._alive = 0

    async def run(self, kills: int, disturb: Disturb | None = None) -> None:
        """Live through this many kills, then until nothing is left to be done."""
        server = await asyncio.start_unix_server(self._take, self.life.platform)
        async with server:
            people = [
                asyncio.create_task(self._write(channel, f"{channel}{n}"))
                for channel in POLICIES
                for n in range(PEOPLE)
            ]
            while self.kills < kills:
                fate = self._fate()
                await self._begin(fate)
                if disturb and self.dice.random() < 0.2:
                    await disturb(self.dice)
                # Counted in what has happened, not in time: so it is the same on a machine that is busy.
                most = MOST_LIVED if fate.point else self.dice.randrange(MOST_LIVED)
                await self._end(self.happened + most)
            await self._begin(self.life)
            self.over = True
            async with asyncio.timeout(SETTLES_WITHIN):
                await asyncio.gather(*people)
            await self._settle()
            await self._end(self.happened)

    # The platform.

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What the house sends to a customer."""
        said = json.loads(await reader.readline())
        answer: dict[str, Any] = {"status": "accepted", "platform_id": f"p{self.dice.random()}"}
        if self.dice.random() < 0.05:
            answer = {"status": "queued", "reason": "too fast", "retry_after": 0.02}
        else:
            self.arrived[said["channel"], said["to"]].append(said["text"])
            self.happened += 1
        await asyncio.sleep(self.dice.random() * 0.005)
        with suppress(OSError):
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _deliver(self, channel: str, who: str, key: str, text: str) -> None:
        """Hand a message in until it is taken."""
        await asyncio.sleep(self.dice.random() * 0.01)
        while True:
            answer = None
            with suppress(OSError, TimeoutError, ValueError):
                async with asyncio.timeout(5):
                    question = {"channel": channel, "who": who, "key": key, "text": text}
                    answer = await ask(self.life.door, question)
            if answer and answer["status"] == 200:
                self.answers[channel, key].append(answer["text"])
                self.happened += 1
                return
            await asyncio.sleep(0.005 + self.dice.random() * 0.03)

    async def _write(self, channel: str, who: str) -> None:
        """A customer who writes a few messages at once, then waits until they are taken."""
        while not self.over:
            several = range(self.dice.randint(1, 3))
            await asyncio.gather(*(self._say(channel, who, self.dice.choice((1, 1, 3))) for _ in several))
            await asyncio.sleep(self.dice.random() * 0.03)

    async def _say(self, channel: str, who: str, copies: int) -> None:
        """One message, handed in so many times at once; returns when each was taken."""
        count = len(self.asked)
        key, text = f"{who}.{count}", f"{who} {count}{' two' * (self.dice.random() < 0.2)}"
        self.asked[channel, key] = text
        await asyncio.gather(*(self._deliver(channel, who, key, text) for _ in range(copies)))

    # Whoever kills.

    def _fate(self) -> Life:
        point = self.dice.choice((*POINTS, "", ""))
        return replace(self.life, point=point, passes=self.dice.randint(1, 12))

    async def _begin(self, life: Life) -> None:
        pid = await asyncio.to_thread(self.zygote.bear, life)
        self._alive = os.pidfd_open(pid)
        until = time.monotonic() + 20
        while not self._dies(0):
            with suppress(OSError):
                _, writer = await asyncio.open_unix_connection(life.door)
                writer.close()
                return
            assert time.monotonic() < until, "the house does not open"
            await asyncio.sleep(0.005)

    async def _end(self, when: int) -> None:
        until = time.monotonic() + LIVES_WITHIN
        while self.happened < when and time.monotonic() < until:
            if await asyncio.to_thread(self._dies, 0.002):
                break
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._alive, signal.SIGKILL)
        await asyncio.to_thread(self._dies, 10)
        os.close(self._alive)
        self.kills += 1

    def _dies(self, within: float) -> bool:
        return bool(select.select([self._alive], [], [], within)[0])

    async def _settle(self) -> None:
        fewest, until = 2**31, 0.0
        while open_ones := [m for m in self.messages() if m.work == "waiting" or m.status in _OPEN]:
            if len(open_ones) < fewest:  # The more kills, the more is left; but it has to become less.
                fewest, until = len(open_ones), time.monotonic() + SETTLES_WITHIN
            told = Counter((m.channel, m.direction, m.status, m.work, m.reason) for m in open_ones)
            assert time.monotonic() < until, told
            for row in open_ones:
                if row.status == "queued" and not POLICIES[row.channel].push:
                    # It waits for the next message, so there is one.
                    await self._say(row.channel, row.external_id, copies=1)
            await asyncio.sleep(0.05)

    def messages(self) -> list[Message]:
        """All that stands in the database, in the order of recording."""
        database = Database(self.database_url)
        try:
            with database.reading() as session:
                query = select_rows(Message).where(Message.external_id != WARM)
                return list(session.exec(query.order_by(col(Message.seq))))
        finally:
            database.close()


_OPEN = ("queued", "sending")
