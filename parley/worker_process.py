"""The process that `parley worker` becomes: `python -m parley.worker_process CONFIG`.

The same house as the server's, without a port: it works, delivers, ticks and learns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path

from parley.lean import settle  # before all that would load what we do not want

# isort: split
import uvloop

from config.reading import SettingsError
from config.settings import read_settings
from crm_store.messages import ParleyError
from parley.house import House
from parley.logs import set_up_log

LOOK_SECONDS = 1.0


def work(config: Path) -> int:
    """Work until a signal comes; 1 if a part of the house has died: whoever watches starts it anew."""
    settings = read_settings(config, os.environ)
    set_up_log(settings.log.level, settings.log.format)
    house = House(settings, tell=_tell)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(_live(house, settings.metrics.worker_port))
        sys.stdout.flush()
        # Threads that still ask a slow remote engine are not waited for: their leases are dropped already.
        os._exit(code)


async def _live(house: House, port: int) -> int:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    await house.start(web=False)
    settle()
    async with _watched(house, port):
        stopping = asyncio.create_task(told_to_stop.wait())
        while not stopping.done() and not house.broken:
            await asyncio.wait([stopping], timeout=LOOK_SECONDS)
    await house.stop()
    return 1 if house.broken else 0


def _watched(house: House, port: int) -> AbstractAsyncContextManager[None]:
    if not port:
        return nullcontext()
    from parley.watching import watched  # and a web server, which is not loaded otherwise

    return watched(house, port)


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """`CONFIG`; 1 if it could not start."""
    (config,) = arguments
    try:
        return work(Path(config))
    except (OSError, ParleyError, SettingsError) as error:
        _tell(f"parley worker could not start: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
