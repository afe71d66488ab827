"""Redis: what the processes on one database tell each other, and rates that they share.

Only what may be lost lives here. Whatever Redis does (it is away, hangs, comes back empty), nobody waits
for it for more than about a second, and nothing raises: `reachable` says how it is.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from crm_store.db import new_id

ANSWER_SECONDS = 1.0  # later is as good as away
BEAT_SECONDS = 0.5
SILENT_SECONDS = 2.0  # so long nothing of our own beats was heard: the way back is broken
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0  # between two tries to reach it
BLOCK_MS = 2000
MOST_WAITING = 10_000  # things to tell that have not gone out; beyond that they are lost
LONGEST_STREAM = 50_000  # wake-ups that nobody has taken
AGAIN_SECONDS = 0.1  # until a cancellation that was lost is repeated
_GROUP = "workers"
_AWAY = (RedisError, OSError, TimeoutError)

# A bucket of one second's messages, by the server's own time. ARGV: messages a second, how many are wanted
# (below 0: given back), who asks. Returns how many may go, how many there were, how many share the bucket.
_BUCKET = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local most, wanted = tonumber(ARGV[1]), tonumber(ARGV[2])
local had = redis.call('HMGET', KEYS[1], 'left', 'at')
local passed = math.max(0, now - (tonumber(had[2]) or now))
local left = math.min(most, (tonumber(had[1]) or most) + passed * most)
local go = math.min(wanted, math.max(0, math.floor(left)))
redis.call('HSET', KEYS[1], 'left', math.min(most, left - go), 'at', now)
redis.call('ZADD', KEYS[2], now, ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now - 60)
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], 60000)
return {go, math.floor(left), redis.call('ZCARD', KEYS[2])}
"""

Result = TypeVar("Result")

log = structlog.get_logger()


