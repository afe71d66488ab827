"""How long a customer's message takes to an open console, and what fifty open ones cost the server.

.venv/bin/python bench/console_live.py [CONSOLES] [MESSAGES]
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp

from crm_store.db import Database
from crm_store.migrating import upgrade
from tests.parley.serving import Server
from tests.parley.wires import plain, wechat_text

PASSWORD = "correct horse battery"


def cpu_seconds(server: Server) -> float:
    """What the server has used so far."""
    assert server.process
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def listen(session: aiohttp.ClientSession, url: str, news: asyncio.Queue[float]) -> None:
    """One open console: notes when a conversation comes that it has not seen before."""
    known: set[bytes] = set()
    async with session.get(f"{url}/console/live", timeout=aiohttp.ClientTimeout(total=None)) as stream:
        buffer = b""
        async for chunk in stream.content.iter_any():
            now = time.perf_counter()
            *events, buffer = (buffer + chunk).split(b"\n\n")
            for found in (re.search(rb'"id": "([0-9a-f-]{36})"', event) for event in events):
                if found and found[1] not in known:
                    known.add(found[1])
                    news.put_nowait(now)


async def measure(server: Server, consoles: int, messages: int) -> None:
    """Print the figures."""
    jar = aiohttp.CookieJar(unsafe=True)
    connector = aiohttp.TCPConnector(limit=consoles + 8)
    async with aiohttp.ClientSession(cookie_jar=jar, connector=connector) as session:
        await session.post(f"{server.url}/console/sign-in", data={"name": "lin", "password": PASSWORD})
        news: asyncio.Queue[float] = asyncio.Queue()
        listeners = [asyncio.create_task(listen(session, server.url, news)) for _ in range(consoles)]
        await asyncio.sleep(2)
        firsts, lasts, before = [], [], cpu_seconds(server)
        for number in range(messages):
            query, body = plain(wechat_text(f"o{number}", "你们几点开门", number + 1))
            began = time.perf_counter()
            post = asyncio.create_task(
                session.post(f"{server.url}/webhooks/shop-wechat?{query}", data=body)
            )
            async with asyncio.timeout(20):
                arrivals = [await news.get() - began for _ in range(consoles)]
            await post
            firsts.append(min(arrivals) * 1000)
            lasts.append(max(arrivals) * 1000)
            await asyncio.sleep(0.1)
        used = cpu_seconds(server) - before
        for listener in listeners:
            listener.cancel()
    print(f"{consoles} consoles, {messages} messages, one at a time")
    print(f"first console: median {statistics.median(firsts):.1f} ms, worst {max(firsts):.1f} ms")
    print(f"last console:  median {statistics.median(lasts):.1f} ms, worst {max(lasts):.1f} ms")
    print(f"CPU of the server: {used / messages * 1000:.1f} ms a message, answer included")


def main() -> None:
    """Start a server, measure, stop it."""
    consoles, messages = (int(n) for n in (sys.argv[1:] + ["50", "60"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/parley.db"
        database = Database(url)
        upgrade(database)
        database.close()
        server = Server(Path(folder), url)
        server.run("user", "add", "lin", "--role", "agent", "--password-stdin", typed=f"{PASSWORD}\n")
        with server:
            asyncio.run(measure(server, consoles, messages))


main()
