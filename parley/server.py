"""The server process: `python -m parley.server CONFIG HOST PORT COMMAND`, which `parley run` becomes."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from errno import EADDRINUSE
from pathlib import Path
from types import FrameType

from parley.lean import settle  # before all that would load what we do not want

# isort: split
from uvicorn.config import Config
from uvicorn.server import Server

from config.reading import SettingsError
from config.settings import read_settings
from crm_store.messages import ParleyError
from parley.app import create_app
from parley.house import House
from parley.logs import set_up_log
from parley.preparing import demo_staff, prepare
from parley.welcome import welcome

GRACE_SECONDS = 15


def serve(config: Path | None, host: str, port: int, command: str) -> None:
    """Serve until a signal comes. OSError if the address is taken, InUse if the SQLite file is.

    `command` is how `parley` was called, for what is told.
    """
    settings = read_settings(config, os.environ)
    set_up_log(settings.log.level, settings.log.format)
    # Both before the house is opened: a second server must not touch what the first one has in hand.
    listening = _listen(host, port)
    if not prepare(settings):
        return
    house = House(settings, tell=_tell)
    house.database.claim()
    staff = demo_staff(settings, house.database)
    print(welcome(house.channels, host, port, command, staff), flush=True)
    server = _Server(
        house,
        Config(
            create_app(house),
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws_max_size=64 * 1024,
        ),
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal that stopped it once more
        server.run(sockets=[listening])
    sys.stdout.flush()
    # Threads that still ask a slow remote engine are not waited for: their leases are dropped already.
    os._exit(0 if server.started else 1)


class _Server(Server):
    """A server that ends what open pages follow as soon as it is told to stop, and not after it."""

    def __init__(self, house: House, config: Config) -> None:
        super().__init__(config)
        self._house = house

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the house, then give back what only its opening took."""
        await super().startup(sockets)
        settle()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal has come."""
        self._house.close_pages()
        super().handle_exit(sig, frame)


def _listen(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    # With the protocol named, asyncio sends small answers at once instead of 40 ms later.
    listening = socket.socket(family, kind, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(address)
    listening.listen(2048)
    return listening


def _tell(what: str) -> None:
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """`CONFIG HOST PORT COMMAND`, CONFIG empty for the usual one; 1 if it could not start."""
    config, host, port, command = arguments
    try:
        serve(Path(config) if config else None, host, int(port), command)
    except KeyboardInterrupt:
        return 130  # It was stopped before it served: as a shell counts that.
    except OSError as error:
        hint = ": stop what runs there, or take another --port" if error.errno == EADDRINUSE else ""
        _tell(f"parley run could not start on {host}:{port}: {error.strerror or error}{hint}")
    except SettingsError as error:
        _tell(str(error))
    except (OverflowError, ParleyError) as error:
        _tell(f"parley run could not start on {host}:{port}: {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