class Live:
    """This process among the others. `run` keeps the connection; all calls are made on its event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = "parley:"
        self._here = new_id().hex[-12:]
        self._heard: Callable[[str, str], None] = lambda _topic, _text: None
        self._turned: Callable[[bool], None] = lambda _: None
        self._known: bool | None = None  # whether it was reachable when we last looked
        self._client: Redis | None = None
        self._reader: Redis | None = None  # waits for wake-ups, so it is in nobody's way
        self._subscribing = asyncio.Lock()
        self._news: PubSub | None = None
        self._topics: dict[str, asyncio.Event] = {}  # what we listen to; set: from now on really
        self._out: deque[tuple[Any, ...]] = deque(maxlen=MOST_WAITING)
        self._to_send, self._up, self._lost = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._beat_at = 0.0

    @property
    def reachable(self) -> bool:
        """Whether others hear us, and we them."""
        return self._up.is_set()

    async def run(
        self, house: str, heard: Callable[[str, str], None], turned: Callable[[bool], None]
    ) -> None:
        """Be one of the processes of a house until cancelled.

        `house` keeps several on one Redis apart. `heard` is told topic and text of what others tell,
        `turned` when Redis has become reachable or is so no more.
        """
        self._prefix, self._heard, self._turned = f"parley:{house}:", heard, turned
        pause = FIRST_PAUSE
        try:
            while True:
                try:
                    await _ending(self._serve())
                except _AWAY as away:
                    pause = FIRST_PAUSE if self.reachable else min(2 * pause, LONGEST_PAUSE)
                    self._turn(False, error=type(away).__name__)
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        finally:
            self._up.clear()

    def tell(self, topic: str, text: str) -> None:
        """Tell all others who listen to a topic."""
        self._send("PUBLISH", f"{self._prefix}{topic}", f"{self._here} {text}")

    async def listen(self, topic: str) -> None:
        """Hear what others tell on a topic: from the return on, if Redis is reachable."""
        sure = self._topics.setdefault(topic, asyncio.Event())
        if self._news is None:
            return  # The next connection subscribes to all.
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._subscribing:
                    if not sure.is_set():
                        await self._news.subscribe(f"{self._prefix}{topic}")
                await sure.wait()
        except _AWAY:
            self._lost.set()

    async def leave(self, topic: str) -> None:
        """Listen to it no more."""
        self._topics.pop(topic, None)
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._subscribing:
                if self._news is not None and topic not in self._topics:
                    await self._news.unsubscribe(f"{self._prefix}{topic}")
        except _AWAY:
            self._lost.set()

    def hand_over(self, wake_ups: Collection[str]) -> None:
        """Put wake-ups where one of all processes takes each."""
        for one in wake_ups:
            self._send("XADD", f"{self._prefix}work", "MAXLEN", "~", LONGEST_STREAM, "*", "of", one)

    async def take(self, most: int) -> list[str]:
        """Wait for wake-ups and take them; nobody else gets these.

        They count as seen when they are read: what is lost with this process is found in the database.
        """
        while True:
            await self._up.wait()
            try:
                found = await _ending(self._read(most))
            except _AWAY:
                self._lost.set()
                await asyncio.sleep(BEAT_SECONDS)
                continue
            if found:
                return found

    async def reserve(self, bucket: str, per_second: float, wanted: int) -> tuple[int, int, int] | None:
        """Take `wanted` of a bucket's messages, or as many as there are; a negative number is given back.

        Returns how many may go now, how many there were, and how many processes share the bucket lately;
        None if Redis is away.
        """
        if self._client is None or not self.reachable:
            return None
        keys = (f"{self._prefix}rate:{bucket}", f"{self._prefix}users:{bucket}")
        try:
            told = await _ending(self._ask(self._client, keys, per_second, wanted))
        except _AWAY:
            self._lost.set()
            return None
        going, had, sharing = (int(number) for number in told)
        return going, had, sharing

    def _send(self, *command: Any) -> None:
        if self.reachable:
            self._out.append(command)
            self._to_send.set()

    def _open(self, seconds: float) -> Redis:
        return Redis.from_url(
            self._url,
            decode_responses=True,
            protocol=2,
            socket_timeout=seconds,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),  # `run` is what tries again.
        )

    async def _serve(self) -> None:
        """One connection, from its opening until it is lost."""
        async with (
            self._open(BLOCK_MS / 1000 + ANSWER_SECONDS) as reader,
            self._open(ANSWER_SECONDS) as client,
            client.pubsub() as news,
        ):
            await self._make_group(client)
            self._lost.clear()
            self._out.clear()
            for sure in self._topics.values():
                sure.clear()
            names = [f"{self._prefix}{topic}" for topic in (*self._topics, self._beat)]
            await news.subscribe(*names)
            self._client, self._news, self._reader = client, news, reader
            self._beat_at = asyncio.get_running_loop().time()
            parts = (self._hear(news), self._flush(client), self._keep(client), self._fail())
            tasks = [asyncio.create_task(part) for part in parts]
            # Not a TaskGroup: one that fails while it is being cancelled swallows the cancellation.
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                await done.pop()
            finally:
                self._client = self._news = self._reader = None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def _beat(self) -> str:
        return f"beat:{self._here}"

    async def _make_group(self, client: Redis) -> None:
        with suppress(ResponseError):  # It is there.
            await client.xgroup_create(f"{self._prefix}work", _GROUP, id="$", mkstream=True)

    async def _hear(self, news: PubSub) -> None:
        while True:
            message = await news.get_message(timeout=None)
            if message is None:
                continue
            topic = message["channel"].removeprefix(self._prefix)
            if message["type"] == "subscribe":
                if topic == self._beat:  # subscribed to last: from now on we hear everything
                    self._turn(True)
                elif topic in self._topics:
                    self._topics[topic].set()
            elif message["type"] == "message":
                sender, _, text = message["data"].partition(" ")
                if topic == self._beat:
                    self._beat_at = asyncio.get_running_loop().time()
                elif sender != self._here:
                    self._heard(topic, text)

    async def _flush(self, client: Redis) -> None:
        """What is to be told goes out together."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            pipe = client.pipeline(transaction=False)
            while self._out:
                pipe.execute_command(*self._out.popleft())
            await pipe.execute(raise_on_error=False)

    async def _keep(self, client: Redis) -> None:
        """Notice a Redis that hangs, and a way back that is broken."""
        while True:
            await client.publish(f"{self._prefix}{self._beat}", self._here)
            await asyncio.sleep(BEAT_SECONDS)
            if asyncio.get_running_loop().time() - self._beat_at > SILENT_SECONDS:
                raise TimeoutError

    async def _fail(self) -> None:
        """Give a connection up on which anybody has seen a command fail."""
        await self._lost.wait()
        raise TimeoutError

    async def _ask(self, client: Redis, keys: Sequence[str], *wanted: float) -> Any:
        return await client.eval(_BUCKET, len(keys), *keys, *wanted, self._here)

    async def _read(self, most: int) -> list[str]:
        if self._reader is None:
            raise TimeoutError
        stream: Any = {f"{self._prefix}work": ">"}
        found: Any = await self._reader.xreadgroup(
            _GROUP, "any", stream, count=most, block=BLOCK_MS, noack=True
        )
        return [fields["of"] for _, entries in found or () for _, fields in entries]

    def _turn(self, reachable: bool, **why: str) -> None:
        (self._up.set if reachable else self._up.clear)()
        before, self._known = self._known, reachable
        if before == reachable:
            return
        if not reachable:
            log.warning("redis.lost", **why, then="the database is asked instead")
        else:
            log.info("redis.reached")
        self._turned(reachable)


async def _ending(work: Coroutine[Any, Any, Result]) -> Result:
    """The work's result. It ends when it is cancelled: the client loses cancellations while it connects."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait([working])
    finally:
        while not working.done():
            working.cancel()
            await asyncio.wait([working], timeout=AGAIN_SECONDS)
        if not working.cancelled():
            working.exception()  # Nobody else asks for it if we are cancelled ourselves.
    return working.result()
