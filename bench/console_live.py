"""How long a customer's message takes to open consoles, and what they cost the server.

.venv/bin/python -m bench.console_live --consoles 50 --messages 60
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from bench.callbacks import Callback, Callbacks
from bench.client import Connection
from bench.house import House
from bench.processes import pin, used

PASSWORD = "correct horse battery"
NEWS_SECONDS = 20  # a console that has heard nothing for so long hears nothing any more
_CONVERSATION = re.compile(rb'"id": "([0-9a-f-]{36})"')


async def listen(session: aiohttp.ClientSession, url: str, news: asyncio.Queue[float]) -> None:
    """One open console: notes when a conversation comes that it has not seen before."""
    known: set[bytes] = set()
    async with session.get(f"{url}/console/live", timeout=aiohttp.ClientTimeout(total=None)) as stream:
        buffer = b""
        async for chunk in stream.content.iter_any():
            now = time.perf_counter()
            *events, buffer = (buffer + chunk).split(b"\n\n")
            for found in map(_CONVERSATION.search, events):
                if found and found[1] not in known:
                    known.add(found[1])
                    news.put_nowait(now)


async def watch(house: House, consoles: int, messages: int) -> dict[str, float]:
    """One message after the other, each of somebody new; latencies in ms, CPU in ms a message."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=consoles + 8)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        await session.post(f"{house.url}/console/sign-in", data={"name": "lin", "password": PASSWORD})
        news: asyncio.Queue[float] = asyncio.Queue()
        listeners = [asyncio.create_task(listen(session, house.url, news)) for _ in range(consoles)]
        await asyncio.sleep(2)
        callbacks = Callbacks(house.path, customers=messages)
        connection = Connection(house.ports[0], _nobody)
        firsts, lasts, before = [], [], used(house.pids)
        for _ in range(messages):
            began = time.perf_counter()
            connection.ask(next(callbacks), began)
            async with asyncio.timeout(NEWS_SECONDS):
                arrivals = [await news.get() - began for _ in range(consoles)]
            firsts.append(min(arrivals) * 1000)
            lasts.append(max(arrivals) * 1000)
            await asyncio.sleep(0.1)
        after = used(house.pids)
        connection.close()
        for listener in listeners:
            listener.cancel()
    return {
        "first_median": round(statistics.median(firsts), 1),
        "first_worst": round(max(firsts), 1),
        "last_median": round(statistics.median(lasts), 1),
        "last_worst": round(max(lasts), 1),
        "cpu": round((after.cpu - before.cpu) / messages * 1000, 1),
        "memory": round(after.memory / 1e6, 1),
    }


def _nobody(connection: Connection, callback: Callback, since: float, head: bytes, body: bytes) -> None:
    """The answer is not what is measured here."""


def main(words: list[str]) -> int:
    """Start a house, open consoles, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--consoles", type=int, default=50)
    parser.add_argument("--messages", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        house = House(Path(folder), f"sqlite:///{folder}/parley.db")
        with house:
            house.run("user", "add", "lin", "--role", "agent", "--password-stdin", typed=f"{PASSWORD}\n")
            pin(1)
            figures = asyncio.run(watch(house, arguments.consoles, arguments.messages))
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(*(f"{name:14} {value:>12}" for name, value in figures.items()), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
